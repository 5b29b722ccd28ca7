//! The client side: what a console, a portal or a command sees of the appliance.

mod follow;
mod proxies;
mod watch;

use std::collections::HashMap;

use serde::Serialize;
use zbus::fdo::{DBusProxy, ManagedObjects, ObjectManagerProxy, PropertiesProxy};
use zbus::proxy::{self, CacheProperties, MethodFlags};
use zbus::wire::DynamicDeserialize;
use zbus::{Connection, DynamicType, OwnedObjectPath, OwnedVariant, Proxy, connection};

use crate::object::{Object, interface_at};
use crate::place::{Place, ROOT, SERVICE};

pub use follow::{Follow, Followed};
pub use proxies::{
    AlertProxy, ApplianceProxy, DiskProxy, ExportProxy, IntakeProxy, JobProxy, PointProxy,
    PoolProxy, SystemProxy,
};
pub use watch::{Update, Watch};

/// Holds the address of another bus than the system's: a private one, for tests and workstations.
pub const ADDRESS_VARIABLE: &str = "HOLDFAST_BUS_ADDRESS";

/// Why the appliance does not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the bus cannot be reached")]
    Unreachable(#[source] zbus::Error),
    /// A call ended with an error. [`Refusal::of`](crate::Refusal::of) tells ours from others.
    #[error("the engine did not answer")]
    Call(#[source] zbus::Error),
    /// There is no such object.
    #[error("there is no object {}", .0.path())]
    Missing(Place),
    /// The engine is of another version.
    #[error("the engine shows {} without a {property} as expected", .place.path())]
    Unexpected { place: Place, property: &'static str },
}

impl ClientError {
    /// Whether the bus is there and the engine is not.
    pub fn is_absence(&self) -> bool {
        use zbus::fdo::Error::{NameHasNoOwner, ServiceUnknown};
        let Self::Call(zbus::Error::FDO(error)) = self else { return false };
        matches!(**error, ServiceUnknown(_) | NameHasNoOwner(_))
    }
}

/// A connection to the engine.
#[derive(Debug, Clone)]
pub struct Client {
    connection: Connection,
    /// A person is there who can be asked for a password.
    interactive: bool,
}

impl Client {
    /// Connects to the system bus, or to the address in [`ADDRESS_VARIABLE`].
    pub async fn connect() -> Result<Self, ClientError> {
        match std::env::var(ADDRESS_VARIABLE) {
            Ok(address) => Self::connect_to(&address).await,
            Err(_) => Self::built(connection::Builder::system()).await,
        }
    }

    /// Connects to the bus with this address, as in `unix:path=/run/bus`.
    pub async fn connect_to(address: &str) -> Result<Self, ClientError> {
        Self::built(connection::Builder::address(address)).await
    }

    async fn built(builder: connection::Builder<'_>) -> Result<Self, ClientError> {
        builder.build().await.map(Self::over).map_err(ClientError::Unreachable)
    }

    /// Over a connection to a bus, or to an engine without one between.
    pub fn over(connection: Connection) -> Self {
        Self { connection, interactive: false }
    }

    /// Says whether a person is there who can be asked for a password before a call is allowed.
    #[must_use]
    pub fn with_person(self, interactive: bool) -> Self {
        Self { interactive, ..self }
    }

    /// Whether an engine is on the bus. Starts none.
    pub async fn has_engine(&self) -> Result<bool, ClientError> {
        let asked = async {
            let name = SERVICE.try_into()?;
            let bus = DBusProxy::new(&self.connection).await?;
            bus.name_has_owner(name).await.map_err(zbus::Error::from)
        };
        asked.await.map_err(ClientError::Call)
    }

    /// Calls a method of an object. The proxies do the same, and never have a person asked for a
    /// password.
    pub async fn call<B, R>(&self, place: &Place, method: &str, body: &B) -> Result<R, ClientError>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let mut flags = MethodFlags::empty();
        flags.set(MethodFlags::ALLOW_INTERACTIVE_AUTH, self.interactive);
        let called = async {
            let proxy: Proxy<'_> = proxy::Builder::new(&self.connection)
                .destination(SERVICE)
                .path(place.path())
                .interface(interface_at(place).name)
                .cache_properties(CacheProperties::No)
                .build()
                .await?;
            // Without a reply only if none was wanted.
            proxy.call_with_flags(method, flags, body).await?.ok_or(zbus::Error::InvalidReply)
        };
        called.await.map_err(ClientError::Call)
    }

    /// As [`call`](Self::call), of a method that gives the object that came of it.
    pub async fn begin<B>(
        &self,
        place: &Place,
        method: &str,
        body: &B,
    ) -> Result<Place, ClientError>
    where
        B: Serialize + DynamicType,
    {
        let path: OwnedObjectPath = self.call(place, method, body).await?;
        Place::parse(path.as_str()).ok_or(ClientError::Call(zbus::Error::InvalidReply))
    }

    /// Notices from now on when an object changes, or when the engine goes away.
    pub async fn follow(&self, place: &Place) -> Result<Follow, ClientError> {
        Follow::begin(&self.connection, place).await.map_err(ClientError::Call)
    }

    /// What the proxies need.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// All objects in one call, in the order of their places. Those that this version does not
    /// understand are left out and logged.
    pub async fn objects(&self) -> Result<Vec<Object>, ClientError> {
        let manager = ObjectManagerProxy::new(&self.connection, SERVICE, ROOT).await;
        let manager = manager.map_err(ClientError::Call)?;
        let listed = manager.get_managed_objects().await;
        Ok(views(&listed.map_err(|error| ClientError::Call(error.into()))?))
    }

    /// One object.
    pub async fn object(&self, place: &Place) -> Result<Object, ClientError> {
        let interface = interface_at(place).name;
        let proxy = PropertiesProxy::new(&self.connection, SERVICE, place.path()).await;
        let name = interface.try_into().map_err(ClientError::Call)?;
        let values = match proxy.map_err(ClientError::Call)?.get_all(name).await {
            Ok(values) => values,
            Err(zbus::fdo::Error::UnknownObject(_)) => {
                return Err(ClientError::Missing(place.clone()));
            }
            Err(error) => return Err(ClientError::Call(error.into())),
        };
        match view(interface, &values) {
            Some(Ok(object)) => Ok(object),
            Some(Err(property)) => Err(ClientError::Unexpected { place: place.clone(), property }),
            None => Err(ClientError::Missing(place.clone())),
        }
    }

    /// Everything as it is now, and then whatever changes. Begins with [`Update::Lost`] if there
    /// is no engine on the bus yet.
    pub async fn watch(&self) -> Result<Watch, ClientError> {
        Watch::begin(self.clone()).await
    }

    /// The methods of the appliance.
    pub async fn appliance(&self) -> Result<ApplianceProxy<'static>, ClientError> {
        ApplianceProxy::new(&self.connection).await.map_err(ClientError::Call)
    }

    /// The methods of the pool.
    pub async fn pool(&self) -> Result<PoolProxy<'static>, ClientError> {
        PoolProxy::new(&self.connection).await.map_err(ClientError::Call)
    }
}

/// The views in a listing, sorted by place.
fn views(listed: &ManagedObjects) -> Vec<Object> {
    let mut views = Vec::with_capacity(listed.len());
    for (path, interfaces) in listed {
        for (interface, values) in interfaces {
            match view(interface.as_str(), values) {
                Some(Ok(object)) => views.push((object.place(), object)),
                Some(Err(property)) => log::warn!("{path} has no {property} as expected"),
                None => {}
            }
        }
    }
    views.sort_by(|(left, _), (right, _)| left.cmp(right));
    views.into_iter().map(|(_, object)| object).collect()
}

fn view(
    interface: &str,
    values: &HashMap<String, OwnedVariant>,
) -> Option<Result<Object, &'static str>> {
    Object::from_values(interface, |name| values.get(name).map(|value| &**value))
}
