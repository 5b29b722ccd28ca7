//! Recovery points served as disks, over restarts of the engine.
//!
//! What is served is kept in the state, and each listening socket with the service manager. When
//! the engine starts again, however the last one ended, it serves them again from the same sockets:
//! a virtual machine on one of them waits for a moment and loses nothing, because what it has
//! flushed is in its overlay. A number is given once: another export never finds the overlay of one
//! that ended. An intake is one, too: a disk above a recovery point, or above nothing, that
//! somebody writes and that becomes the next recovery point.

mod intake;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs::Permissions;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use export::{Base, Blank, Disk, Export, Image, Overlay, Server, Stats, bind_unix};
use operations::{Failure, OpenPool, PointImage, volume_image};
use record::TenantAccess;
use sd_notify::NotifyState;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::engine::lock;
use crate::state::State;

pub(crate) use intake::{Intake, WAIT_FOR_OTHERS, Wanted};

/// Exports and intakes at once: the service manager keeps so many sockets.
pub(crate) const MAX_EXPORTS: usize = 64;

/// Under which name they are kept.
const EXPORTS: &str = "exports";

/// What to do about a state that takes nothing.
pub(crate) const STATE_NEXT: &str = "see the disk of the engine's state";

/// Memory of one export for opened chunks, in bytes.
const CACHE: usize = 128 << 20;

/// The same of an intake, which is read from only where a write fills a part of a block.
const INTAKE_CACHE: usize = 4 << 20;

/// One export as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exported {
    pub(crate) number: u64,
    /// The recovery point's identity; empty below an intake that lies above nothing.
    pub(crate) point: String,
    pub(crate) volume: usize,
    /// Whether clients may write, to an overlay.
    pub(crate) writable: bool,
    /// By the clock on the wall.
    pub(crate) since: u64,
    /// What becomes of it, if it is an intake.
    #[serde(default)]
    pub(crate) intake: Option<Intake>,
}

impl Exported {
    fn socket(&self, folder: &Path) -> PathBuf {
        folder.join(format!("export-{}.sock", self.number))
    }

    fn overlay(&self, state: &Path) -> PathBuf {
        state.join(format!("export-{}.overlay", self.number))
    }

    /// Nothing lies below.
    fn is_blank(&self) -> bool {
        self.point.is_empty()
    }

    /// An intake that takes no more writes.
    pub(crate) fn is_finished(&self) -> bool {
        self.intake.as_ref().is_some_and(|intake| intake.finished)
    }

    /// The name of its socket with the service manager.
    fn name(&self) -> String {
        format!("export-{}", self.number)
    }
}

/// What is kept of all exports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Kept {
    /// The highest number that was given.
    last: u64,
    exports: Vec<Exported>,
}

/// All exports.
#[derive(Debug)]
pub(crate) struct Exports {
    state: PathBuf,
    runtime: PathBuf,
    /// Where sockets of intakes are, if their group may write to them.
    intakes: Option<PathBuf>,
    inner: Mutex<Inner>,
    /// Sockets from the service manager that nobody serves yet, by name.
    inherited: Mutex<HashMap<String, UnixListener>>,
}

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    live: BTreeMap<u64, Live>,
}

#[derive(Debug)]
struct Live {
    exported: Exported,
    stage: Stage,
}

impl Inner {
    fn kept(&self) -> Kept {
        let told = self.live.values().filter(|live| !matches!(live.stage, Stage::New));
        Kept { last: self.last, exports: told.map(|live| live.exported.clone()).collect() }
    }
}

/// How far an export is.
#[derive(Debug)]
enum Stage {
    /// Somebody asked for it and is not told yet that it is there.
    New,
    /// The pool is locked, or was when it was last tried.
    Waits,
    /// It is being served again.
    Resumes,
    Serves(Server),
}

impl Live {
    fn server(&self) -> Option<&Server> {
        match &self.stage {
            Stage::Serves(server) => Some(server),
            _ => None,
        }
    }
}

impl Exports {
    /// The exports that an earlier engine served, with the sockets that were kept for it. Nobody is
    /// served before [`Exports::resume`].
    pub(crate) fn load(state: &State, config: &Config) -> crate::error::Result<Self> {
        let kept = state.value(EXPORTS)?.unwrap_or_default();
        let exports = Self::new(&config.state, &config.runtime, kept);
        Ok(Self { intakes: config.intakes.clone(), ..exports })
    }

