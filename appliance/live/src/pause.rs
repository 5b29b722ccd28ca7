//! A machine whose processors stand still for a moment, so that several disks are of the same one.
//!
//! QEMU puts a filter before one disk at a time; with the machine paused nothing is written between
//! the first and the last. It runs on as soon as QEMU has done that: milliseconds, where disks do
//! not keep it waiting. An engine that is killed in between would leave it paused, and QEMU cannot
//! say who paused it: a node without any use, which is there from before the pause until after it,
//! says that it was a pull. Whoever finds it lets the machine go on: the next engine as it starts,
//! and every pull as it begins.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::error::{LiveError, Result};
use crate::qmp::Qmp;

/// The node that says so.
const MARK: &str = "holdfast-paused";

/// So long it is tried to let a machine go on, with so long between two tries.
const TRIED: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(1);

/// Does something while the machine stands still. One that does not run is left as it is.
///
/// # Errors
/// Where the machine does not go on, it is tried for ten minutes more, by new connections.
pub(crate) fn paused(qmp: &mut Qmp, work: impl FnOnce(&mut Qmp) -> Result<()>) -> Result<()> {
    if !runs(qmp)? {
        work(qmp)?;
        return match runs(qmp)? {
            false => Ok(()),
            true => Err(LiveError::Refused {
                command: "one moment for all disks".to_owned(),
                message: "the machine began to run meanwhile".to_owned(),
            }),
        };
    }
    qmp.execute("blockdev-add", json!({ "driver": "null-co", "node-name": MARK }))?;
    let done = qmp.execute("stop", json!({})).and_then(|_| work(qmp));
    let ended = end(qmp);
    if ended.is_err() {
        let socket = qmp.path().to_owned();
        let spawned = thread::Builder::new().name("resume".to_owned());
        // Without a thread the next pull lets it go on.
        let _ = spawned.spawn(move || resume(socket));
    }
    done.and(ended)
}

fn runs(qmp: &mut Qmp) -> Result<bool> {
    Ok(qmp.execute("query-status", json!({}))?["running"] == true)
}

/// Lets a machine go on that a pull has paused. The mark stays until it does.
pub(crate) fn end(qmp: &mut Qmp) -> Result<()> {
    let nodes = qmp.execute("query-named-block-nodes", json!({ "flat": true }))?;
    if !nodes.as_array().into_iter().flatten().any(|node| node["node-name"] == MARK) {
        return Ok(());
    }
    let status = qmp.execute("query-status", json!({}))?;
    match status["status"].as_str() {
        None => return Err(qmp.strange("it has no status")),
        Some("paused") => drop(qmp.execute("cont", json!({}))?),
        Some(_) => {}
    }
    qmp.execute("blockdev-del", json!({ "node-name": MARK })).map(drop)
}

/// Lets the machine with this QMP socket go on if a pull that was cut off has left it paused. Tries
/// for ten minutes at most; a machine that is off has nothing to go on with.
pub fn resume(socket: PathBuf) {
    let begun = Instant::now();
    while let Err(error) = try_once(&socket) {
        if is_off(&error) || begun.elapsed() > TRIED {
            return;
        }
        thread::park_timeout(PAUSE);
    }
}

fn try_once(socket: &Path) -> Result<()> {
    end(&mut Qmp::connect(socket)?)
}

fn is_off(error: &LiveError) -> bool {
    let LiveError::Lost { source, .. } = error else { return false };
    matches!(source.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}
