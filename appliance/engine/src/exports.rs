//! Recovery points served as disks, over restarts of the engine.
//!
//! What is served is kept in the state, and each listening socket with the service manager. When
//! the engine starts again, however the last one ended, it serves them again from the same sockets:
//! a virtual machine on one of them waits for a moment and loses nothing, because what it has
//! flushed is in its overlay.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use export::{Base, Disk, Export, Image, Overlay, Server, Stats, bind_unix};
use operations::{Failure, OpenPool, PointImage};
use record::TenantAccess;
use restore::VolumeImage;
use sd_notify::NotifyState;
use serde::{Deserialize, Serialize};

use crate::engine::lock;

/// Exports at once: the service manager keeps so many sockets.
pub(crate) const MAX_EXPORTS: usize = 64;

/// Memory of one export for opened chunks, in bytes.
const CACHE: usize = 128 << 20;

/// One export as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exported {
    pub(crate) number: u64,
    /// The recovery point's identity.
    pub(crate) point: String,
    pub(crate) volume: usize,
    /// Whether clients may write, to an overlay.
    pub(crate) writable: bool,
    /// By the clock on the wall.
    pub(crate) since: u64,
}

impl Exported {
    pub(crate) fn socket(&self, runtime: &Path) -> PathBuf {
        runtime.join(format!("export-{}.sock", self.number))
    }

    fn overlay(&self, state: &Path) -> PathBuf {
        state.join(format!("export-{}.overlay", self.number))
    }

    /// The name of its socket with the service manager.
    fn name(&self) -> String {
        format!("export-{}", self.number)
    }
}

/// All exports.
#[derive(Debug)]
pub(crate) struct Exports {
    state: PathBuf,
    runtime: PathBuf,
    live: Mutex<BTreeMap<u64, Live>>,
    /// Sockets from the service manager that nobody serves yet, by name.
    inherited: Mutex<HashMap<String, UnixListener>>,
}

#[derive(Debug)]
struct Live {
    exported: Exported,
    /// `None` while the pool is locked.
    server: Option<Server>,
}

impl Exports {
    /// The exports that an earlier engine served, with the sockets that were kept for it. Nobody is
    /// served before [`Exports::resume`].
    pub(crate) fn new(state: &Path, runtime: &Path, kept: Vec<Exported>) -> Self {
        let live =
            kept.into_iter().map(|exported| (exported.number, Live { exported, server: None }));
        Self {
            state: state.to_owned(),
            runtime: runtime.to_owned(),
            live: Mutex::new(live.collect()),
            inherited: Mutex::new(inherited()),
        }
    }

    /// What is to be kept.
    pub(crate) fn list(&self) -> Vec<Exported> {
        lock(&self.live).values().map(|live| live.exported.clone()).collect()
    }

    /// Each with its counters; `None` for one that is not served yet.
    pub(crate) fn stats(&self) -> Vec<(Exported, Option<Stats>)> {
        let live = lock(&self.live);
        live.values()
            .map(|live| (live.exported.clone(), live.server.as_ref().map(Server::stats)))
            .collect()
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
        let number = {
            let live = lock(&self.live);
            if live.len() >= MAX_EXPORTS {
                let what = format!("{MAX_EXPORTS} exports are served already");
                return Err(Failure::new(what, "stop one that is no longer used"));
            }
            live.last_key_value().map_or(1, |(last, _)| last + 1)
        };
        let point = pool.find(access.tenant(), &point)?.id.to_string();
        let exported = Exported { number, point, volume, writable, since: now };
        let server = self.serve(pool, access, &exported).await?;
        let live = Live { exported: exported.clone(), server: Some(server) };
        lock(&self.live).insert(number, live);
        Ok(exported)
    }

    /// Serves again what an earlier engine served. What cannot be is logged, and kept for later.
    pub(crate) async fn resume(&self, pool: &OpenPool, access: &Arc<TenantAccess>) {
        for exported in self.list() {
            match self.serve(pool, access, &exported).await {
                Ok(server) => {
                    log::info!("export {} of {} is served again", exported.number, exported.point);
                    if let Some(live) = lock(&self.live).get_mut(&exported.number) {
                        live.server = Some(server);
                    }
                }
                Err(Failure { what, next, .. }) => {
                    log::error!("export {} is not served: {what}; {next}", exported.number);
                }
            }
        }
    }

    /// Ends an export. Its overlay goes with it only if that is wanted.
    pub(crate) async fn stop(&self, number: u64, discard: bool) -> Result<(), Failure> {
        let live = lock(&self.live).remove(&number);
        let live = live.ok_or_else(|| {
            Failure::new(format!("there is no export {number}"), "list the exports")
        })?;
        let name = live.exported.name();
        let forget = [NotifyState::FdStoreRemove, NotifyState::FdName(&name)];
        let _ = sd_notify::notify(&forget);
        let _ = std::fs::remove_file(live.exported.socket(&self.runtime));
        let ended = match live.server {
            Some(server) => server.shutdown().await.map(|_| ()),
            None => Ok(()),
        };
        if discard && live.exported.writable {
            let _ = std::fs::remove_file(live.exported.overlay(&self.state));
        }
        let next = "check the file system of the overlay; what was flushed before is safe";
        ended.map_err(|error| Failure::new(error, next))
    }

    /// Ends serving, and keeps everything for the next engine.
    pub(crate) async fn suspend(&self) {
        let servers: Vec<Server> =
            lock(&self.live).values_mut().filter_map(|live| live.server.take()).collect();
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
        let (pool_point, access) = (pool.find(access.tenant(), &exported.point)?, access.clone());
        let point = restore::RestorePoint::open(&access, pool_point).await?;
        let image = VolumeImage::new(&point, exported.volume, CACHE).ok_or_else(|| {
            let what = format!("the recovery point has no volume {}", exported.volume);
            Failure::new(what, "see its volumes")
        })?;
        let image: Arc<dyn Image> = Arc::new(PointImage(image));
        if !exported.writable {
            return Ok(Disk::ReadOnly(image));
        }
        let base = Base { point: point.point.id, volume: exported.volume as u32 };
        let overlay = Overlay::open(&exported.overlay(&self.state), base, image).await;
        let next = "use the overlay with its own recovery point";
        Ok(Disk::Writable(Arc::new(overlay.map_err(|error| Failure::new(error, next))?)))
    }

    /// The socket that was kept, or a new one, which is given to keep.
    async fn listener(&self, exported: &Exported) -> std::io::Result<UnixListener> {
        let name = exported.name();
        if let Some(listener) = lock(&self.inherited).remove(&name) {
            return Ok(listener);
        }
        let listener = bind_unix(&exported.socket(&self.runtime)).await?;
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
