//! A running engine, and whether it is the one to ask.

use std::io::IsTerminal;

use bus::{Client, ClientError, Object, Place};
use operations::Failure;
use serde::Serialize;
use tokio::runtime::Runtime;
use zbus::DynamicType;
use zbus::wire::DynamicDeserialize;

use super::refused::{failure, no_engine};
use super::seen::Seen;
use crate::arguments::{AskEngine, OnBus, PoolDisks};
use crate::interrupt::runtime;

/// An engine on a bus.
#[derive(Debug)]
pub(crate) struct Engine {
    runtime: Runtime,
    client: Client,
}

/// The engine to ask; `None` if disks were named. Without either the one that runs is meant.
pub(crate) fn reach(pool: &PoolDisks) -> Result<Option<Engine>, Failure> {
    if !pool.disks.is_empty() {
        return Ok(None);
    }
    let AskEngine { engine, bus } = &pool.ask;
    if *engine || bus.is_some() {
        return Engine::connect(bus.as_deref()).map(Some);
    }
    Engine::connect(None).map(Some).map_err(|failure| {
        let what = format!("no disks of a pool were named, and {}", failure.what);
        Failure::new(what, failure.next)
    })
}

/// For what can be done on disks only: refuses when none were named.
pub(crate) fn disks_only(pool: &PoolDisks, what: &str) -> Result<(), Failure> {
    if !pool.disks.is_empty() {
        return Ok(());
    }
    let next = "stop the engine if one runs, and name the disks of the pool with --pool";
    Err(Failure::new(format!("{what} needs the disks of the pool"), next))
}

impl Engine {
    /// The engine on the bus with this address, on that in the environment, or on the system's.
    pub(crate) fn connect(bus: Option<&str>) -> Result<Self, Failure> {
        let runtime = runtime(1)?;
        let connecting = async {
            let client = match bus {
                Some(address) => Client::connect_to(address).await?,
                None => Client::connect().await?,
            };
            client.has_engine().await.map(|there| (client, there))
        };
        let (client, there) = runtime.block_on(connecting).map_err(|error| failure(&error))?;
        if !there {
            return Err(no_engine());
        }
        // polkit may ask for a password if somebody is there to type it.
        let client = client.with_person(std::io::stdin().is_terminal());
        Ok(Self { runtime, client })
    }

    pub(crate) fn on(on: &OnBus) -> Result<Self, Failure> {
        Self::connect(on.bus.as_deref())
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for something.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Calls a method of an object.
    pub(crate) fn call<B, R>(&self, place: &Place, method: &str, body: &B) -> Result<R, Failure>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        self.wait(self.client.call(place, method, body)).map_err(|error| failure(&error))
    }

    /// Everything that it shows.
    pub(crate) fn seen(&self) -> Result<Seen, Failure> {
        let objects = self.wait(self.client.objects());
        Ok(Seen::of(objects.map_err(|error| failure(&error))?))
    }

    /// One object as it is now; `None` if it is not there.
    pub(crate) fn object(&self, place: &Place) -> Result<Option<Object>, Failure> {
        match self.wait(self.client.object(place)) {
            Ok(object) => Ok(Some(object)),
            Err(ClientError::Missing(_)) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }
}
