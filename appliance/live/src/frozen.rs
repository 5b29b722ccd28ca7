//! One moment of a disk, held while it is read.
//!
//! A filter of QEMU's between the guest and the disk copies what is about to be overwritten to a
//! scratch image first; what the disk was when the filter came, and the bitmaps, are served over
//! NBD on a local socket. When the scratch image takes no more, the pull fails and the guest goes
//! on.

use std::path::{Path, PathBuf};

use ingest::{Dirty, NbdAddress, SourceError};
use model::{Bytes, Consistency, PointId};
use serde_json::{Value, json};

use crate::bitmaps::{Bitmap, name, tell_since};
use crate::disk::{self, Disk};
use crate::error::{LiveError, Result};
use crate::qmp::Qmp;
use crate::still::{Guest, Outcome, Stillness};

/// What is ours in QEMU is called so: one pull of a machine at a time.
const CREATION: &str = "holdfast-create";
const FILTER: &str = "holdfast-filter";
const MOMENT: &str = "holdfast-moment";
const SCRATCH: &str = "holdfast-scratch";
const SCRATCH_FILE: &str = "holdfast-scratch-file";
const EXPORT: &str = "holdfast-export";

/// What the export is called over NBD.
const EXPORT_NAME: &str = "disk";

/// Seconds that a write of the guest's waits for its old data to be copied, at most; then the pull
/// fails and the write goes on.
const GUEST_WAITS: u32 = 20;

/// The scratch image must have room for one byte in so many of the disk.
const ROOM_ONE_IN: u64 = 16;

/// Bytes for which a bitmap has one bit: a cluster of most images.
const GRANULARITY: u32 = 64 << 10;

/// A disk as it was at one moment. When it is dropped the machine is as before, but for the
/// bitmaps: the next pull can go on from those.
#[derive(Debug)]
pub struct Frozen {
    qmp: Qmp,
    disk: Disk,
    scratch: PathBuf,
    socket: PathBuf,
    address: NbdAddress,
    /// Bitmaps that together tell what was written since the point that was asked about.
    telling: Vec<String>,
    /// Begins at this moment.
    new: String,
    /// What came of the guest's standing still; `None` when nobody asked it to.
    still: Option<Outcome>,
    /// The NBD server in QEMU is ours.
    serves: bool,
    over: bool,
}

impl Frozen {
    /// Holds a disk of the machine whose QMP socket this is; the only one if none is `wanted`. A
    /// bitmap for `point` begins just before that. A `guest` is frozen meanwhile, if its agent does
    /// that; if not, the disk is held all the same.
    ///
    /// # Errors
    /// The machine runs on as before.
    pub fn take(
        socket: &Path,
        wanted: Option<&str>,
        point: PointId,
        since: Option<PointId>,
        guest: Option<Guest<'_>>,
    ) -> Result<Self> {
        let mut qmp = Qmp::connect(socket)?;
        sweep(&mut qmp, false)?;
        let disk = disk::find(&mut qmp, wanted)?;
        let tells = since.is_some_and(|since| tell_since(&disk.bitmaps, since));
        let names = disk.bitmaps.iter().map(|bitmap| bitmap.name.clone());
        let telling = if tells { names.collect() } else { Vec::new() };
        let scratch = disk.scratch(socket);
        let mut nbd = socket.as_os_str().to_owned();
        nbd.push(".holdfast-nbd");
        let socket = PathBuf::from(nbd);
        let address = NbdAddress::unix(&socket, EXPORT_NAME)?;
        let new = name(point);
        let (serves, over, still) = (false, false, None);
        let mut frozen =
            Self { qmp, disk, scratch, socket, address, telling, new, still, serves, over };
        frozen.check_room()?;
        if !tells {
            // They are of no more use, and would become more with every pull that fails.
            frozen.remove_bitmaps()?;
        }
        frozen.make_scratch()?;
        let still = guest.map(Stillness::begin);
        frozen.hold()?;
        frozen.still = still.map(Stillness::end);
        frozen.serve()?;
        Ok(frozen)
    }

    /// Where the disk can be read.
    pub fn address(&self) -> &NbdAddress {
        &self.address
    }

    /// Of what moment the disk is.
    pub fn consistency(&self) -> Consistency {
        match self.still.as_ref().is_some_and(|outcome| outcome.still) {
            true => Consistency::FileSystem,
            false => Consistency::Crash,
        }
    }

