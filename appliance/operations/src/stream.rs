//! Take in what a program writes as a recovery point.
//!
//! A pipe ends in the same way whether its writer had nothing more to say or died. So there is a
//! second one: a byte in it says that the end of the first was the right one.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use ingest::{Options, Parent, StreamIngest};
use nix::poll::{PollFd, PollFlags, poll};
use record::{Progress, TenantAccess};

use crate::{Failure, Ingest, Ingested, OpenPool};

/// How many milliseconds a pipe is waited for before somebody is asked whether to go on.
const PATIENCE_MS: u8 = 250;

/// The byte that says that a stream has ended as it should.
pub const WHOLE: u8 = b'w';

/// A pipe, or anything else that a stream can be read from.
#[derive(Debug)]
pub struct Pipe(File);

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

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (&*self).read(buffer)
    }
}

/// Who wrote the stream, as far as it matters how that ended.
pub trait Writer {
    /// Whether the end of the stream was the right one. Asked once, behind the end; may wait until
    /// the progress is asked to stop.
    fn ended_well(&self, progress: &Progress) -> std::io::Result<()>;
}

/// A writer that says so by a byte in a pipe.
#[derive(Debug)]
pub struct Verdict(Pipe);

impl Verdict {
    pub fn new(from: OwnedFd) -> Self {
        Self(Pipe::new(from))
    }
}

impl Writer for Verdict {
    fn ended_well(&self, progress: &Progress) -> std::io::Result<()> {
        let mut byte = [0];
        loop {
            match (&self.0).read(&mut byte) {
                Ok(1) if byte == [WHOLE] => return Ok(()),
                Ok(_) => {
                    let what = "who wrote it went away before its end";
                    return Err(std::io::Error::new(ErrorKind::UnexpectedEof, what));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted && !progress.stopped() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Ingest {
    /// Takes a stream in. `source` of `self` is its name for people; parent, hint and the like do
    /// not count. What was stored stays also when it fails: the next one is shorter.
    pub fn run_stream(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        input: Pipe,
        writer: &dyn Writer,
        progress: &Progress,
    ) -> Result<Ingested, Failure> {
        let began = Instant::now();
        self.admitted(pool, access)?;
        let ingest = StreamIngest {
            access,
            catalog: &pool.catalog,
            input: Box::new(input),
            name: self.source.clone(),
            is_whole: &|| writer.ended_well(progress),
            options: Options { hint: None, ..self.options(Parent::Newest) },
            progress,
        };
        let report = ingest.run()?;
        let failed_disks = pool.failed_disks();
        Ok(Ingested { report, failed_disks, seconds: began.elapsed().as_secs_f64() })
    }
}
