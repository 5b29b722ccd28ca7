//! A folder with what the host recorded: logs of disks, QEMU's trace, what the guest said, images.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::sim::SimMachine;
use disk::{Buffer, DiskError};
use futures_executor::block_on;
use serde_json::Value;
use thiserror::Error;

use crate::log::{self, Entry, LogError, Request};
use crate::order::{self, OrderError, Placed};
use crate::story::Story;

/// Names of the files, beside `DISK.log` and `imageN`.
const STORY: &str = "story.json";
const TRACE: &str = "trace";

#[derive(Debug, Error)]
pub(crate) enum RecordingError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{name}: {source}")]
    Log { name: String, source: LogError },
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error("{STORY} is not the story of a recording")]
    NoStory,
    #[error("a request that no disk takes: {0}")]
    Refused(#[from] DiskError),
}

/// Whether the disks' caches ever did what a flush asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushes {
    Kept,
    Lost,
}

/// One pool: its story, and its disks with every request that they got, as one order of events.
pub(crate) struct Recording {
    pub(crate) story: Story,
    pub(crate) machine: SimMachine,
    /// Ways to name the disks when opening, the first one that works counts.
    pub(crate) ways: Vec<Vec<usize>>,
    pub(crate) images: Arc<Vec<Vec<u8>>>,
}

impl Recording {
    /// Moments at which the power may fail.
    pub(crate) fn moments(&self) -> u64 {
        (self.machine.event_count() + 1).saturating_sub(self.story.made) as u64
    }
}

/// All pools of a recording.
pub(crate) fn load(folder: &Path, flushes: Flushes) -> Result<Vec<Recording>, RecordingError> {
    let story: Value =
        serde_json::from_slice(&read(&folder.join(STORY))?).map_err(|_| RecordingError::NoStory)?;
    let trace = String::from_utf8_lossy(&read(&folder.join(TRACE))?).into_owned();
    let count = story["images"].as_u64().ok_or(RecordingError::NoStory)?;
    let images: Result<Vec<_>, _> =
        (0..count).map(|number| read(&folder.join(format!("image{number}")))).collect();
    let images = Arc::new(images?);
    let lines = array(&story["lines"])?;
    let load = |pool: &Value| load_pool(folder, pool, lines, &trace, flushes, &images);
    array(&story["pools"])?.iter().map(load).collect()
}

fn load_pool(
    folder: &Path,
    pool: &Value,
    lines: &[Value],
    trace: &str,
    flushes: Flushes,
    images: &Arc<Vec<Vec<u8>>>,
) -> Result<Recording, RecordingError> {
    let bytes = pool["disk_bytes"].as_u64().ok_or(RecordingError::NoStory)?;
    let name = pool["name"].as_str().ok_or(RecordingError::NoStory)?;
    let mut raw = Vec::new();
    let mut logs = Vec::new();
    for disk in array(&pool["disks"])? {
        let name = format!("{}.log", disk.as_str().ok_or(RecordingError::NoStory)?);
        let log = read(&folder.join(&name))?;
        let entries = log::parse(&log);
        let entries =
            entries.map_err(|source| RecordingError::Log { name: name.clone(), source })?;
        raw.push(log);
        logs.push((name, entries));
    }
    let order = order::merge(trace, &logs)?;
    let machine = play(&raw, &logs, &order, bytes, flushes)?;
    let ends = counted_ends(&logs, &order, flushes);
    let moment = |trace: usize| ends.partition_point(|end| *end <= trace);
    let story = Story::of(lines, name, moment).ok_or(RecordingError::NoStory)?;
    let ways = ways(&pool["ways"]).ok_or(RecordingError::NoStory)?;
    Ok(Recording { story, machine, ways, images: images.clone() })
}

/// Simulated disks that got the same requests in the same order.
fn play(
    raw: &[Vec<u8>],
    logs: &[(String, Vec<Entry>)],
    order: &[Placed],
    bytes: u64,
    flushes: Flushes,
) -> Result<SimMachine, RecordingError> {
    let machine = SimMachine::new(&vec![bytes; logs.len()]);
    let disks = machine.disks();
    for placed in order {
        let disk = &disks[placed.log];
        match &logs[placed.log].1[placed.entry].request {
            Request::Write { offset, data } => {
                let mut buffer = Buffer::zeroed(data.len());
                buffer.copy_from_slice(&raw[placed.log][data.clone()]);
                block_on(disk.write(*offset, buffer.freeze()))?;
            }
            Request::Flush if flushes == Flushes::Kept => block_on(disk.flush())?,
            Request::Flush => {}
        }
    }
    Ok(machine)
}

/// Where in the trace each request ends that is an event of the machine.
fn counted_ends(logs: &[(String, Vec<Entry>)], order: &[Placed], flushes: Flushes) -> Vec<usize> {
    let is_event = |placed: &&Placed| {
        flushes == Flushes::Kept || logs[placed.log].1[placed.entry].request != Request::Flush
    };
    order.iter().filter(is_event).map(|placed| placed.end).collect()
}

fn ways(ways: &Value) -> Option<Vec<Vec<usize>>> {
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let way = |way: &Value| way.as_array()?.iter().map(number).collect();
    ways.as_array()?.iter().map(way).collect()
}

fn array(value: &Value) -> Result<&Vec<Value>, RecordingError> {
    value.as_array().ok_or(RecordingError::NoStory)
}

fn read(path: &Path) -> Result<Vec<u8>, RecordingError> {
    fs::read(path).map_err(|source| RecordingError::Io { path: path.into(), source })
}
