//! The engine on the bus: what it shows there, and what it is told to do.

mod catalog;
mod change;
mod commands;
mod disks;
mod give;
mod planning;
mod receive;
mod show;

use std::sync::Arc;

use bus::{Authorize, Polkit, SameUser, ServeError, Serving};
use zbus::connection::Builder;
use zbus::{Connection, MessageStream};

use crate::engine::Engine;

pub(crate) use catalog::{Known, show_soon};
pub(crate) use show::{job_view, show, show_exports};

/// Why the engine is not on a bus.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    #[error("the bus cannot be reached: {0}")]
    Connect(#[source] zbus::Error),
    #[error(transparent)]
    Serve(ServeError),
}

/// Serves the engine's tree: at `address`, where whoever runs the engine may do everything, or on
/// the system's bus, where polkit says who may do what.
pub(crate) async fn open(engine: &Arc<Engine>, address: Option<&str>) -> Result<Serving, BusError> {
    let connection = connect(address).await.map_err(BusError::Connect)?;
    let authorize: Arc<dyn Authorize> = match address {
        Some(_) => Arc::new(SameUser),
        None => Arc::new(Polkit::new(connection.clone())),
    };
    if address.is_none() {
        let _ = engine.system_bus.set(connection.clone());
    }
    show(engine).await;
    let stream = MessageStream::from(&connection);
    let commands = Arc::new(commands::Desk::new(engine.clone()));
    engine.tree.serve(stream, commands, authorize).await.map_err(BusError::Serve)
}

async fn connect(address: Option<&str>) -> zbus::Result<Connection> {
    match address {
        Some(address) => Builder::address(address).build().await,
        None => Builder::system().build().await,
    }
}
