//! Crash images from a real kernel: QEMU logs what the guest's disks are asked for, and states
//! that a power failure may leave are made from the logs and checked (`tests`, program `replay`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use super::images;
use super::machine::{Drive, Machine};
use super::system::{Programs, System};
use crate::demo::tools::Tools;
use crate::error::{Error, Result};
use crate::process::{command, quiet, shown};

/// Bytes of each disk: what the layout for small disks takes, with room for the images to come,
/// go and come again.
const DISK_BYTES: u64 = 48 << 20;

const IMAGES: u64 = 3;

/// States of the recording.
const STATES: u64 = 5_000;

/// States among which one must betray disks that ignore flushes.
const BLIND_STATES: u64 = 200;

/// A pool of the guest.
struct Pool {
    name: &'static str,
    disks: &'static [&'static str],
    /// The ways to name its disks when opening, by their numbers among them.
    ways: &'static [&'static [usize]],
}

const POOLS: [Pool; 3] = [
    Pool { name: "single", disks: &["disk0"], ways: &[&[0]] },
    Pool { name: "mirror", disks: &["disk1", "disk2"], ways: &[&[0, 1]] },
    // Begins on the first, is a mirror for a while, ends on the second.
    Pool { name: "grown", disks: &["disk3", "disk4"], ways: &[&[0, 1], &[0], &[1]] },
];

pub(super) fn run(tools: &Tools, system: &System, programs: &Programs, seed: u64) -> Result<()> {
    let temporary = std::env::temp_dir();
    let folder = tempfile::Builder::new().prefix("holdfast-recording-").tempdir();
    let mut folder = folder.map_err(Error::io(&temporary))?;
    let began = Instant::now();
    record(tools, system, seed, folder.path())?;
    println!("    recorded in {:.0} s", began.elapsed().as_secs_f64());
    let replayed = replay(programs, seed, folder.path());
    // The keys of a recording are random: only this one shows the same again.
    folder.disable_cleanup(replayed.is_err());
    replayed.map_err(|error| {
        let program = programs.path("replay");
        let (program, folder) = (program.display(), folder.path().display());
        let facts = format!("{error}\nreplay: {program} {folder} and what stands above");
        Error::Broken { rule: "crash images of a real kernel".into(), facts }
    })
}

fn replay(programs: &Programs, seed: u64, folder: &Path) -> Result<()> {
    let replay = |states: u64| {
        let mut replay = command(programs.path("replay"));
        replay.arg(folder).args(["--states", &states.to_string(), "--seed", &seed.to_string()]);
        replay
    };
    shown(&mut replay(STATES))?;
    quiet(replay(BLIND_STATES).arg("--without-flushes"))?;
    println!("    disks that ignore flushes were found out");
    Ok(())
}

/// Leaves in `folder` what `replay` reads.
fn record(tools: &Tools, system: &System, seed: u64, folder: &Path) -> Result<()> {
    let images = images::write(IMAGES, seed, folder)?;
    let mut drives = Vec::new();
    for disk in POOLS.iter().flat_map(|pool| pool.disks) {
        drives.push(logged(disk, folder)?);
    }
    drives.extend(images.into_iter().map(|file| Drive::ReadOnly { file }));
    let mut machine = Machine::start(tools, system, "record", &drives, folder)?;
    let trace = folder.join("trace");
    let mut lines = Vec::new();
    while let Some(line) = machine.next(|line| note_trace(line, &trace))? {
        if line["event"] == "end" {
            println!("    {} {}", text(&line, "pool"), text(&line, "what"));
        }
        lines.push(line);
    }
    machine.finish()?;
    let pools = POOLS.map(|Pool { name, disks, ways }| {
        json!({ "name": name, "disks": disks, "ways": ways, "disk_bytes": DISK_BYTES })
    });
    let story = json!({ "images": IMAGES, "pools": pools, "lines": lines });
    let path = folder.join("story.json");
    fs::write(&path, story.to_string()).map_err(Error::io(&path))
}

fn logged(disk: &str, folder: &Path) -> Result<Drive> {
    let (file, log): (PathBuf, PathBuf) =
        (folder.join(format!("{disk}.raw")), folder.join(format!("{disk}.log")));
    let made = File::create(&file).and_then(|file| file.set_len(DISK_BYTES));
    made.map_err(Error::io(&file))?;
    // QEMU makes neither.
    File::create(&log).map_err(Error::io(&log))?;
    Ok(Drive::Logged { file, log })
}

/// Notes how long the trace is: the guest has asked its disks for nothing since it wrote the line,
/// and QEMU writes the trace line by line.
fn note_trace(line: &mut Value, trace: &Path) -> Result<()> {
    line["trace"] = fs::metadata(trace).map_err(Error::io(trace))?.len().into();
    Ok(())
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_default()
}