    fn new(state: &Path, runtime: &Path, kept: Kept) -> Self {
        let waits = |exported: Exported| (exported.number, Live { exported, stage: Stage::Waits });
        let live: BTreeMap<u64, Live> = kept.exports.into_iter().map(waits).collect();
        let last = live.last_key_value().map_or(kept.last, |(last, _)| kept.last.max(*last));
        Self {
            state: state.to_owned(),
            runtime: runtime.to_owned(),
            intakes: None,
            inner: Mutex::new(Inner { last, live }),
            inherited: Mutex::new(inherited()),
        }
    }

    /// Where clients connect.
    pub(crate) fn socket(&self, exported: &Exported) -> PathBuf {
        let shared = self.intakes.as_deref().filter(|_| exported.intake.is_some());
        exported.socket(shared.unwrap_or(&self.runtime))
    }

    /// Keeps all that somebody was told of.
    pub(crate) fn keep(&self, state: &State) -> crate::error::Result<()> {
        // Held for the write: of two the later one has everything.
        let inner = lock(&self.inner);
        state.keep_value(EXPORTS, &inner.kept())
    }

    /// Whether there are none, not even one that begins.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.inner).live.is_empty()
    }

    /// Each with its counters; `None` for one that is not served yet.
    pub(crate) fn stats(&self) -> Vec<(Exported, Option<Stats>)> {
        let inner = lock(&self.inner);
        let live = inner.live.values();
        live.map(|live| (live.exported.clone(), live.server().map(Server::stats))).collect()
    }

    /// Serves a volume of a recovery point, and returns what it is known by.
    pub(crate) async fn start(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        wanted: (String, usize, bool),
        now: u64,
    ) -> Result<Exported, Failure> {
        let (point, volume, writable) = wanted;
        let point = pool.find(access.tenant(), &point)?.id.to_string();
        let wanted = Exported { number: 0, point, volume, writable, since: now, intake: None };
        self.begin(pool, access, wanted).await
    }

    /// Gives it a number and serves it, or leaves nothing of it.
    async fn begin(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        wanted: Exported,
    ) -> Result<Exported, Failure> {
        let exported = self.reserve(wanted)?;
        let served = self.serve(pool, access, &exported).await;
        let mut inner = lock(&self.inner);
        match served {
            Ok(server) => {
                let live = Live { exported: exported.clone(), stage: Stage::Serves(server) };
                inner.live.insert(exported.number, live);
                Ok(exported)
            }
            Err(failure) => {
                inner.live.remove(&exported.number);
                // Nobody has written to it.
                let _ = std::fs::remove_file(exported.overlay(&self.state));
                Err(failure)
            }
        }
    }

    /// Gives an export a number that none had before.
    fn reserve(&self, mut exported: Exported) -> Result<Exported, Failure> {
        let mut inner = lock(&self.inner);
        if let Some(intake) = &exported.intake {
            inner.admit(intake)?;
        }
        if inner.live.len() >= MAX_EXPORTS {
            let what = format!("{MAX_EXPORTS} exports are served already");
            return Err(Failure::new(what, "stop one that is no longer used"));
        }
        exported.number = inner.last + 1;
        // An engine that was killed may not have kept the last number that it gave.
        while exported.overlay(&self.state).exists() {
            exported.number += 1;
        }
        inner.last = exported.number;
        let live = Live { exported: exported.clone(), stage: Stage::New };
        inner.live.insert(exported.number, live);
        Ok(exported)
    }

    /// Serves again what an earlier engine served and this one does not yet. What cannot be is
    /// logged, and kept for later.
    pub(crate) async fn resume(&self, pool: &OpenPool, access: &Arc<TenantAccess>) {
        for exported in self.to_resume() {
            if exported.writable && !self.has_overlay(&exported) {
                log::warn!("export {} ended: what was written to it is gone", exported.number);
                self.forget_socket(&exported);
                lock(&self.inner).live.remove(&exported.number);
                continue;
            }
            let served = self.serve(pool, access, &exported).await;
            let stage = match served {
                Ok(server) => {
                    log::info!("export {} of {} is served again", exported.number, exported.point);
                    Stage::Serves(server)
                }
                Err(Failure { what, next, .. }) => {
                    log::error!("export {} is not served: {what}; {next}", exported.number);
                    Stage::Waits
                }
            };
            if let Some(live) = lock(&self.inner).live.get_mut(&exported.number) {
                live.stage = stage;
            }
        }
    }

    fn has_overlay(&self, exported: &Exported) -> bool {
        exported.overlay(&self.state).exists()
    }

    /// All that wait: from here on nobody else serves them.
    fn to_resume(&self) -> Vec<Exported> {
        let mut inner = lock(&self.inner);
        let waits =
            |live: &&mut Live| matches!(live.stage, Stage::Waits) && !live.exported.is_finished();
        let waiting = inner.live.values_mut().filter(waits);
        let resumes = waiting.map(|live| {
            live.stage = Stage::Resumes;
            live.exported.clone()
        });
        resumes.collect()
    }

    /// Ends an export for good. Its overlay goes with it only if that is wanted.
    pub(crate) async fn stop(
        &self,
        state: &State,
        number: u64,
        discard: bool,
    ) -> Result<(), Failure> {
        let live = self.take_out(number)?;
        self.forget_socket(&live.exported);
        let ended = match live.stage {
            Stage::Serves(server) => server.shutdown().await.map(|_| ()),
            _ => Ok(()),
        };
        // Before that is kept: the state may be out of room for what lies in the overlay. An engine
        // that finds it served does not serve it without.
        if discard && live.exported.writable {
            let _ = std::fs::remove_file(live.exported.overlay(&self.state));
        }
        let kept = self.keep(state);
        let next = "check the file system of the overlay; what was flushed before is safe";
        ended.map_err(|error| Failure::new(error, next))?;
        kept.map_err(|error| Failure::new(error, STATE_NEXT))
    }

    fn take_out(&self, number: u64) -> Result<Live, Failure> {
        match lock(&self.inner).live.entry(number) {
            Entry::Vacant(_) => {
                Err(Failure::new(format!("there is no export {number}"), "list the exports"))
            }
            Entry::Occupied(live) => match live.get().stage {
                Stage::Waits | Stage::Serves(_) => Ok(live.remove()),
                Stage::New | Stage::Resumes => {
                    let what = format!("export {number} is just beginning");
                    Err(Failure::new(what, "stop it again in a moment"))
                }
            },
        }
    }

    /// Ends serving, and keeps everything for the next engine.
    pub(crate) async fn suspend(&self) {
        // They stay in the list: somebody may still have it kept.
        let stages: Vec<Stage> = {
            let mut inner = lock(&self.inner);
            let live = inner.live.values_mut();
            // One that nobody was told of yet stays so.
            let served = live.filter(|live| matches!(live.stage, Stage::Serves(_)));
            served.map(|live| std::mem::replace(&mut live.stage, Stage::Resumes)).collect()
        };
        let servers = stages.into_iter().filter_map(|stage| match stage {
            Stage::Serves(server) => Some(server),
            _ => None,
        });
        for server in servers {
            if let Err(error) = server.shutdown().await {
                log::error!("an overlay could not be flushed: {error}");
            }
        }
    }

    async fn serve(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        exported: &Exported,
    ) -> Result<Server, Failure> {
        let disk = self.disk(pool, access, exported).await?;
        let export = Export { name: String::new(), disk, read_only: !exported.writable };
        let refused = "stop the export and start it anew";
        let server = Server::new(vec![export]).map_err(|error| Failure::new(error, refused))?;
        let listener =
            self.listener(exported).await.map_err(|error| Failure::new(error, refused))?;
        server.serve_bound(listener).map_err(|error| Failure::new(error, refused))?;
        Ok(server)
    }

    async fn disk(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        exported: &Exported,
    ) -> Result<Disk, Failure> {
        let (base, image) = self.below(pool, access, exported).await?;
        if !exported.writable {
            return Ok(Disk::ReadOnly(image));
        }
        let overlay = self.overlay(exported, base, image).await?;
        Ok(match exported.intake {
            None => Disk::Writable(overlay),
            Some(_) => Disk::WriteOnly(overlay),
        })
    }

    async fn overlay(
        &self,
        exported: &Exported,
        base: Base,
        image: Arc<dyn Image>,
    ) -> Result<Arc<Overlay>, Failure> {
        let overlay = Overlay::open(&exported.overlay(&self.state), base, image).await;
        let next = "use the overlay with its own recovery point";
        let overlay = overlay.map_err(|error| Failure::new(error, next))?;
        // The state lies beside it.
        Ok(Arc::new(overlay.leaving_room()))
    }

    /// What clients read, or write above.
    async fn below(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        exported: &Exported,
    ) -> Result<(Base, Arc<dyn Image>), Failure> {
        if let Some(Intake { bytes, .. }) = exported.intake.as_ref().filter(|_| exported.is_blank())
        {
            return Ok((Base::BLANK, Arc::new(Blank(*bytes))));
        }
        let pool_point = pool.find(access.tenant(), &exported.point)?;
        let point = restore::RestorePoint::open(access, pool_point).await?;
        let cache = if exported.intake.is_some() { INTAKE_CACHE } else { CACHE };
        let image = volume_image(&point, exported.volume, cache)?;
        let base = Base { point: point.point.id, volume: exported.volume as u32 };
        Ok((base, Arc::new(PointImage(image))))
    }

    /// The socket that was kept, or a new one, which is given to keep.
    async fn listener(&self, exported: &Exported) -> std::io::Result<UnixListener> {
        let name = exported.name();
        if let Some(listener) = lock(&self.inherited).remove(&name) {
            return Ok(listener);
        }
        let path = self.socket(exported);
        let listener = bind_unix(&path).await?;
        if exported.intake.is_some() && self.intakes.is_some() {
            std::fs::set_permissions(&path, Permissions::from_mode(0o660))?;
        }
        let keep = [NotifyState::FdStore, NotifyState::FdName(&name)];
        // Without a service manager nobody keeps it: clients connect anew.
        let _ = sd_notify::notify_with_fds(&keep, &[listener.as_fd()]);
        Ok(listener)
    }
}

