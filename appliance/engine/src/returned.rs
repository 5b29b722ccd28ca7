//! Disks that are missing from the pool and there again: they lack what was written meanwhile, and
//! somebody is to be told.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use model::DiskId;
use tokio::sync::MutexGuard;

use crate::engine::lock;
use crate::seen::{Seen, look_at_all};

/// How often it is looked: whoever looks holds the disk, and a technician may want to wipe it.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How long one that hung is left alone: each look at it leaves a thread behind.
const SILENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(crate) struct Returned {
    /// When it is looked again; held while it is looked.
    due: tokio::sync::Mutex<Option<Instant>>,
    there: Mutex<HashMap<DiskId, String>>,
}

impl Returned {
    /// Those that were there when it was looked last, and where.
    pub(crate) fn there(&self) -> HashMap<DiskId, String> {
        lock(&self.there).clone()
    }

    /// While this is held nobody looks, so that a disk can be opened.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, Option<Instant>> {
        self.due.lock().await
    }

    /// Looks for these disks at these paths if that is due and nobody holds them.
    pub(crate) async fn look_when_due(&self, missing: &[DiskId], paths: Vec<PathBuf>) {
        let Ok(mut due) = self.due.try_lock() else { return };
        if missing.is_empty() || paths.is_empty() {
            lock(&self.there).clear();
        } else if due.is_none_or(|due| due <= Instant::now()) {
            self.look_now(&mut due, missing, paths).await;
        }
    }

    /// Looks at once; gives where this disk is, if it is there.
    pub(crate) async fn find(&self, disk: DiskId, paths: Vec<PathBuf>) -> Option<String> {
        let mut due = self.due.lock().await;
        self.look_now(&mut due, &[disk], paths).await;
        self.there().remove(&disk)
    }

    async fn look_now(&self, due: &mut Option<Instant>, wanted: &[DiskId], paths: Vec<PathBuf>) {
        let looked = paths.clone();
        let look = move || look_at_all(&looked, |_| false, Duration::ZERO);
        let seen = tokio::task::spawn_blocking(look).await.unwrap_or_default();
        let rest = if seen.contains(&Seen::Silent) { SILENCE } else { LOOK_AGAIN };
        *due = Some(Instant::now() + rest);
        let found = paths.iter().zip(&seen).filter_map(|(path, seen)| match seen {
            Seen::Disk { disk, .. } => Some((*disk, path.display().to_string())),
            _ => None,
        });
        *lock(&self.there) = found.filter(|(disk, _)| wanted.contains(disk)).collect();
    }
}

#[cfg(test)]
mod tests {
    use disk::Access;

    use super::*;
    use crate::disks::tests::pool;

    #[tokio::test]
    async fn a_disk_is_told_where_it_is_while_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let both = vec![folder.path().join("a"), folder.path().join("b")];
        let ids = pool(&both, 7);
        let returned = Returned::default();
        returned.look_when_due(&ids[1..], both.clone()).await;
        assert_eq!(returned.there().len(), 1);
        assert_eq!(returned.there()[&ids[1]], both[1].display().to_string());
        // Nobody looks while one of them is opened to be taken back.
        let held = returned.hold().await;
        returned.look_when_due(&[], Vec::new()).await;
        assert_eq!(returned.there().len(), 1);
        let opened = disk::open(&both[1], Access::ReadWrite, disk::Backend::Threads);
        drop(held);
        assert_eq!(returned.find(ids[1], both.clone()).await, None, "it is in use");
        drop(opened);
        let there = both[1].display().to_string();
        assert_eq!(returned.find(ids[1], both.clone()).await, Some(there));
        returned.look_when_due(&[], both).await;
        assert!(returned.there().is_empty(), "none is missing any more");
    }
}
