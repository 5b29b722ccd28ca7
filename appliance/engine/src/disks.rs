//! Which disks the pool has, over restarts.
//!
//! The configuration names those of the first start. Disks that came and went over the bus are kept
//! in the state, until somebody changes the configuration: then that holds again.
//!
//! A box starts without a disk that is dead or gone, if one that had everything when it ran last is
//! there: nobody is there at night who would allow it. One that was left behind before does not
//! count, as what it holds is old.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::{MemberState, MemberStatus};

use crate::engine::lock;
use crate::error::Result;
use crate::state::State;

/// Under which name they are kept.
const DISKS: &str = "disks";

/// How often it is looked whether they have come.
const LOOK: Duration = Duration::from_millis(200);

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
    /// Those of them that had everything.
    #[serde(default)]
    complete: Vec<PathBuf>,
}

/// What a start has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Disks to open the pool on.
    pub(crate) there: Vec<PathBuf>,
    /// Disks that are left out.
    pub(crate) gone: Vec<PathBuf>,
    /// Whether the pool may do without one.
    pub(crate) degraded: bool,
}

impl Disks {
    /// Those that an earlier engine had, as long as the configuration is the same.
    pub(crate) fn load(state: &State, configured: &[PathBuf]) -> Result<Self> {
        let kept: Option<Kept> = state.value(DISKS)?;
        let kept = kept.filter(|kept| kept.configured == configured);
        let fresh = || Kept {
            configured: configured.to_vec(),
            used: configured.to_vec(),
            complete: Vec::new(),
        };
        Ok(Self { kept: Mutex::new(kept.unwrap_or_else(fresh)) })
    }

    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        lock(&self.kept).used.clone()
    }

    /// The disks to open the pool on; waits for those that are not there yet. `degraded` allows to
    /// do without one in any case.
    pub(crate) fn find(&self, degraded: bool, wait: Duration) -> Found {
        let kept = lock(&self.kept).clone();
        let (there, gone) = after_waiting(&kept.used, wait);
        let degraded = degraded || there.iter().any(|path| kept.complete.contains(path));
        match degraded {
            true => Found { there, gone, degraded },
            // What is wrong with them is told by who opens them.
            false => Found { there: kept.used, gone: Vec::new(), degraded },
        }
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
        let whole = members.iter().filter(|member| member.state == MemberState::Complete);
        let complete: Vec<PathBuf> =
            whole.filter_map(|member| member.name.as_ref().map(PathBuf::from)).collect();
        let mut kept = lock(&self.kept);
        if used.is_empty() || is_same(&kept.used, &used) && is_same(&kept.complete, &complete) {
            return Ok(());
        }
        let new = Kept { configured: kept.configured.clone(), used, complete };
        state.keep_value(DISKS, &new)?;
        *kept = new;
        Ok(())
    }
}

/// Whether both have the same paths, in any order.
fn is_same(one: &[PathBuf], other: &[PathBuf]) -> bool {
    one.len() == other.len() && one.iter().all(|path| other.contains(path))
}

/// Which of the disks are there, and which have not come.
fn after_waiting(paths: &[PathBuf], wait: Duration) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let began = Instant::now();
    loop {
        let (there, gone): (Vec<PathBuf>, Vec<PathBuf>) =
            paths.iter().cloned().partition(|path| is_there(path));
        if gone.is_empty() || began.elapsed() >= wait {
            return (there, gone);
        }
        thread::sleep(LOOK);
    }
}

/// Whether a disk gives its first block.
fn is_there(path: &Path) -> bool {
    File::open(path).is_ok_and(|disk| disk.read_exact_at(&mut [0; 4096], 0).is_ok())
}

#[cfg(test)]
mod tests {
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
    fn a_start_does_without_a_disk_if_another_had_everything() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.sqlite")).unwrap();
        let disk = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, [0; 8192]).unwrap();
            path
        };
        let both = vec![disk("a"), disk("b")];
        let find = |allowed| Disks::load(&state, &both).unwrap().find(allowed, Duration::ZERO);
        let without = |gone: usize| {
            let mut there = both.clone();
            let gone = vec![there.remove(gone)];
            Found { there, gone, degraded: true }
        };
        let all = |degraded| Found { there: both.clone(), gone: Vec::new(), degraded };
        let name = |at: usize| both[at].to_str();
        assert_eq!(find(false), all(false), "what the disks have is not known yet");
        let disks = Disks::load(&state, &both).unwrap();
        disks.note(&state, &[member(0, name(0)), member(1, name(1))], &[]).unwrap();
        assert_eq!(find(false), all(true));
        std::fs::remove_file(&both[1]).unwrap();
        assert_eq!(find(false), without(1));
        // It goes on alone. If it is gone next, the one that was left behind is no pool.
        let behind = [both[1].display().to_string()];
        disks.note(&state, &[member(0, name(0)), member(1, None)], &behind).unwrap();
        std::fs::rename(&both[0], &both[1]).unwrap();
        assert_eq!(find(false), all(false));
        assert_eq!(find(true), without(0), "but if somebody says so");
        // One that is there and gives nothing is as good as gone.
        std::fs::write(&both[0], "").unwrap();
        assert_eq!(find(true), without(0));
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
        assert!(!disks.paths().contains(&PathBuf::from("/dev/b")));
    }
}
