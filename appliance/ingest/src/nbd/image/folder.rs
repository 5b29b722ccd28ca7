//! A private folder for a socket.

use std::env;
use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The only name in the folder.
const SOCKET: &str = "nbd";

/// A folder that only this user may enter, which goes with the value. One that a killed process
/// leaves behind is empty but for a dead socket, and stands where the next boot clears it.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes one where the user has files for as long as the box is up, else among all temporary
    /// files. The name cannot be guessed, and one that exists is never used.
    pub(super) fn create() -> io::Result<Self> {
        let name = format!("holdfast-{:016x}", RandomState::new().hash_one(std::process::id()));
        let own = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let make = |parent: PathBuf| {
            let path = parent.join(&name);
            DirBuilder::new().mode(0o700).create(&path).map(|()| Self(path))
        };
        match own.filter(|path| path.is_absolute()).map(make) {
            Some(Ok(folder)) => Ok(folder),
            _ => make(env::temp_dir()),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.0.join(SOCKET)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody could do anything about a folder that stays.
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_dir(&self.0);
    }
}
