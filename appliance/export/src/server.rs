//! The NBD server: exports, the sockets they are reached by, and an orderly end.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::budget::Budget;
use crate::connection::{Door, serve};
use crate::disk::Export;
use crate::ends::{Ends, EndsTeller};
use crate::execute::Served;
use crate::negotiate::Offer;
use crate::overlay::OverlayError;
use crate::socket::{Listener, Stream};
use crate::stats::{Counters, Stats};
use crate::stop::{Stop, StopSwitch};
use crate::wire::MAX_NAME;

/// Connections of a server at once. With 64 requests each this bounds its tasks; a client that
/// comes when all are taken is turned away.
const MAX_CONNECTIONS: usize = 64;

/// Pause after a connection could not be accepted, which is when this process is out of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("two exports have the name {name:?}")]
    DuplicateName { name: String },
    #[error("an export's name is {length} bytes long, or has a NUL: at most 4096 bytes may be")]
    IllegalName { length: usize },
    /// Stop the server that listens there, or take another path.
    #[error("another server listens at {}", path.display())]
    InUse { path: PathBuf },
    #[error("cannot listen at {}: {source}", path.display())]
    ListenUnix { path: PathBuf, source: io::Error },
    #[error("cannot listen at {address}: {source}")]
    ListenTcp { address: SocketAddr, source: io::Error },
}

/// Serves exports to NBD clients. Runs on the tokio runtime that its methods are called on; when it
/// is dropped without [`Server::shutdown`] it stops as well, but nobody waits for it.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    stop: StopSwitch,
    listeners: Mutex<Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    tasks: JoinSet<()>,
    /// Sockets to remove at the end.
    paths: Vec<PathBuf>,
}

#[derive(Debug)]
struct Shared {
    door: Door,
    counters: Arc<Counters>,
    connections: Arc<Semaphore>,
}

impl Server {
    /// A server of `exports`, which nobody can reach yet.
    pub fn new(exports: Vec<Export>) -> Result<Self, ServerError> {
        check_names(&exports)?;
        let counters = Arc::new(Counters::default());
        let ends = Arc::new(EndsTeller::new());
        let offer = |export: &Export| Offer {
            name: export.name.clone(),
            size: export.disk.image().size(),
            writable: export.writable().is_some(),
            readable: export.disk.readable(),
        };
        let offers = exports.iter().map(offer).collect();
        let serve = |export| {
            let (counters, ends) = (counters.clone(), ends.clone());
            Arc::new(Served { export, budget: Budget::new(), counters, ends })
        };
        let served = exports.into_iter().map(serve).collect();
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let door = Door { offers, served, ends };
        Ok(Self {
            shared: Arc::new(Shared { door, counters, connections }),
            stop: StopSwitch::new(),
            listeners: Mutex::new(Listeners::default()),
        })
    }

    /// Listens on a Unix socket at `path`, which only this user may connect to. A socket that a
    /// dead server left there is replaced.
    pub async fn serve_unix(&self, path: &Path) -> Result<(), ServerError> {
        let listener = Listener::unix(path).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ServerError::InUse { path: path.to_owned() },
            _ => ServerError::ListenUnix { path: path.to_owned(), source },
        })?;
        let mut listeners = self.listeners();
        listeners.paths.push(path.to_owned());
        self.listen(&mut listeners, listener, None);
        Ok(())
    }

    /// Serves those who connect to `listener`, see [`crate::bind_unix`]. Its path stays at the end:
    /// whoever holds another copy of the listener can go on.
    pub fn serve_bound(&self, listener: UnixListener) -> io::Result<()> {
        let listener = Listener::bound(listener)?;
        self.listen(&mut self.listeners(), listener, None);
        Ok(())
    }

    /// Listens on TCP and returns the address, with the port that the system chose for port 0. With
    /// `tls` nothing is served in the clear; whether clients need a certificate is up to it.
    pub async fn serve_tcp(
        &self,
        address: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Result<SocketAddr, ServerError> {
        let (listener, bound) = Listener::tcp(address)
            .await
            .map_err(|source| ServerError::ListenTcp { address, source })?;
        self.listen(&mut self.listeners(), listener, tls.map(TlsAcceptor::from));
        Ok(bound)
    }

    pub fn stats(&self) -> Stats {
        let free = self.shared.connections.available_permits();
        self.shared.counters.snapshot((MAX_CONNECTIONS - free) as u64)
    }

    /// Whether an overlay holds anything.
    pub fn is_written(&self) -> bool {
        let mut overlays = self.shared.door.served.iter().filter_map(|s| s.export.disk.overlay());
        overlays.any(|overlay| overlay.is_written())
    }

    /// How clients left so far, and from here on.
    pub fn ends(&self) -> watch::Receiver<Ends> {
        self.shared.door.ends.watch()
    }

    /// Stops accepting, finishes the requests under way, closes every connection and makes what was
    /// written to overlays durable. A client that does not take its replies is waited for a minute.
    ///
    /// # Errors
    /// If an overlay could not be flushed; the others are flushed nevertheless.
    pub async fn shutdown(self) -> Result<Stats, OverlayError> {
        self.stop.stop();
        let Listeners { mut tasks, paths } = std::mem::take(&mut *self.listeners());
        while tasks.join_next().await.is_some() {}
        for path in paths {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(path);
        }
        let mut result = Ok(());
        for served in &self.shared.door.served {
            if let Some(overlay) = served.export.disk.overlay() {
                result = result.and(overlay.close().await);
            }
        }
        result.map(|()| self.stats())
    }

    fn listen(&self, listeners: &mut Listeners, on: Listener, tls: Option<TlsAcceptor>) {
        let stop = self.stop.subscribe();
        listeners.tasks.spawn(self.shared.clone().accept(on, tls, stop));
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Accepts connections until the server stops, then waits for their end.
    async fn accept(self: Arc<Self>, listener: Listener, tls: Option<TlsAcceptor>, mut stop: Stop) {
        let mut connections = JoinSet::new();
        let for_connections = stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.wait() => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok(stream) => {
                        let Some(place) = self.admit() else { continue };
                        let stop = for_connections.clone();
                        connections.spawn(self.clone().attend(stream, tls.clone(), stop, place));
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    /// A place for one more connection, if there is one.
    fn admit(&self) -> Option<OwnedSemaphorePermit> {
        let place = self.connections.clone().try_acquire_owned().ok();
        let counter = match place {
            Some(_) => &self.counters.connections,
            None => &self.counters.connections_refused,
        };
        Counters::add(counter, 1);
        place
    }

    async fn attend(
        self: Arc<Self>,
        stream: Stream,
        tls: Option<TlsAcceptor>,
        stop: Stop,
        place: OwnedSemaphorePermit,
    ) {
        let result = match stream {
            Stream::Unix(stream) => serve(stream, tls, &self.door, stop).await,
            Stream::Tcp(stream) => serve(stream, tls, &self.door, stop).await,
        };
        if let Err(fault) = result {
            self.counters.fault(fault);
        }
        drop(place);
    }
}

fn check_names(exports: &[Export]) -> Result<(), ServerError> {
    let mut names = HashSet::new();
    for Export { name, .. } in exports {
        if name.len() > MAX_NAME || name.contains('\0') {
            return Err(ServerError::IllegalName { length: name.len() });
        }
        if !names.insert(name) {
            return Err(ServerError::DuplicateName { name: name.clone() });
        }
    }
    Ok(())
}
