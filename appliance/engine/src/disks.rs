//! Which disks the pool has, over restarts.
//!
//! The configuration names those of the first start. Disks that came and went over the bus are kept
//! in the state, until somebody changes the configuration: then that holds again.
//!
//! A box starts without a disk that is dead or gone, if one that has everything is there: nobody is
//! there at night who would allow it. Which ones have, the store says before it acknowledges
//! anything without one that had. One that was left behind does not count, as what it holds is old,
//! wherever it is plugged in.

use std::path::PathBuf;
use std::sync::{Mutex, Weak};
use std::time::Duration;

use model::DiskId;
use serde::{Deserialize, Serialize};
use store::{MemberState, MemberStatus, Witness};

use crate::engine::{Engine, lock};
use crate::error::Result;
use crate::seen::{Seen, look_at_all};
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
    /// Those of them that were left behind: a start does not wait for them.
    #[serde(default)]
    away: Vec<PathBuf>,
    /// The disks that have everything, by their identities.
    #[serde(default)]
    whole: Vec<String>,
    /// `degraded` of the configuration has been made use of.
    #[serde(default)]
    forced: bool,
}

/// What a start has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Disks to open the pool on, one that has everything first where that is known.
    pub(crate) there: Vec<PathBuf>,
    /// Disks that are left out, and why.
    pub(crate) gone: Vec<(PathBuf, String)>,
    /// Whether the pool may do without one.
    pub(crate) degraded: bool,
    /// Whether that is so only because the configuration says it.
    pub(crate) forced: bool,
}

impl Disks {
    /// Those that an earlier engine had, as long as the configuration is the same.
    pub(crate) fn load(state: &State, configured: &[PathBuf]) -> Result<Self> {
        let kept: Option<Kept> = state.value(DISKS)?;
        let kept = kept.filter(|kept| kept.configured == configured);
        let fresh = || Kept {
            configured: configured.to_vec(),
            used: configured.to_vec(),
            away: Vec::new(),
            whole: Vec::new(),
            forced: false,
        };
        Ok(Self { kept: Mutex::new(kept.unwrap_or_else(fresh)) })
    }

    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        lock(&self.kept).used.clone()
    }

    /// Where disks were that have been left behind.
    pub(crate) fn away(&self) -> Vec<PathBuf> {
        lock(&self.kept).away.clone()
    }

    /// The disks to open the pool on; waits for those that are not there yet. `allowed` allows to
    /// do without one once, whatever is known.
    pub(crate) fn find(&self, allowed: bool, wait: Duration) -> Found {
        let kept = lock(&self.kept).clone();
        let seen = look_at_all(&kept.used, |path| !kept.away.iter().any(|away| away == path), wait);
        let has_all = |seen: &Seen| matches!(seen, Seen::Disk { disk, .. } if kept.has_all(*disk));
        let known = kept.used.iter().zip(&seen).find(|(_, seen)| has_all(seen));
        let forced = allowed && !kept.forced && known.is_none();
        if known.is_none() && !forced {
            // What is wrong with them is told by who opens them.
            return Found { there: kept.used, gone: Vec::new(), degraded: false, forced };
        }
        let pool = known.and_then(|(_, seen)| seen.pool());
        let (mut there, mut gone) = (Vec::new(), Vec::new());
        for (path, seen) in kept.used.iter().zip(&seen) {
            match seen.usable(pool) {
                Ok(()) if has_all(seen) => there.insert(0, path.clone()),
                Ok(()) => there.push(path.clone()),
                Err(why) => gone.push((path.clone(), why)),
            }
        }
        Found { there, gone, degraded: true, forced }
    }

    /// Keeps whether the configuration's `degraded` was made use of: it counts once, so that a line
    /// that somebody forgot does not open what is old some day.
    pub(crate) fn note_forced(&self, state: &State, allowed: bool, forced: bool) -> Result<()> {
        self.change(state, |kept| kept.forced = allowed && (kept.forced || forced))
    }

    /// Whether the configuration's `degraded` counts no more.
    pub(crate) fn is_used_up(&self) -> bool {
        lock(&self.kept).forced
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
        let in_service = members.iter().filter(|member| operations::is_in_service(member));
        let served: Vec<PathBuf> = in_service.filter_map(path_of).collect();
        let others = members.iter().filter_map(path_of);
        for path in served.iter().cloned().chain(others).chain(left_behind.map(PathBuf::from)) {
            if !used.contains(&path) {
                used.push(path);
            }
        }
        if used.is_empty() {
            return Ok(());
        }
        let away: Vec<PathBuf> =
            used.iter().filter(|path| !served.contains(path)).cloned().collect();
        self.change(state, |kept| {
            if !is_same(&kept.used, &used) || !is_same(&kept.away, &away) {
                (kept.used, kept.away) = (used, away);
            }
        })
    }

    /// Keeps which disks have everything.
    fn note_whole(&self, state: &State, whole: &[DiskId]) -> Result<()> {
        self.change(state, |kept| kept.whole = whole.iter().map(DiskId::to_string).collect())
    }

    /// Changes what is kept, if that is a change.
    fn change(&self, state: &State, change: impl FnOnce(&mut Kept)) -> Result<()> {
        let mut kept = lock(&self.kept);
        let mut new = kept.clone();
        change(&mut new);
        if new != *kept {
            state.keep_value(DISKS, &new)?;
            *kept = new;
        }
        Ok(())
    }
}

impl Kept {
    fn has_all(&self, disk: DiskId) -> bool {
        self.whole.contains(&disk.to_string())
    }
}

