//! Writing to somebody who may stop reading.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

use nix::poll::{PollFd, PollFlags, poll};
use record::Progress;

/// So long a write waits before it is looked whether anybody still wants it: milliseconds.
const PATIENCE_MS: u16 = 50;

/// A pipe that can be written to takes this many bytes without waiting: a page, or `PIPE_BUF`.
const PIPE_TAKES: usize = 4096;

/// Writes until that is wanted no more; then it fails with [`ErrorKind::WouldBlock`], which
/// nothing else does. The descriptor's flags, which others share, stay as they are.
#[derive(Debug)]
pub(crate) struct PatientWriter<'a> {
    file: File,
    /// Its reader may keep it waiting.
    waits: bool,
    progress: &'a Progress,
}

impl<'a> PatientWriter<'a> {
    pub(crate) fn new(file: File, progress: &'a Progress) -> Self {
        let kind = file.metadata().map(|meta| meta.file_type());
        let waits = kind.is_ok_and(|kind| !kind.is_file() && !kind.is_block_device());
        Self { file, waits, progress }
    }
}

impl Write for PatientWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.waits {
            return self.file.write(bytes);
        }
        loop {
            let mut room = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
            if poll(&mut room, PATIENCE_MS)? > 0 {
                // An end that is gone counts as room: writing tells.
                let taken = bytes.get(..PIPE_TAKES).unwrap_or(bytes);
                match self.file.write(taken) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    written => return written,
                }
            }
            if self.progress.stopped() {
                return Err(ErrorKind::WouldBlock.into());
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::thread;

    use super::*;

    #[test]
    fn a_reader_that_stops_reading_keeps_nobody_waiting_who_wants_it_no_more() {
        let (mut reader, writer) = io::pipe().unwrap();
        let progress = Progress::default();
        let mut writer =
            PatientWriter::new(File::from(std::os::fd::OwnedFd::from(writer)), &progress);
        thread::scope(|scope| {
            let waiting = scope.spawn(move || writer.write_all(&vec![7; 1 << 20]));
            // It has begun, and cannot come to its end.
            reader.read_exact(&mut [0; 100]).unwrap();
            progress.stop();
            let error = waiting.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        });
    }

    #[test]
    fn all_of_it_comes_and_an_end_that_is_gone_is_told() {
        let (mut reader, writer) = io::pipe().unwrap();
        let progress = Progress::default();
        let mut writer =
            PatientWriter::new(File::from(std::os::fd::OwnedFd::from(writer)), &progress);
        let bytes: Vec<u8> = (0..300_000_u32).map(|at| at as u8).collect();
        thread::scope(|scope| {
            let reading = scope.spawn(move || {
                let mut all = vec![0; 300_000];
                reader.read_exact(&mut all).unwrap();
                all
            });
            writer.write_all(&bytes).unwrap();
            assert!(reading.join().unwrap() == bytes);
            let error = writer.write_all(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        });
    }
}
