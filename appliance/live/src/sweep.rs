//! Ends what pulls have left in a QEMU, and nothing of anybody else's.

use serde_json::{Value, json};

use crate::bitmaps::Bitmap;
use crate::disk;
use crate::error::Result;
use crate::pause;
use crate::qmp::Qmp;

/// What is ours in QEMU is called so, with the number of the disk behind it: one pull of a machine
/// at a time.
pub(crate) const CREATION: &str = "holdfast-create";
pub(crate) const FILTER: &str = "holdfast-filter-";
pub(crate) const MOMENT: &str = "holdfast-moment-";
pub(crate) const SCRATCH: &str = "holdfast-scratch-";
pub(crate) const SCRATCH_FILE: &str = "holdfast-file-";
pub(crate) const EXPORT: &str = "holdfast-export-";

/// Ends whatever of ours there is, as far as it can. `serves` says that the NBD server is.
///
/// # Errors
/// The first of what could not be done; the rest was.
pub(crate) fn sweep(qmp: &mut Qmp, serves: bool) -> Result<()> {
    let resumed = pause::end(qmp);
    let exports = qmp.execute("query-block-exports", json!({}))?;
    let exported = named(&exports, "id", EXPORT);
    let alone = exports.as_array().is_some_and(|all| all.len() <= exported.len());
    let ended = first(exported.iter().map(|export| {
        qmp.execute("block-export-del", json!({ "id": export, "mode": "hard" }))?;
        qmp.event("BLOCK_EXPORT_DELETED", |data| data["id"] == **export).map(drop)
    }));
    // It may still be at work; then the next creation is refused.
    let _ = qmp.execute("job-dismiss", json!({ "id": CREATION }));
    let nodes = qmp.execute("query-named-block-nodes", json!({ "flat": true }))?;
    let mut ours = !exported.is_empty();
    let mut remove = |qmp: &mut Qmp, kind: &str| {
        for node in named(&nodes, "node-name", kind) {
            ours |= qmp.execute("blockdev-del", json!({ "node-name": node })).is_ok();
        }
    };
    remove(qmp, MOMENT);
    let unfiltered = unfilter(qmp, &nodes);
    for kind in [FILTER, SCRATCH, SCRATCH_FILE] {
        remove(qmp, kind);
    }
    // A pull that was cut off may have left it without an export.
    if serves || !exported.is_empty() || ours && alone {
        let _ = qmp.execute("nbd-server-stop", json!({}));
    }
    first([resumed, ended, unfiltered])
}

/// Does all, and gives the first error.
fn first(all: impl IntoIterator<Item = Result<()>>) -> Result<()> {
    all.into_iter().fold(Ok(()), Result::and)
}

/// Takes the filters from before the disks that have them.
fn unfilter(qmp: &mut Qmp, nodes: &Value) -> Result<()> {
    let devices = qmp.execute("query-block", json!({}))?;
    let is_filter = |name: &str| name.starts_with(FILTER);
    let is_filtered =
        |device: &&Value| device["inserted"]["node-name"].as_str().is_some_and(is_filter);
    let filtered = devices.as_array().into_iter().flatten().filter(is_filtered);
    first(filtered.map(|device| {
        let medium = &device["inserted"];
        let is_disk = |node: &&Value| {
            let bitmaps = node["dirty-bitmaps"].as_array().into_iter().flatten();
            node["file"] == medium["file"] && bitmaps.filter_map(Bitmap::read).count() > 0
        };
        let disk = nodes.as_array().into_iter().flatten().find(is_disk);
        let node = disk.and_then(|disk| disk["node-name"].as_str());
        let Some((node, device)) = node.zip(disk::device(device)) else {
            return Err(qmp.strange("the disk behind our filter is not there"));
        };
        put_before(qmp, &device, node)
    }))
}

/// Gives a device another node: requests that are under way end first.
pub(crate) fn put_before(qmp: &mut Qmp, device: &str, node: &str) -> Result<()> {
    let set = json!({ "path": device, "property": "drive", "value": node });
    qmp.execute("qom-set", set).map(drop)
}

/// What is listed under a name that begins so.
fn named<'a>(listed: &'a Value, field: &str, beginning: &str) -> Vec<&'a str> {
    let names = listed.as_array().into_iter().flatten().filter_map(|one| one[field].as_str());
    names.filter(|name| name.starts_with(beginning)).collect()
}
