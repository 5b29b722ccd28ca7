//! `holdfast unlock` and `holdfast lock`: the keys of an engine.

use std::io::Write;
use std::os::fd::OwnedFd;

use bus::Place;
use operations::{Failure, Secret};
use serde_json::json;
use zbus::Fd;

use super::engine::Engine;
use crate::access::secret;
use crate::arguments::{OnBus, UnlockEngine};
use crate::output::Output;

/// Opens the keys. The secret goes through a pipe: no message holds it.
pub(crate) fn unlock(unlock: &UnlockEngine, output: &Output) -> Result<(), Failure> {
    let engine = Engine::on(&unlock.on)?;
    let secret = secret(&unlock.unlock)?;
    let failed = |error: std::io::Error| Failure::new(error, "close some files, then try again");
    let (reader, mut writer) = std::io::pipe().map_err(failed)?;
    // A pipe has room for all of it.
    match &secret {
        Secret::Passphrase(passphrase) => writer.write_all(passphrase.as_bytes()),
        Secret::Kit(kit) => writer.write_all(kit.text().as_bytes()),
    }
    .map_err(failed)?;
    drop(writer);
    let passphrase = Fd::from(OwnedFd::from(reader));
    engine.call::<_, ()>(&Place::Appliance, "Unlock", &passphrase)?;
    output.result(&json!({ "unlocked": true }), || "the engine has its keys".to_owned());
    Ok(())
}

/// Takes the keys away.
pub(crate) fn lock(on: &OnBus, output: &Output) -> Result<(), Failure> {
    Engine::on(on)?.call::<_, ()>(&Place::Appliance, "Lock", &())?;
    output.result(&json!({ "locked": true }), || {
        "the engine has no keys until `holdfast unlock`".to_owned()
    });
    Ok(())
}
