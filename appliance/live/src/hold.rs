//! One disk of a machine, held through QEMU.
//!
//! A filter of QEMU's between the guest and the disk copies what is about to be overwritten to a
//! scratch image first; what the disk was when the filter came, and the bitmaps, are served over
//! NBD. When the scratch image takes no more, reading fails and the guest goes on.

use std::path::{Path, PathBuf};

use model::PointId;
use serde_json::{Value, json};

use crate::bitmaps::{name_of, tell_since};
use crate::disk::Disk;
use crate::error::{LiveError, Result};
use crate::qmp::Qmp;
use crate::sweep::{CREATION, EXPORT, FILTER, MOMENT, SCRATCH, SCRATCH_FILE, put_before};

/// Seconds that a write of the guest's waits for its old data to be copied, at most; then the pull
/// fails and the write goes on.
const GUEST_WAITS: u32 = 20;

/// Bytes for which a bitmap has one bit: a cluster of most images.
const GRANULARITY: u32 = 64 << 10;

/// A disk, and what is ours around it.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) disk: Disk,
    number: usize,
    pub(crate) scratch: PathBuf,
    /// Bitmaps that together tell what was written since the point that was asked about.
    pub(crate) telling: Vec<String>,
    /// Begins at this moment.
    new: String,
}

impl Hold {
    /// The disk with this number, with a bitmap for `point` to come; nothing is done to it yet.
    pub(crate) fn of(
        disk: Disk,
        number: usize,
        socket: &Path,
        point: PointId,
        since: Option<PointId>,
    ) -> Self {
        let tells = since.is_some_and(|since| tell_since(&disk.bitmaps, since, disk.name()));
        let names = disk.bitmaps.iter().map(|bitmap| bitmap.name.clone());
        let telling = if tells { names.collect() } else { Vec::new() };
        let scratch = disk.scratch(socket, number);
        let new = name_of(point, disk.name());
        Self { disk, number, scratch, telling, new }
    }

    /// What the disk is called over NBD.
    pub(crate) fn export_name(&self) -> String {
        format!("disk{}", self.number)
    }

    /// Makes what the filter needs. Bitmaps that tell nothing go: they are of no more use, and
    /// would become more with every pull that fails.
    pub(crate) fn prepare(&mut self, qmp: &mut Qmp) -> Result<()> {
        if self.telling.is_empty() {
            self.remove_bitmaps(qmp)?;
        }
        let (file_node, path) = (self.node(SCRATCH_FILE), self.scratch.display().to_string());
        let file = json!({ "driver": "file", "filename": path });
        create(qmp, json!({ "driver": "file", "filename": path, "size": 0 }))?;
        add(qmp, &file_node, file)?;
        create(qmp, json!({ "driver": "qcow2", "file": file_node, "size": self.disk.size }))?;
        add(qmp, &self.node(SCRATCH), json!({ "driver": "qcow2", "file": file_node }))
    }

    /// Puts the filter before the disk: that is the moment. The new bitmap begins before it and the
    /// others end after it, so that each has what it should and at most a little more.
    pub(crate) fn hold(&self, qmp: &mut Qmp) -> Result<()> {
        let node = &self.disk.node;
        let begin = json!({
            "node": node, "name": self.new, "granularity": GRANULARITY,
            "persistent": self.disk.persistent,
        });
        qmp.execute("block-dirty-bitmap-add", begin)?;
        let filter = json!({
            "driver": "copy-before-write", "file": node, "target": self.node(SCRATCH),
            "on-cbw-error": "break-snapshot", "cbw-timeout": GUEST_WAITS,
        });
        add(qmp, &self.node(FILTER), filter)?;
        put_before(qmp, &self.disk.device, &self.node(FILTER))?;
        let recording = self.disk.bitmaps.iter().filter(|bitmap| bitmap.recording);
        let recording = recording.map(|bitmap| bitmap.name.as_str());
        self.to_all(qmp, "block-dirty-bitmap-disable", recording)
    }

    /// Serves the disk as it was, with the bitmaps that tell.
    pub(crate) fn serve(&self, qmp: &mut Qmp) -> Result<()> {
        let (moment, filter) = (self.node(MOMENT), self.node(FILTER));
        add(qmp, &moment, json!({ "driver": "snapshot-access", "file": filter }))?;
        let of_disk = |name: &String| json!({ "node": self.disk.node, "name": name });
        let export = json!({
            "type": "nbd", "id": self.node(EXPORT), "node-name": moment,
            "name": self.export_name(),
            "bitmaps": self.telling.iter().map(of_disk).collect::<Vec<_>>(),
        });
        qmp.execute("block-export-add", export).map(drop)
    }

    /// Removes the bitmaps that were there before, all at once: with some of them gone the others
    /// would tell less than they seem to.
    pub(crate) fn remove_bitmaps(&mut self, qmp: &mut Qmp) -> Result<()> {
        let bitmaps = std::mem::take(&mut self.disk.bitmaps);
        let names = bitmaps.iter().map(|bitmap| bitmap.name.as_str());
        self.to_all(qmp, "block-dirty-bitmap-remove", names)
    }

    /// Does the same to bitmaps of the disk, in one go.
    fn to_all<'a>(
        &self,
        qmp: &mut Qmp,
        action: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let data = |name| json!({ "node": self.disk.node, "name": name });
        let actions: Vec<Value> =
            names.map(|name| json!({ "type": action, "data": data(name) })).collect();
        match actions.is_empty() {
            true => Ok(()),
            false => qmp.execute("transaction", json!({ "actions": actions })).map(drop),
        }
    }

    fn node(&self, kind: &str) -> String {
        format!("{kind}{}", self.number)
    }
}

fn create(qmp: &mut Qmp, options: Value) -> Result<()> {
    let wanted = json!({ "job-id": CREATION, "options": options });
    qmp.execute("blockdev-create", wanted)?;
    let concluded = |data: &Value| data["id"] == CREATION && data["status"] == "concluded";
    qmp.event("JOB_STATUS_CHANGE", concluded)?;
    let jobs = qmp.execute("query-jobs", json!({}))?;
    qmp.execute("job-dismiss", json!({ "id": CREATION }))?;
    let ours = jobs.as_array().into_iter().flatten().find(|job| job["id"] == CREATION);
    match ours.and_then(|job| job["error"].as_str()) {
        None => Ok(()),
        Some(error) => {
            let command = "a scratch image".to_owned();
            Err(LiveError::Refused { command, message: error.to_owned() })
        }
    }
}

fn add(qmp: &mut Qmp, node: &str, mut options: Value) -> Result<()> {
    options["node-name"] = node.into();
    qmp.execute("blockdev-add", options).map(drop)
}
