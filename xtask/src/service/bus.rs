//! The engine as `busctl` shows it.

use std::process::{Command, Output};

use serde_json::Value;

use super::tools::{must, parse, until};
use crate::error::{Error, Result};
use crate::process::{command, quiet, start_error};

const SERVICE: &str = "org.holdfast.Engine1";

pub(super) const APPLIANCE: &str = "/org/holdfast/appliance";
pub(super) const POOL: &str = "/org/holdfast/pool";

/// The paths of all objects of one kind, as in `points`.
pub(super) fn objects(kind: &str) -> Result<Vec<String>> {
    let start = format!("/org/holdfast/{kind}/");
    Ok(tree()?.into_iter().filter(|path| path.starts_with(&start)).collect())
}

/// All paths.
pub(super) fn tree() -> Result<Vec<String>> {
    let listed = quiet(command("busctl").args(["tree", "--list", SERVICE]))?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// What an object is described as to whoever asks.
pub(super) fn introspect(path: &str) -> Result<String> {
    quiet(command("busctl").args(["introspect", "--no-pager", SERVICE, path]))
}

pub(super) fn get(path: &str, property: &str) -> Result<Value> {
    let mut busctl = command("busctl");
    busctl.args(["--json=short", "get-property", SERVICE, path, interface(path), property]);
    Ok(parse("busctl", &quiet(&mut busctl)?)?["data"].take())
}

/// The same of one that is a text.
pub(super) fn text(path: &str, property: &str) -> Result<String> {
    Ok(get(path, property)?.as_str().unwrap_or_default().to_owned())
}

/// The same of one that is a number.
pub(super) fn number(path: &str, property: &str) -> Result<u64> {
    Ok(get(path, property)?.as_u64().unwrap_or_default())
}

/// Calls a method with arguments as `busctl` takes them, and gives what it gives if that is one
/// text or path.
pub(super) fn call(path: &str, method: &str, arguments: &[&str]) -> Result<String> {
    let mut busctl = command("busctl");
    busctl.args(["--json=short", "call", SERVICE, path, interface(path), method]).args(arguments);
    let answer = quiet(&mut busctl)?;
    if answer.trim().is_empty() {
        return Ok(String::new());
    }
    Ok(parse("busctl", &answer)?["data"][0].as_str().unwrap_or_default().to_owned())
}

/// What comes of `busctl` when another user says this to the engine.
pub(super) fn as_user(user: &str, verb: &str, path: &str, rest: &[&str]) -> Result<Output> {
    let mut busctl: Command = command("setpriv");
    busctl.args(["--reuid", user, "--regid", user, "--init-groups", "busctl", verb, SERVICE]);
    busctl.arg(path).arg(interface(path)).args(rest);
    busctl.output().map_err(|source| start_error(&busctl, source))
}

/// Verifies the pool, which makes the engine look at everything when it is done. When that was, as
/// the engine tells time.
pub(super) fn verify() -> Result<u64> {
    let job = call(POOL, "Verify", &["a{sv}", "0"])?;
    let ended = until("a verify", || {
        let state = text(&job, "State")?;
        Ok((!["queued", "running"].contains(&state.as_str())).then_some(state))
    })?;
    must(ended == "done", "a verify of a sound pool is done", ended)?;
    number(&job, "EndedAt")
}

/// The interface of the object at a path.
fn interface(path: &str) -> &'static str {
    match path.split('/').nth(3).unwrap_or_default() {
        "pool" => "org.holdfast.Pool1",
        "systems" => "org.holdfast.ProtectedSystem1",
        "points" => "org.holdfast.RecoveryPoint1",
        "jobs" => "org.holdfast.Job1",
        "exports" => "org.holdfast.Export1",
        "alerts" => "org.holdfast.Alert1",
        _ => "org.holdfast.Appliance1",
    }
}

/// The only object of a kind.
pub(super) fn only(kind: &str) -> Result<String> {
    let mut found = objects(kind)?;
    match (found.pop(), found.len()) {
        (Some(path), 0) => Ok(path),
        (_, others) => Err(Error::Unexpected {
            from: SERVICE.to_owned(),
            what: format!("not one of {kind}, but {others} more, or none"),
        }),
    }
}
