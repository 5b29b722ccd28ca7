//! Take in what a program writes as a recovery point.
//!
//! A pipe ends in the same way whether its writer had nothing more to say or died. So somebody has
//! to say behind its end that this was the right one: who started the program, and over the bus a
//! byte in a second pipe.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use catalog::Content;
use ingest::{Parent, StreamIngest};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::stat::{SFlag, fstat};
use record::{Progress, TenantAccess};

use crate::{Failure, Ingest, Ingested, OpenPool};

/// How many milliseconds a pipe is waited for before somebody is asked whether to go on.
const PATIENCE_MS: u8 = 250;

/// The byte that says that a stream has ended as it should.
pub const WHOLE: u8 = b'w';

/// Who wrote a stream, as far as it matters how that ended.
pub trait Writer {
    /// Whether the end of the stream was the right one. Asked once, behind the end; may wait until
    /// the progress is asked to stop.
    fn ended_well(&self, progress: &Progress) -> std::io::Result<()>;
}

/// What a command writes, read from its pipe.
#[derive(Debug)]
pub struct Pipe(File);

/// A stream that somebody else sends through a pipe, with the pipe that tells of its end.
#[derive(Debug)]
pub struct HandedStream {
    stream: File,
    end: File,
}

impl Pipe {
    pub fn new(from: OwnedFd) -> Self {
        Self(File::from(from))
    }
}

impl Read for &Pipe {
    /// As of a file; [`ErrorKind::Interrupted`] when nothing came for a while.
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut wanted = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut wanted, PATIENCE_MS)? {
            0 => Err(ErrorKind::Interrupted.into()),
            _ => (&self.0).read(buffer),
        }
    }
}

/// Whether it is the end of a pipe that can be read.
pub fn is_pipe(end: &OwnedFd) -> bool {
    let is_fifo = fstat(end).is_ok_and(|stat| {
        SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFIFO
    });
    let flags = fcntl(end, FcntlArg::F_GETFL).map(OFlag::from_bits_truncate);
    is_fifo && flags.is_ok_and(|flags| flags & OFlag::O_ACCMODE != OFlag::O_WRONLY)
}

impl HandedStream {
    /// Of two pipes as [`is_pipe`] wants them.
    pub fn new(stream: OwnedFd, end: OwnedFd) -> Self {
        for pipe in [&stream, &end] {
            // Somebody else may read what was there a moment ago, and nobody is to wait for that. A
            // pipe that cannot be told so is waited for.
            let _ = fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        }
        Self { stream: File::from(stream), end: File::from(end) }
    }
}

impl Read for &HandedStream {
    /// As of a pipe; fails when who would say that it is whole has gone without saying so.
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let stream = PollFd::new(self.stream.as_fd(), PollFlags::POLLIN);
        let end = PollFd::new(self.end.as_fd(), PollFlags::POLLIN);
        let mut both = [stream, end];
        poll(&mut both, PATIENCE_MS)?;
        let told = both.map(|one| one.revents().unwrap_or(PollFlags::empty()));
        let [came, ended] = told;
        if ended.contains(PollFlags::POLLHUP) && !ended.contains(PollFlags::POLLIN) {
            return Err(gone());
        }
        if came.is_empty() {
            return Err(ErrorKind::Interrupted.into());
        }
        (&self.stream).read(buffer).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => ErrorKind::Interrupted.into(),
            _ => error,
        })
    }
}

impl Writer for HandedStream {
    fn ended_well(&self, progress: &Progress) -> std::io::Result<()> {
        let mut byte = [0];
        loop {
            let mut end = [PollFd::new(self.end.as_fd(), PollFlags::POLLIN)];
            poll(&mut end, PATIENCE_MS)?;
            match (&self.end).read(&mut byte) {
                Ok(1) if byte == [WHOLE] => return Ok(()),
                Ok(_) => return Err(gone()),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) if progress.stopped() => return Err(ErrorKind::Interrupted.into()),
                Err(_) => {}
            }
        }
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "who wrote it went away before its end")
}

impl Ingest {
    /// Takes a stream in. `source` of `self` is its name for people; parent, hint and the like do
    /// not count. What was stored stays also when it fails: the next one is shorter.
    pub fn run_stream(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        input: impl Read + Send,
        writer: &dyn Writer,
        progress: &Progress,
    ) -> Result<Ingested, Failure> {
        let began = Instant::now();
        self.admitted(pool, access, Content::Stream)?;
        let ingest = StreamIngest {
            access,
            catalog: &pool.catalog,
            input: Box::new(input),
            name: self.source.clone(),
            volume: self.volume.clone(),
            is_whole: &|| writer.ended_well(progress),
            options: self.options(Parent::Newest),
            progress,
        };
        let report = ingest.run()?;
        let (failed_disks, seconds) = (pool.failed_disks(), began.elapsed().as_secs_f64());
        let consistency = self.consistency;
        Ok(Ingested { report, failed_disks, seconds, consistency, unsettled: None })
    }
}