    /// What a person should know about the guest, in one line.
    pub fn warning(&self) -> Option<&str> {
        self.still.as_ref()?.warning.as_deref()
    }

    /// What was written since the point that was asked about; `None` when nobody can say.
    pub fn dirty(&self) -> Result<Option<Dirty>> {
        let mut all = Vec::new();
        for bitmap in &self.telling {
            match ingest::dirty(&self.address, bitmap) {
                Ok(dirty) => all.extend(dirty.into_ranges()),
                Err(SourceError::NoBitmap { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((!self.telling.is_empty()).then(|| Dirty::new(all)))
    }

    /// The recovery point is durable: the bitmap that began with it is all that the next pull
    /// needs.
    pub fn keep(mut self) -> Result<()> {
        self.end()?;
        self.remove_bitmaps()
    }

    /// Removes the bitmaps that were there before, all at once: with some of them gone the others
    /// would tell less than they seem to.
    fn remove_bitmaps(&mut self) -> Result<()> {
        let node = &self.disk.node;
        let actions = self.disk.bitmaps.iter().map(|old| {
            let data = json!({ "node": node, "name": old.name });
            json!({ "type": "block-dirty-bitmap-remove", "data": data })
        });
        let actions: Vec<Value> = actions.collect();
        self.disk.bitmaps.clear();
        match actions.is_empty() {
            true => Ok(()),
            false => self.qmp.execute("transaction", json!({ "actions": actions })).map(drop),
        }
    }

    /// Refuses to begin where there is no room for what the guest may overwrite meanwhile: the pull
    /// would fail.
    fn check_room(&self) -> Result<()> {
        let folder = self.scratch.parent().unwrap_or(Path::new("/"));
        // Where QEMU has another view of the file system nobody can tell.
        let Ok(found) = rustix::fs::statvfs(folder) else { return Ok(()) };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let wanted = self.disk.size / ROOM_ONE_IN;
        if free >= wanted {
            return Ok(());
        }
        Err(LiveError::NoRoom {
            folder: folder.to_owned(),
            free: Bytes(free),
            wanted: Bytes(wanted),
        })
    }

    /// An image for what the disk had where the guest writes.
    fn make_scratch(&mut self) -> Result<()> {
        let path = self.scratch.display().to_string();
        let file = json!({ "driver": "file", "filename": path });
        self.create(json!({ "driver": "file", "filename": path, "size": 0 }))?;
        self.add(SCRATCH_FILE, file)?;
        let size = self.disk.size;
        self.create(json!({ "driver": "qcow2", "file": SCRATCH_FILE, "size": size }))?;
        self.add(SCRATCH, json!({ "driver": "qcow2", "file": SCRATCH_FILE }))
    }

    fn create(&mut self, options: Value) -> Result<()> {
        let wanted = json!({ "job-id": CREATION, "options": options });
        self.qmp.execute("blockdev-create", wanted)?;
        let concluded = |data: &Value| data["id"] == CREATION && data["status"] == "concluded";
        self.qmp.event("JOB_STATUS_CHANGE", concluded)?;
        let jobs = self.qmp.execute("query-jobs", json!({}))?;
        self.qmp.execute("job-dismiss", json!({ "id": CREATION }))?;
        let ours = jobs.as_array().into_iter().flatten().find(|job| job["id"] == CREATION);
        match ours.and_then(|job| job["error"].as_str()) {
            None => Ok(()),
            Some(error) => {
                let command = "a scratch image".to_owned();
                Err(LiveError::Refused { command, message: error.to_owned() })
            }
        }
    }

    fn add(&mut self, node: &str, mut options: Value) -> Result<()> {
        options["node-name"] = node.into();
        self.qmp.execute("blockdev-add", options).map(drop)
    }

    /// Puts the filter before the disk: that is the moment. The new bitmap begins before it and the
    /// others end after it, so that each has what it should and at most a little more.
    fn hold(&mut self) -> Result<()> {
        let node = self.disk.node.clone();
        let begin = json!({
            "node": node, "name": self.new, "granularity": GRANULARITY,
            "persistent": self.disk.persistent,
        });
        self.qmp.execute("block-dirty-bitmap-add", begin)?;
        let filter = json!({
            "driver": "copy-before-write", "file": node, "target": SCRATCH,
            "on-cbw-error": "break-snapshot", "cbw-timeout": GUEST_WAITS,
        });
        self.add(FILTER, filter)?;
        put_before(&mut self.qmp, &self.disk.device, FILTER)?;
        let recording = self.disk.bitmaps.iter().filter(|bitmap| bitmap.recording);
        let end = recording.map(|bitmap| {
            let data = json!({ "node": node, "name": bitmap.name });
            json!({ "type": "block-dirty-bitmap-disable", "data": data })
        });
        let end: Vec<Value> = end.collect();
        if !end.is_empty() {
            self.qmp.execute("transaction", json!({ "actions": end }))?;
        }
        self.add(MOMENT, json!({ "driver": "snapshot-access", "file": FILTER }))
    }

    fn serve(&mut self) -> Result<()> {
        // That of a pull that was cut off.
        let _ = std::fs::remove_file(&self.socket);
        let path = self.socket.display().to_string();
        let at = json!({ "type": "unix", "data": { "path": path } });
        self.qmp.execute("nbd-server-start", json!({ "addr": at }))?;
        self.serves = true;
        let of_disk = |name: &String| json!({ "node": self.disk.node, "name": name });
        let export = json!({
            "type": "nbd", "id": EXPORT, "node-name": MOMENT, "name": EXPORT_NAME,
            "bitmaps": self.telling.iter().map(of_disk).collect::<Vec<_>>(),
        });
        self.qmp.execute("block-export-add", export).map(drop)
    }

    /// Lets the disk go. What the guest has written is where it always was.
    fn end(&mut self) -> Result<()> {
        self.over = true;
        let swept = sweep(&mut self.qmp, self.serves);
        // They are gone already where QEMU has another view of the file system.
        let _ = std::fs::remove_file(&self.scratch);
        let _ = std::fs::remove_file(&self.socket);
        swept
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if !self.over {
            // The next pull sweeps what this one cannot.
            let _ = self.end();
        }
    }
}

/// Ends whatever of ours a QEMU has, and nothing of anybody else's. `serves` says that its NBD
/// server is.
fn sweep(qmp: &mut Qmp, serves: bool) -> Result<()> {
    let exports = qmp.execute("query-block-exports", json!({}))?;
    let exported = has(&exports, EXPORT);
    let alone = exports.as_array().is_some_and(|all| all.len() <= usize::from(exported));
    let mut ours = exported;
    if exported {
        qmp.execute("block-export-del", json!({ "id": EXPORT, "mode": "hard" }))?;
        qmp.event("BLOCK_EXPORT_DELETED", |data| data["id"] == EXPORT)?;
    }
    // It may still be at work; then the next creation is refused.
    let _ = qmp.execute("job-dismiss", json!({ "id": CREATION }));
    let mut remove = |qmp: &mut Qmp, node: &str| {
        ours |= qmp.execute("blockdev-del", json!({ "node-name": node })).is_ok();
    };
    remove(qmp, MOMENT);
    unfilter(qmp)?;
    for node in [FILTER, SCRATCH, SCRATCH_FILE] {
        remove(qmp, node);
    }
    // A pull that was cut off may have left it without an export.
    if serves || exported || ours && alone {
        let _ = qmp.execute("nbd-server-stop", json!({}));
    }
    Ok(())
}

/// Takes the filter from before the disk that has it.
fn unfilter(qmp: &mut Qmp) -> Result<()> {
    let devices = qmp.execute("query-block", json!({}))?;
    let filtered = |device: &&Value| device["inserted"]["node-name"] == FILTER;
    let Some(device) = devices.as_array().into_iter().flatten().find(filtered) else {
        return Ok(());
    };
    let nodes = qmp.execute("query-named-block-nodes", json!({ "flat": true }))?;
    let is_disk = |node: &&Value| {
        let bitmaps = node["dirty-bitmaps"].as_array().into_iter().flatten();
        node["file"] == device["inserted"]["file"] && bitmaps.filter_map(Bitmap::read).count() > 0
    };
    let disk = nodes.as_array().into_iter().flatten().find(is_disk);
    let node = disk.and_then(|disk| disk["node-name"].as_str());
    let Some((node, device)) = node.zip(disk::device(device)) else {
        return Err(qmp.strange("the disk behind our filter is not there"));
    };
    put_before(qmp, &device, node)
}

/// Gives a device another node: requests that are under way end first.
fn put_before(qmp: &mut Qmp, device: &str, node: &str) -> Result<()> {
    let set = json!({ "path": device, "property": "drive", "value": node });
    qmp.execute("qom-set", set).map(drop)
}

fn has(listed: &Value, id: &str) -> bool {
    listed.as_array().into_iter().flatten().any(|one| one["id"] == id)
}
