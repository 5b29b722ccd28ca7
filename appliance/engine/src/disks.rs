//! Which disks the pool has, over restarts.
//!
//! The configuration names those of the first start. Disks that came and went over the bus are kept
//! in the state, until somebody changes the configuration: then that holds again.

use std::path::PathBuf;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use store::{MemberState, MemberStatus};

use crate::engine::lock;
use crate::error::Result;
use crate::state::State;

/// Under which name they are kept.
const DISKS: &str = "disks";

/// The disks of the pool, by their paths.
#[derive(Debug)]
pub(crate) struct Disks {
    kept: Mutex<Kept>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// What the configuration had then.
    configured: Vec<PathBuf>,
    used: Vec<PathBuf>,
}

impl Disks {
    /// Those that an earlier engine had, as long as the configuration is the same.
    pub(crate) fn load(state: &State, configured: &[PathBuf]) -> Result<Self> {
        let kept: Option<Kept> = state.value(DISKS)?;
        let kept = kept.filter(|kept| kept.configured == configured);
        let fresh = || Kept { configured: configured.to_vec(), used: configured.to_vec() };
        Ok(Self { kept: Mutex::new(kept.unwrap_or_else(fresh)) })
    }

    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        lock(&self.kept).used.clone()
    }

    /// Keeps the members' paths if they have changed. `left_behind` were named at the start and
    /// are not in use: they are named again as long as a member is missing.
    pub(crate) fn note(
        &self,
        state: &State,
        members: &[MemberStatus],
        left_behind: &[String],
    ) -> Result<()> {
        let is_missing = members.iter().any(|member| member.state == MemberState::Missing);
        let left_behind = left_behind.iter().filter(|_| is_missing).cloned();
        let mut used: Vec<PathBuf> = Vec::new();
        let names = members.iter().filter_map(|member| member.name.clone());
        for path in names.chain(left_behind).map(PathBuf::from) {
            if !used.contains(&path) {
                used.push(path);
            }
        }
        let mut kept = lock(&self.kept);
        let is_same = kept.used.len() == used.len() && used.iter().all(|p| kept.used.contains(p));
        if is_same || used.is_empty() {
            return Ok(());
        }
        let new = Kept { configured: kept.configured.clone(), used };
        state.keep_value(DISKS, &new)?;
        *kept = new;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use model::DiskId;

    use super::*;

    fn member(number: usize, name: Option<&str>) -> MemberStatus {
        MemberStatus {
            number,
            disk_id: DiskId([number as u8; 16]),
            name: name.map(str::to_owned),
            state: name.map_or(MemberState::Missing, |_| MemberState::Complete),
            lacking_segments: 0,
            lacking_bytes: 0,
        }
    }

    fn paths(paths: &[&str]) -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn disks_that_came_later_are_used_again_until_the_configuration_changes() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.sqlite")).unwrap();
        let one = paths(&["/dev/a"]);
        let load = |configured: &[PathBuf]| Disks::load(&state, configured).unwrap().paths();
        let disks = Disks::load(&state, &one).unwrap();
        let both = [member(0, Some("/dev/a")), member(1, Some("/dev/b"))];
        disks.note(&state, &both, &[]).unwrap();
        assert_eq!(load(&one), paths(&["/dev/a", "/dev/b"]));
        assert_eq!(load(&paths(&["/dev/c"])), paths(&["/dev/c"]));
        disks.note(&state, &[member(1, Some("/dev/b"))], &[]).unwrap();
        assert_eq!(load(&one), paths(&["/dev/b"]));
    }

    #[test]
    fn a_disk_that_was_left_behind_is_named_again_until_its_place_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.sqlite")).unwrap();
        let disks = Disks::load(&state, &paths(&["/dev/a", "/dev/b"])).unwrap();
        let behind = ["/dev/b".to_owned()];
        disks.note(&state, &[member(0, Some("/dev/a")), member(1, None)], &behind).unwrap();
        assert_eq!(disks.paths().len(), 2);
        let taken = [member(0, Some("/dev/a")), member(2, Some("/dev/c"))];
        disks.note(&state, &taken, &behind).unwrap();
        assert!(!disks.paths().iter().any(|path| path == Path::new("/dev/b")));
    }
}
