//! Where stores, restored files and sockets live during a run: a folder beside the images, so that
//! all tools use one disk. It is emptied at both ends; a lock keeps two benches apart.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::cache;
use crate::error::{Error, Result};
use crate::process::{command, quiet};

#[derive(Debug)]
pub(super) struct Work {
    folder: PathBuf,
    _lock: File,
}

impl Work {
    pub(super) fn begin(beside: &Path) -> Result<Self> {
        let lock_path = beside.join("bench.lock");
        let lock = File::create(&lock_path).map_err(Error::io(&lock_path))?;
        if lock.try_lock().is_err() {
            let what = format!("wait for the other bench that uses {}", beside.display());
            return Err(Error::Needs { what, why: "two at once measure each other".into() });
        }
        let work = Self { folder: beside.join("bench-work"), _lock: lock };
        work.fresh("")?;
        Ok(work)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// An empty folder of that name, whatever was there before.
    pub(super) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        remove(&folder)?;
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        Ok(folder)
    }

    /// Waits until everything written so far is on the disk, so that the next figure does not pay
    /// for it.
    pub(super) fn settle(&self) -> Result<()> {
        quiet(command("sync").arg("--file-system").arg(&self.folder))?;
        Ok(())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // The next run empties the folder again; nothing is lost if this fails.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes a file or a folder with all it holds; fine when there is none.
pub(super) fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}

/// For what is slow to make and the same every time.
pub(super) fn cache_folder() -> PathBuf {
    cache::folder().join("bench")
}

/// Bytes of all files below a folder, by their length.
pub(super) fn bytes_below(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        let metadata = fs::symlink_metadata(&path).map_err(Error::io(&path))?;
        bytes += if metadata.is_dir() { bytes_below(&path)? } else { metadata.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bench_at_a_time_and_nothing_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let work = Work::begin(folder.path()).unwrap();
        let store = work.fresh("store").unwrap();
        fs::create_dir(store.join("inner")).unwrap();
        fs::write(store.join("inner/file"), [7; 1000]).unwrap();
        assert_eq!(bytes_below(&store).unwrap(), 1000);
        assert!(Work::begin(folder.path()).is_err());
        assert_eq!(bytes_below(&work.fresh("store").unwrap()).unwrap(), 0);
        drop(work);
        assert!(!store.exists());
        Work::begin(folder.path()).unwrap();
    }
}
