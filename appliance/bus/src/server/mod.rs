//! The server side: the engine puts views into a [`Tree`], the tree shows them on the bus.
//!
//! A put is quick, never waits for the bus and may come from any thread. A task for each connection
//! tells what changed, in one signal for each object. So a bus that does not read holds nobody up:
//! what is not told yet is gathered, object by object. Calls run in tasks of their own, bounded in
//! number; nothing that reads the connection ever waits for a call.
//!
//! The object server of zbus is not used. It locks the whole tree while it answers, describes every
//! object below when asked for one, and keeps four locks for each; here are ten thousand recovery
//! points.

mod call;
mod emit;
mod fault;
pub(crate) mod gate;
pub(crate) mod introspect;
mod service;
mod standard;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use zbus::fdo::RequestNameFlags;
use zbus::{Connection, MessageStream};

use crate::authorize::Authorize;
use crate::command::Commands;
use crate::object::Object;
use crate::place::{Place, SERVICE};

use service::Service;
use state::State;

/// How long the bus may take to read what is left when serving stops, and again to take the name
/// back. A bus that hangs must not hold up the end of the engine.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// Why the tree cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process has the name of the engine.
    #[error("another engine is on the bus")]
    NameTaken,
    /// The policy of the bus does not let this user have the name, or the bus is gone.
    #[error("the bus does not give the name {SERVICE}")]
    Name(#[source] zbus::Error),
}

/// All objects, as they are shown. Clones are the same tree.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    state: Arc<Mutex<State>>,
}

impl Tree {
    /// An empty tree. Fill it before it is served, then nobody sees half of it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows an object, new or changed. What changed is told: at once, or within half a second if
    /// it is only progress. A job that ends and an alert that is new are told as signals, too.
    ///
    /// The numbers of jobs, alerts and recovery points on the bus are bounded: beyond
    /// [`JOBS_MAX`](state::JOBS_MAX) and its like the oldest that matter least are not shown.
    pub fn put(&self, view: impl Into<Object>) {
        self.state().put(view.into(), Instant::now());
    }

    /// Shows an object no longer. Nothing happens if it is not shown.
    pub fn remove(&self, place: &Place) {
        self.state().remove(place, Instant::now());
    }

    /// What is shown at a place.
    pub fn get(&self, place: &Place) -> Option<Arc<Object>> {
        self.state().get(place)
    }

    /// All places that something is shown at, in order.
    pub fn places(&self) -> Vec<Place> {
        self.state().objects().map(|(place, _)| place.clone()).collect()
    }

    /// Serves the tree on a connection, and takes the name of the engine if that is to a bus. On a
    /// connection without a bus, calls that come before this get no reply, unless the stream is
    /// given that the connection was built with.
    ///
    /// May be called for several connections. Must be called inside a tokio runtime.
    pub async fn serve(
        &self,
        stream: impl Into<MessageStream>,
        commands: Arc<dyn Commands>,
        authorize: Arc<dyn Authorize>,
    ) -> Result<Serving, ServeError> {
        let stream = stream.into();
        let connection = Connection::from(&stream);
        let (stop, stopping) = watch::channel(false);
        let (outbox, wake) = self.state().open_outbox();
        let emitter = emit::run(connection.clone(), self.clone(), outbox, wake, stopping);
        let service = Service::new(connection.clone(), self.clone(), commands, authorize);
        let serving = Serving {
            connection,
            tree: self.clone(),
            outbox,
            stop,
            emitter: tokio::spawn(emitter),
            server: tokio::spawn(service::run(Arc::new(service), stream)),
        };
        serving.take_name().await?;
        Ok(serving)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves nothing half done in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A tree on a connection. Dropping it ends that at once, without telling what is not told yet.
#[derive(Debug)]
pub struct Serving {
    connection: Connection,
    tree: Tree,
    outbox: u64,
    stop: watch::Sender<bool>,
    emitter: JoinHandle<()>,
    server: JoinHandle<()>,
}

impl Serving {
    /// The connection that the tree is served on.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns when the other end is gone.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }

    /// Tells what is not told yet, gives the name back and takes no more calls. Calls that run go
    /// on. Takes two seconds at most.
    pub async fn stop(mut self) {
        // The emitter may have ended with its connection.
        let _ = self.stop.send(true);
        let _ = timeout(STOP_PATIENCE, &mut self.emitter).await;
        if self.connection.is_bus() {
            let _ = timeout(STOP_PATIENCE, self.connection.release_name(SERVICE)).await;
        }
    }

    async fn take_name(&self) -> Result<(), ServeError> {
        if !self.connection.is_bus() {
            return Ok(());
        }
        let flags = RequestNameFlags::DO_NOT_QUEUE;
        match self.connection.request_name_with_flags(SERVICE, flags).await {
            Ok(_) => Ok(()),
            Err(zbus::Error::NameTaken) => Err(ServeError::NameTaken),
            Err(error) => Err(ServeError::Name(error)),
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.emitter.abort();
        self.server.abort();
        self.tree.state().close_outbox(self.outbox);
    }
}