/// The sockets that the service manager has kept, by name.
fn inherited() -> HashMap<String, UnixListener> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut given = listenfd::ListenFd::from_env();
    let mut found = HashMap::new();
    for (number, name) in names.split(':').enumerate().take(given.len()) {
        if let Ok(Some(listener)) = given.take_unix_listener(number) {
            found.insert(name.to_owned(), listener);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Exported {
        let (point, intake) = (String::new(), None);
        Exported { number: 0, point, volume: 0, writable: true, since: 0, intake }
    }

    #[test]
    fn a_number_is_given_once() {
        let folder = tempfile::tempdir().unwrap();
        let exports = Exports::new(folder.path(), folder.path(), Kept::default());
        let one = exports.reserve(some()).unwrap();
        let two = exports.reserve(some()).unwrap();
        assert_eq!((one.number, two.number), (1, 2));
        lock(&exports.inner).live.clear();
        assert_eq!(exports.reserve(some()).unwrap().number, 3);
        let kept = lock(&exports.inner).kept();
        assert_eq!((kept.last, kept.exports.len()), (3, 0), "nobody was told of one");
        // An engine that was killed before it kept what it had begun.
        let again = Exports::new(folder.path(), folder.path(), Kept::default());
        std::fs::write(two.overlay(folder.path()), b"of the second").unwrap();
        assert_eq!(again.reserve(some()).unwrap().number, 1);
        assert_eq!(again.reserve(some()).unwrap().number, 3);
    }

    #[test]
    fn an_export_is_served_again_once() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept { last: 7, exports: vec![Exported { number: 4, ..some() }] };
        let exports = Exports::new(folder.path(), folder.path(), kept.clone());
        assert_eq!(exports.to_resume(), kept.exports);
        assert!(exports.to_resume().is_empty());
        assert_eq!(lock(&exports.inner).kept(), kept);
        assert!(exports.take_out(4).is_err(), "it is just beginning");
    }

    #[test]
    fn exports_have_a_bound_that_counts_those_that_begin() {
        let folder = tempfile::tempdir().unwrap();
        let exports = Exports::new(folder.path(), folder.path(), Kept::default());
        for _ in 0..MAX_EXPORTS {
            exports.reserve(some()).unwrap();
        }
        let failure = exports.reserve(some()).unwrap_err();
        assert!(failure.what.contains("64 exports"), "{}", failure.what);
    }
}
