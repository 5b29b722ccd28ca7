//! The daemon as a whole: it is put together, serves, and ends.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bus::Client;
use model::Fingerprint;
use nix::ifaddrs::getifaddrs;
use pinned::{Admission, Identity};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::channels::{self, Channels};
use crate::claim::Claim;
use crate::config::Config;
use crate::error::{ManageError, Result};
use crate::guard::Guard;
use crate::http::{Door, Listener};
use crate::mailed;
use crate::server::{HASHES, REPORTS, STREAMS, Server};
use crate::state::State;
use crate::world::World;

/// How often sessions that are over are removed, and what was counted is written down.
const SWEEP: Duration = Duration::from_secs(600);

/// Most addresses that the console shows.
const ADDRESSES: usize = 8;

/// The daemon, ready to serve.
#[derive(Debug)]
pub struct Manage {
    server: Arc<Server>,
    listeners: Vec<Listener>,
}

impl Manage {
    /// Opens the state, reaches the bus and listens; at `passed` if the service manager has passed
    /// a socket. To be called on a tokio runtime.
    pub async fn open(config: &Config, passed: Option<StdListener>) -> Result<Self> {
        reset_if_asked(config)?;
        pinned::make(&config.certificate, &config.key, "holdfast")?;
        let identity = || Identity::read(&config.certificate, &config.key);
        let fingerprint = identity()?.fingerprint();
        let state = State::open(&config.state)?;
        let claimed = state.has_accounts()?;
        let file = |source| ManageError::File { path: config.runtime.clone(), source };
        std::fs::create_dir_all(&config.runtime).map_err(file)?;
        let client = match &config.bus {
            Some(address) => Client::connect_to(address).await,
            None => Client::connect().await,
        };
        let port = match &passed {
            Some(listener) => listener.local_addr().map_or(0, |address| address.port()),
            None => config.listen.port(),
        };
        let addresses = addresses(config.listen, port);
        let server = Arc::new(Server {
            name: config.name(),
            fingerprint,
            state: Arc::new(state),
            world: World::new(),
            claim: Claim::begin(&config.runtime, claimed, addresses, fingerprint)?,
            channels: Channels::open(&config.state)?,
            requested: Default::default(),
            guard: Guard::default(),
            sign_ins: Default::default(),
            changes: Default::default(),
            client: client.map_err(ManageError::Bus)?,
            hashes: Arc::new(Semaphore::new(HASHES)),
            reports: Semaphore::new(REPORTS),
            support: Semaphore::new(1),
            streams: Arc::new(Semaphore::new(STREAMS)),
            used: Default::default(),
            listening: Default::default(),
        });
        let admission = Arc::new(Admission::default());
        let door = |asks| -> Result<Door> {
            let tls = pinned::open_server(identity()?, asks)?;
            Ok(Door { tls, admission: admission.clone(), server: server.clone() })
        };
        let mut listeners = vec![Listener::bind(config.listen, passed, door(false)?)?];
        if let Some(address) = config.listen_for_certificates {
            listeners.push(Listener::bind(address, None, door(true)?)?);
        }
        Ok(Self { server, listeners })
    }

    /// Where it listens: for everybody, and for those who show a certificate.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.address().ok()).collect()
    }

    /// What others can know its certificate by.
    pub fn fingerprint(&self) -> Fingerprint {
        self.server.fingerprint
    }

    /// Asks whether each loop that accepts goes round.
    pub fn beats(&self) -> Vec<mpsc::Sender<oneshot::Sender<()>>> {
        self.listeners.iter().map(Listener::beat).collect()
    }

    /// Serves until `stop` ends; or until the connection to the bus does, which does not come back.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<()> {
        let Self { server, listeners } = self;
        let watch = server.client.watch().await.map_err(ManageError::Bus)?;
        let mut serving = tokio::task::JoinSet::new();
        for listener in listeners {
            serving.spawn(listener.serve());
        }
        serving.spawn(sweep(server.clone()));
        serving.spawn(channels::follow(server.clone()));
        serving.spawn(mailed::follow(server.clone()));
        let own = server.clone();
        serving.spawn(async move { own.channels.notifier.run(std::future::pending()).await });
        tokio::select! {
            () = stop => Ok(()),
            () = server.world.keep(watch) => Err(ManageError::BusEnded),
        }
    }
}

async fn sweep(server: Arc<Server>) {
    loop {
        let own = server.clone();
        let swept =
            tokio::task::spawn_blocking(move || own.sweep().and_then(|()| own.read_usage())).await;
        if let Ok(Err(error)) = swept {
            log::error!("{error}");
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// Forgets owner, accounts, channels, audit log and certificate if the console asks for it by a
/// file in the folder that only it and this service write to. The file goes last: cut off amid, it
/// is done again.
fn reset_if_asked(config: &Config) -> Result<()> {
    let asked = config.runtime.join("reset");
    if !asked.exists() {
        return Ok(());
    }
    log::warn!("factory reset: accounts, channels, audit log and certificate are forgotten");
    State::forget(&config.state)?;
    Channels::forget(&config.state)?;
    remove(&config.certificate)?;
    remove(&config.key)?;
    remove(&asked)
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(ManageError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Where the portal is found, for people.
fn addresses(listen: SocketAddr, port: u16) -> Vec<String> {
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    if !listen.ip().is_unspecified() {
        let ip = SocketAddr::new(listen.ip(), 0).to_string();
        let ip = ip.trim_end_matches(":0");
        return vec![format!("https://{ip}{port}/")];
    }
    let Ok(found) = getifaddrs() else { return Vec::new() };
    let storages = found.filter_map(|one| one.address);
    let mut addresses: Vec<String> = storages
        .filter_map(|storage| {
            if let Some(v4) = storage.as_sockaddr_in() {
                return Some(v4.ip()).filter(|ip| !ip.is_loopback()).map(|ip| ip.to_string());
            }
            let v6 = storage.as_sockaddr_in6()?.ip();
            let wanted = !v6.is_loopback() && !v6.is_unicast_link_local();
            wanted.then(|| format!("[{v6}]"))
        })
        .map(|ip| format!("https://{ip}{port}/"))
        .collect();
    // Those that can be typed come first.
    addresses.sort_by_key(|address| address.contains('['));
    addresses.truncate(ADDRESSES);
    addresses
}
