//! Who calls.

use std::time::Duration;

use tokio::time::timeout;
use zbus::Connection;
use zbus::fdo::{ConnectionCredentials, DBusProxy};
use zbus::message::{Flags, Header};
use zbus::names::OwnedUniqueName;

/// How long the bus may take to say who a caller is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who calls, as the bus or the socket says; the caller itself is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The unique name on the bus. None on a connection without a bus.
    pub name: Option<OwnedUniqueName>,
    /// None if nobody knows.
    pub uid: Option<u32>,
    /// None if nobody knows. Only good for logs: it may be another process by now.
    pub pid: Option<u32>,
    /// Somebody sits there who can be asked for a password.
    pub interactive: bool,
}

impl Caller {
    /// The sender of the call with this header. What cannot be found out is None.
    pub(crate) async fn of(connection: &Connection, header: &Header<'_>) -> Self {
        let name = header.sender().map(|name| OwnedUniqueName::from(name.to_owned()));
        let (uid, pid) = match &name {
            Some(name) if connection.is_bus() => of_bus(connection, name).await,
            _ => of_socket(connection).await,
        };
        let interactive = header.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH);
        let name = name.filter(|_| connection.is_bus());
        Self { name, uid, pid, interactive }
    }
}

async fn of_bus(connection: &Connection, name: &OwnedUniqueName) -> (Option<u32>, Option<u32>) {
    let ask = async {
        let bus = DBusProxy::new(connection).await?;
        bus.get_connection_credentials(name.as_ref().into()).await.map_err(zbus::Error::from)
    };
    match timeout(PATIENCE, ask).await {
        Ok(Ok(credentials)) => user_and_process(&credentials),
        _ => (None, None),
    }
}

async fn of_socket(connection: &Connection) -> (Option<u32>, Option<u32>) {
    match connection.peer_creds().await {
        Ok(credentials) => user_and_process(credentials),
        Err(_) => (None, None),
    }
}

fn user_and_process(credentials: &ConnectionCredentials) -> (Option<u32>, Option<u32>) {
    (credentials.unix_user_id(), credentials.process_id())
}
