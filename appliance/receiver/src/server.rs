//! The receiver as a whole: it accepts connections until it is told to stop.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use model::Fingerprint;
use pinned::{Admission, Identity, MOST_HANDSHAKES};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::config::Config;
use crate::connection::Door;
use crate::error::{ReceiverError, Result};
use crate::handle::Handler;
use crate::intakes::Intakes;
use crate::peers::Peers;

/// Most connections in all: agents with a certificate, handshakes, and those on their way out.
const MOST_CONNECTIONS: usize = 1024 + 2 * MOST_HANDSHAKES;

/// After accepting failed (no descriptor is left) nothing is accepted for so long.
const PAUSE: Duration = Duration::from_millis(100);

/// What agents have to pin: the fingerprint of the receiver's certificate, which is made if there
/// is none.
pub fn fingerprint(config: &Config) -> Result<Fingerprint> {
    Ok(identity(config)?.fingerprint())
}

fn identity(config: &Config) -> Result<Identity> {
    pinned::make(&config.certificate, &config.key, "holdfast receiver")?;
    Ok(Identity::read(&config.certificate, &config.key)?)
}

/// A receiver that is ready to serve.
#[derive(Debug)]
pub struct Receiver<I> {
    listener: TcpListener,
    door: Arc<Door<I>>,
    fingerprint: Fingerprint,
    beats: mpsc::Receiver<oneshot::Sender<()>>,
    beat: mpsc::Sender<oneshot::Sender<()>>,
}

impl<I: Intakes> Receiver<I> {
    /// Listens at `passed` if the service manager has passed a socket, else at the address of the
    /// configuration. To be called on a tokio runtime.
    pub fn bind(config: &Config, passed: Option<StdListener>, intakes: Arc<I>) -> Result<Self> {
        let identity = identity(config)?;
        let fingerprint = identity.fingerprint();
        let peers = Peers::new(&config.agents);
        let tls = pinned::server(identity, peers.known())?;
        let failed = |source| ReceiverError::Listen { address: config.listen, source };
        let listener = passed.map_or_else(|| StdListener::bind(config.listen), Ok);
        let listener = listener.map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let (beat, beats) = mpsc::channel(1);
        Ok(Self {
            listener: TcpListener::from_std(listener).map_err(failed)?,
            door: Arc::new(Door {
                tls,
                admission: Arc::new(Admission::default()),
                peers,
                handler: Handler::new(intakes),
            }),
            fingerprint,
            beats,
            beat,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What agents pin.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Asks whether the loop that accepts goes round: it answers what is sent here.
    pub fn beat(&self) -> mpsc::Sender<oneshot::Sender<()>> {
        self.beat.clone()
    }

    /// Serves until `stop` ends; connections are then cut off. What they had flushed is there.
    pub async fn serve(mut self, stop: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = tokio::task::JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                Some(asked) = self.beats.recv() => {
                    let _ = asked.send(());
                }
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, from)) => {
                        // Without a place the connection ends at once.
                        let Ok(place) = places.clone().try_acquire_owned() else { continue };
                        let door = self.door.clone();
                        let _ = stream.set_nodelay(true);
                        connections.spawn(async move {
                            door.serve(stream, from).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        log::warn!("no connection can be accepted: {error}");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
    }
}
