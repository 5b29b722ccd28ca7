//! Accepts connections, a bounded number at a time.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::Door;
use crate::error::{ManageError, Result};

/// Most connections: 256 streams of events, and room for requests beside them.
const MOST: usize = 512;

/// After accepting failed (no descriptor is left) nothing is accepted for so long.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks whether the loop that accepts goes round: it answers what is sent here.
pub(crate) type Beat = mpsc::Sender<oneshot::Sender<()>>;

/// Listens at one address.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: TcpListener,
    door: Arc<Door>,
    beats: mpsc::Receiver<oneshot::Sender<()>>,
    beat: Beat,
}

impl Listener {
    /// Listens at `passed` if the service manager has passed a socket, else at `address`.
    pub(crate) fn bind(
        address: SocketAddr,
        passed: Option<StdListener>,
        door: Door,
    ) -> Result<Self> {
        let failed = |source| ManageError::Listen { address, source };
        let listener = passed.map_or_else(|| StdListener::bind(address), Ok).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let (beat, beats) = mpsc::channel(1);
        Ok(Self { listener, door: Arc::new(door), beats, beat })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(crate) fn beat(&self) -> Beat {
        self.beat.clone()
    }

    /// Serves until this is dropped; connections are then cut off.
    pub(crate) async fn serve(mut self) {
        let places = Arc::new(Semaphore::new(MOST));
        let mut connections = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
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
                        // In the order in which they came: who came last pushes out, and is not
                        // pushed out by those before.
                        let ticket = door.admission.enter(from.ip());
                        connections.spawn(async move {
                            door.serve(stream, from, ticket).await;
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
