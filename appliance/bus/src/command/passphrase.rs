//! A passphrase, read from a descriptor: a message may be seen by whoever watches the bus, and
//! stays in buffers that nobody clears.
//!
//! The descriptor is the caller's, so it may be anything. Only what cannot hold us up is read: a
//! pipe, for a bounded time, and a file in memory (memfd), which has all its bytes at once.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::fs::{FileType, fcntl_get_seals, fstat};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// Longest passphrase or recovery key, in bytes.
const PASSPHRASE_MAX: usize = 4096;

/// How long a caller may take to write it into the pipe.
const PATIENCE: Duration = Duration::from_secs(10);

/// A secret that opens the keys of the pool. Not shown, not copied, cleared when dropped.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// The bytes, without a newline at the end.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.strip_suffix(b"\n").unwrap_or(&self.0)
    }

    /// Reads all of it and closes the descriptor.
    pub(crate) async fn read(from: OwnedFd) -> Result<Self, Refusal> {
        let kind = fstat(&from).map(|stat| FileType::from_raw_mode(stat.st_mode));
        let bytes = match kind {
            Ok(FileType::Fifo) => timeout(PATIENCE, from_pipe(from)).await.map_err(|_| slow())?,
            // Seals exist on files in memory alone.
            Ok(FileType::RegularFile) if fcntl_get_seals(&from).is_ok() => from_memory(from),
            _ => return Err(wrong("the passphrase is neither in a pipe nor in a memfd")),
        };
        let bytes =
            bytes.map_err(|_| wrong("the passphrase cannot be read from its descriptor"))?;
        if bytes.is_empty() || bytes.len() > PASSPHRASE_MAX {
            return Err(wrong("a passphrase has 1 to 4096 bytes"));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// Room for one byte more than is taken, and none to grow: growing would leave a copy behind.
fn room() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![0; PASSPHRASE_MAX + 1])
}

async fn from_pipe(from: OwnedFd) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut pipe = pipe::Receiver::from_owned_fd(from)?;
    let mut bytes = room();
    let mut length = 0;
    while let Some(free) = bytes.get_mut(length..).filter(|free| !free.is_empty()) {
        match pipe.read(free).await? {
            0 => break,
            read => length += read,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn from_memory(from: OwnedFd) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::from(from);
    let mut bytes = room();
    let mut length = 0;
    while let Some(free) = bytes.get_mut(length..).filter(|free| !free.is_empty()) {
        match file.read_at(free, length as u64)? {
            0 => break,
            read => length += read,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn wrong(problem: &str) -> Refusal {
    Refusal::invalid(problem, "write it into a pipe or memfd and pass the end to read from")
}

fn slow() -> Refusal {
    Refusal::invalid("the passphrase did not come", "close the end of the pipe that you write to")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    fn memory(bytes: &[u8]) -> OwnedFd {
        let mut file = File::from(memfd_create("secret", MemfdFlags::CLOEXEC).unwrap());
        file.write_all(bytes).unwrap();
        file.into()
    }

    async fn through_pipe(bytes: &[u8]) -> Result<Passphrase, Refusal> {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(bytes).unwrap();
        drop(writer);
        Passphrase::read(reader.into()).await
    }

    #[tokio::test]
    async fn both_ways_give_the_same() {
        let from_memory = Passphrase::read(memory(b"correct horse\n")).await.unwrap();
        assert_eq!(from_memory.as_bytes(), b"correct horse");
        assert_eq!(through_pipe(b"correct horse").await.unwrap().as_bytes(), b"correct horse");
        assert_eq!(format!("{from_memory:?}"), "Passphrase");
    }

    #[tokio::test]
    async fn nothing_and_too_much_are_refused() {
        for length in [0, PASSPHRASE_MAX + 1, 60_000] {
            assert!(through_pipe(&vec![b'x'; length]).await.is_err(), "{length}");
            assert!(Passphrase::read(memory(&vec![b'x'; length])).await.is_err(), "{length}");
        }
        assert!(through_pipe(&[b'x'; PASSPHRASE_MAX]).await.is_ok());
    }

    #[tokio::test]
    async fn what_might_hold_us_up_is_not_read() {
        let (_, writer) = io::pipe().unwrap();
        let zero = File::open("/dev/zero").unwrap();
        let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        for strange in [OwnedFd::from(writer), zero.into(), socket.into()] {
            assert!(Passphrase::read(strange).await.is_err());
        }
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        assert!(Passphrase::read(file.into()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipe_that_stays_open_is_given_up() {
        let (reader, _writer) = io::pipe().unwrap();
        let refusal = Passphrase::read(reader.into()).await.unwrap_err();
        assert!(refusal.problem.contains("did not come"), "{refusal}");
    }
}
