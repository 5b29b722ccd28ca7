//! A machine whose processors stand still for a moment, so that several disks are of the same one.
//!
//! QEMU puts a filter before one disk at a time; with the machine paused nothing is written between
//! the first and the last. It runs on a few milliseconds later. An engine that is killed in between
//! would leave it paused, and QEMU cannot say who paused it: a node without any use, which is there
//! from before the pause until after it, says that it was a pull. Whoever finds it lets the machine
//! go on: the next engine as it starts, and every pull as it begins.

use std::path::Path;

use serde_json::json;

use crate::error::Result;
use crate::qmp::Qmp;

/// The node that says so.
const MARK: &str = "holdfast-paused";

/// Does something while the machine stands still. One that does not run is left as it is.
pub(crate) fn paused(qmp: &mut Qmp, work: impl FnOnce(&mut Qmp) -> Result<()>) -> Result<()> {
    if qmp.execute("query-status", json!({}))?["running"] != true {
        return work(qmp);
    }
    qmp.execute("blockdev-add", json!({ "driver": "null-co", "node-name": MARK }))?;
    let done = qmp.execute("stop", json!({})).and_then(|_| work(qmp));
    let ended = end(qmp);
    done.and(ended)
}

/// Lets a machine go on that a pull has paused.
pub(crate) fn end(qmp: &mut Qmp) -> Result<()> {
    let nodes = qmp.execute("query-named-block-nodes", json!({ "flat": true }))?;
    if !nodes.as_array().into_iter().flatten().any(|node| node["node-name"] == MARK) {
        return Ok(());
    }
    if qmp.execute("query-status", json!({}))?["status"] == "paused" {
        qmp.execute("cont", json!({}))?;
    }
    qmp.execute("blockdev-del", json!({ "node-name": MARK })).map(drop)
}

/// Lets the machine with this QMP socket go on if a pull that was cut off has left it paused.
///
/// # Errors
/// Nobody answers there, say as the machine has been switched off.
pub fn resume(socket: &Path) -> Result<()> {
    end(&mut Qmp::connect(socket)?)
}
