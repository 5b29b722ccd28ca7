//! What has to be tidied up, whatever ends the agent: it is written down before it is begun.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{AgentError, Result};
use crate::script::Unbroken;

/// What is to be undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    /// The script `pre` was begun, and `post` not done.
    post: bool,
    /// Copies that LVM keeps, as `group/volume`.
    lvm: Vec<String>,
    /// Copies that btrfs keeps, by their paths.
    btrfs: Vec<PathBuf>,
    /// Mounted file systems that were frozen, and maybe not thawed.
    #[serde(default)]
    frozen: Vec<PathBuf>,
}

/// One thing that is to be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    Post,
    Lvm(String),
    Btrfs(PathBuf),
    Frozen(PathBuf),
}

/// The list of them, in a file.
#[derive(Debug)]
pub(crate) struct Marks {
    path: PathBuf,
    open: Open,
    /// What makes and removes it: none of that is broken off.
    pub(crate) unbroken: Unbroken,
}

impl Marks {
    /// Reads what an earlier run has left.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("marks.json");
        let open = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| AgentError::Hold {
                what: format!("{}: {error}", path.display()),
                next: "look for copies named holdfast-... in LVM and .holdfast-... in btrfs, \
                       remove them and then this file"
                    .to_owned(),
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Open::default(),
            Err(source) => return Err(AgentError::File { path, source }),
        };
        Ok(Self { path, open, unbroken: Unbroken::default() })
    }

    /// All that is to be undone; what holds a volume first, and before that what stands still.
    pub(crate) fn all(&self) -> Vec<Mark> {
        let frozen = self.open.frozen.iter().cloned().map(Mark::Frozen);
        let lvm = self.open.lvm.iter().cloned().map(Mark::Lvm);
        let btrfs = self.open.btrfs.iter().cloned().map(Mark::Btrfs);
        frozen.chain(lvm).chain(btrfs).chain(self.open.post.then_some(Mark::Post)).collect()
    }

    /// Notes, durably, what is about to be begun.
    pub(crate) fn add(&mut self, mark: Mark) -> Result<()> {
        match mark {
            Mark::Post => self.open.post = true,
            Mark::Lvm(name) => self.open.lvm.push(name),
            Mark::Btrfs(path) => self.open.btrfs.push(path),
            Mark::Frozen(mount) => self.open.frozen.push(mount),
        }
        self.write()
    }

    /// Notes what is undone.
    pub(crate) fn remove(&mut self, mark: &Mark) -> Result<()> {
        match mark {
            Mark::Post => self.open.post = false,
            Mark::Lvm(name) => self.open.lvm.retain(|other| other != name),
            Mark::Btrfs(path) => self.open.btrfs.retain(|other| other != path),
            Mark::Frozen(mount) => self.open.frozen.retain(|other| other != mount),
        }
        self.write()
    }

    fn write(&self) -> Result<()> {
        let failed = |source| AgentError::File { path: self.path.clone(), source };
        let new = self.path.with_extension("new");
        let bytes = serde_json::to_vec(&self.open).map_err(|error| failed(error.into()))?;
        let written = || {
            let mut file = fs::File::create(&new)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            fs::File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()
        };
        written().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_known_to_the_next_run_until_it_is_undone() {
        let folder = tempfile::tempdir().unwrap();
        let mut marks = Marks::read(folder.path()).unwrap();
        let (lvm, btrfs) = (Mark::Lvm("vg/a".to_owned()), Mark::Btrfs("/b".into()));
        marks.add(Mark::Post).unwrap();
        marks.add(btrfs.clone()).unwrap();
        marks.add(lvm.clone()).unwrap();
        let mut again = Marks::read(folder.path()).unwrap();
        assert_eq!(again.all(), [lvm.clone(), btrfs, Mark::Post]);
        again.remove(&lvm).unwrap();
        again.remove(&Mark::Post).unwrap();
        assert_eq!(Marks::read(folder.path()).unwrap().all(), [Mark::Btrfs("/b".into())]);
        fs::write(folder.path().join("marks.json"), "{").unwrap();
        assert!(Marks::read(folder.path()).is_err());
    }
}