/// Keeps in the engine's state what the store says of its disks.
pub(crate) struct Keeper(pub(crate) Weak<Engine>);

impl Witness for Keeper {
    fn keep(&self, complete: &[DiskId]) -> bool {
        // Without an engine nobody is told that anything is done.
        let Some(engine) = self.0.upgrade() else { return false };
        let kept = engine.disks.note_whole(&engine.state, complete);
        if let Err(error) = &kept {
            log::error!("which disks have everything cannot be kept: {error}");
        }
        kept.is_ok()
    }
}

fn path_of(member: &MemberStatus) -> Option<PathBuf> {
    member.name.as_ref().map(PathBuf::from)
}

/// Whether both have the same paths, in any order.
fn is_same(one: &[PathBuf], other: &[PathBuf]) -> bool {
    one.len() == other.len() && one.iter().all(|path| other.contains(path))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use futures_executor::block_on;

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

    /// Two disks of a pool, and its state.
    struct Box {
        folder: tempfile::TempDir,
        state: State,
        both: Vec<PathBuf>,
        ids: Vec<DiskId>,
    }

    impl Box {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let state = State::open(&folder.path().join("state.sqlite")).unwrap();
            let both = vec![folder.path().join("a"), folder.path().join("b")];
            let ids = pool(&both, 7);
            Self { folder, state, both, ids }
        }

        fn find(&self, allowed: bool) -> Found {
            let disks = Disks::load(&self.state, &self.both).unwrap();
            let found = disks.find(allowed, Duration::ZERO);
            disks.note_forced(&self.state, allowed, found.forced).unwrap();
            found
        }

        fn keep(&self, whole: &[DiskId]) {
            Disks::load(&self.state, &self.both).unwrap().note_whole(&self.state, whole).unwrap();
        }

        /// A start on these, without the others.
        fn on(&self, there: &[usize], forced: bool) -> Found {
            let gone = self.both.iter().enumerate().filter(|(at, _)| !there.contains(at));
            let gone = gone.map(|(_, path)| (path.clone(), String::new())).collect();
            let there = there.iter().map(|at| self.both[*at].clone()).collect();
            Found { there, gone, degraded: true, forced }
        }

        fn refused(&self) -> Found {
            let there = self.both.clone();
            Found { there, gone: Vec::new(), degraded: false, forced: false }
        }
    }

    /// Makes a pool, and gives the identities of its disks.
    pub(crate) fn pool(paths: &[PathBuf], id: u8) -> Vec<DiskId> {
        let disks: Vec<Arc<dyn disk::Disk>> = paths
            .iter()
            .map(|path| {
                disk::create_file(path, 24 << 20).unwrap();
                disk::open(path, disk::Access::ReadWrite, disk::Backend::Threads).unwrap()
            })
            .collect();
        let layout = store::PoolLayout { segment_bytes: 1 << 20, log_bytes: 1 << 20 };
        let (entropy, catalog) = (Arc::new(operations::SystemRandom), Arc::default());
        let created: Arc<catalog::Catalog> = catalog;
        let keys = vec![0; 64];
        let pool = model::PoolId([id; 16]);
        block_on(async {
            let created =
                store::Store::create(disks.clone(), layout, &keys, pool, entropy, created);
            created.await.unwrap().close().await.unwrap();
            let ids = disks.iter().map(|disk| async { store::identity(disk).await.unwrap().1 });
            futures_util::future::join_all(ids).await
        })
    }

    /// Without the reasons, which are for people.
    fn plain(found: Found) -> Found {
        let gone = found.gone.into_iter().map(|(path, _)| (path, String::new())).collect();
        Found { gone, ..found }
    }

    #[test]
    fn a_start_does_without_a_disk_if_another_has_everything() {
        let lone = Box::new();
        assert_eq!(lone.find(false), lone.refused(), "what the disks have is not known yet");
        lone.keep(&lone.ids);
        assert_eq!(lone.find(false), lone.on(&[1, 0], false));
        std::fs::remove_file(&lone.both[1]).unwrap();
        assert_eq!(plain(lone.find(false)), lone.on(&[0], false));
        // One that is there and gives nothing is as good as gone; so is that of another pool.
        std::fs::write(&lone.both[1], "").unwrap();
        assert_eq!(plain(lone.find(false)), lone.on(&[0], false));
        std::fs::remove_file(&lone.both[1]).unwrap();
        pool(&lone.both[1..], 8);
        assert_eq!(plain(lone.find(false)), lone.on(&[0], false));
    }

    #[test]
    fn what_was_left_behind_is_no_pool_wherever_it_is_plugged_in() {
        let lone = Box::new();
        lone.keep(&lone.ids[..1]);
        let aside = lone.folder.path().join("aside");
        std::fs::rename(&lone.both[0], &aside).unwrap();
        assert_eq!(lone.find(false), lone.refused());
        std::fs::rename(&lone.both[1], &lone.both[0]).unwrap();
        assert_eq!(lone.find(false), lone.refused(), "in the place of the one that went on");
        // Somebody may say so, once.
        assert_eq!(plain(lone.find(true)), lone.on(&[0], true));
        assert_eq!(lone.find(true), lone.refused());
        assert_eq!(lone.find(false), lone.refused());
        assert_eq!(plain(lone.find(true)), lone.on(&[0], true));
        std::fs::rename(&aside, &lone.both[1]).unwrap();
        assert_eq!(lone.find(false), lone.on(&[1, 0], false), "the one that went on is first");
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
