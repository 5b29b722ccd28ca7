//! What is at the paths of disks, before a pool is opened on them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use disk::{Access, Backend};
use format::FormatError;
use futures_executor::block_on;
use model::{DiskId, PoolId};
use store::StoreError;

/// How often it is looked whether a disk has come.
const LOOK: Duration = Duration::from_millis(200);

/// How long a disk has to answer in any case.
const LEAST: Duration = Duration::from_secs(1);

/// What was found at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Disk {
        pool: PoolId,
        disk: DiskId,
    },
    /// A disk of a newer Holdfast, which must not be done without.
    Newer,
    /// Nothing that a pool can be opened on, and why.
    Unusable(String),
    /// It did not answer in time.
    Silent,
}

impl Seen {
    pub(crate) fn pool(&self) -> Option<PoolId> {
        match self {
            Self::Disk { pool, .. } => Some(*pool),
            _ => None,
        }
    }

    /// Whether a pool can be opened on it; of several pools only this one.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn usable(&self, wanted: Option<PoolId>) -> Result<(), String> {
        match (self, wanted) {
            (Self::Unusable(why), _) => Err(why.clone()),
            (Self::Silent, _) => Err("it does not answer".to_owned()),
            (Self::Disk { pool, .. }, Some(wanted)) if *pool != wanted => {
                Err(format!("it belongs to pool {pool}"))
            }
            _ => Ok(()),
        }
    }

    fn is_usable(&self) -> bool {
        !matches!(self, Self::Unusable(_) | Self::Silent)
    }
}

/// Looks at each path until there is a disk, for `wait` at most where `is_awaited` says so. One
/// that hangs holds up nobody for longer: each is looked at by a thread of its own.
pub(crate) fn look_at_all(
    paths: &[PathBuf],
    is_awaited: impl Fn(&Path) -> bool,
    wait: Duration,
) -> Vec<Seen> {
    let end = Instant::now() + wait.max(LEAST);
    let (to, looks) = channel();
    let over = Arc::new(AtomicBool::new(false));
    for (number, path) in paths.iter().enumerate() {
        let (path, to, over) = (path.clone(), to.clone(), over.clone());
        thread::spawn(move || keep_looking(number, &path, &to, &over));
    }
    drop(to);
    let mut seen: Vec<Option<Seen>> = vec![None; paths.len()];
    let is_done = |seen: &[Option<Seen>]| {
        seen.iter().zip(paths).all(|(seen, path)| match seen {
            Some(seen) => seen.is_usable() || !is_awaited(path),
            None => false,
        })
    };
    while !is_done(&seen) {
        let left = end.saturating_duration_since(Instant::now());
        let Ok((number, look)) = looks.recv_timeout(left) else { break };
        if let Some(place) = seen.get_mut(number) {
            *place = Some(look);
        }
    }
    // Who looks holds the disk.
    over.store(true, Ordering::Release);
    seen.into_iter().map(|seen| seen.unwrap_or(Seen::Silent)).collect()
}

/// Tells what is there, again and again until it is a disk or nobody wants to know any more.
fn keep_looking(number: usize, path: &Path, to: &Sender<(usize, Seen)>, over: &AtomicBool) {
    while !over.load(Ordering::Acquire) {
        let seen = look(path);
        let is_usable = seen.is_usable();
        if to.send((number, seen)).is_err() || is_usable {
            return;
        }
        thread::sleep(LOOK);
    }
}

fn look(path: &Path) -> Seen {
    let identity = disk::open(path, Access::ReadWrite, Backend::Threads)
        .map_err(StoreError::from)
        .and_then(|disk| block_on(store::identity(&disk)));
    match identity {
        Ok((pool, disk)) => Seen::Disk { pool, disk },
        Err(StoreError::Unreadable {
            source: FormatError::Newer { .. } | FormatError::UnknownFeatures { .. },
            ..
        }) => Seen::Newer,
        Err(error) => Seen::Unusable(error.to_string()),
    }
}
