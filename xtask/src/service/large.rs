//! The engine with a pool as large as a box gets: how soon it is ready, and in how much memory.
//!
//! The pool is as one of 490 GB in everything that a start depends on, on a sparse disk: 10 million
//! records, and after a kill a log as long as it gets between two checkpoints. `bench` tells the
//! same of the command; here it is the engine, as it is shipped, under its unit.

use std::path::Path;

use super::exports::comes_back_after;
use super::tools::{ENGINE, must, parse, property, systemctl};
use super::{bus, set_up};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

const DISK: &str = "/var/lib/holdfast/large";

/// Records of the pool, and those that a kill leaves in the log.
const RECORDS: u64 = 10_000_000;
const LOGGED: u64 = 450_000;

/// What the engine may take until it is ready, in seconds.
const LONGEST_S: f64 = 10.0;

/// Beside the index it may have so much resident, in MiB, as any command may.
const MOST_BESIDE_MIB: u64 = 160;

pub(super) fn check() -> Result<()> {
    set_up::users_and_passphrase()?;
    set_up::create_pool("512GiB", &[DISK])?;
    fill(0, RECORDS)?;
    set_up::configure(&[DISK])?;
    let index_mib = index_mib()?;
    systemctl(&["start", ENGINE])?;
    told("a pool that was closed", index_mib)?;
    comes_back_after(|| systemctl(&["kill", "--signal=KILL", ENGINE]).map(drop))?;
    told("after kill -9", index_mib)?;
    systemctl(&["stop", ENGINE])?;
    fill(RECORDS, LOGGED)?;
    systemctl(&["start", ENGINE])?;
    told("after a kill with the longest log", index_mib)?;
    systemctl(&["reboot"]).map(drop)
}

/// Adds records, and ends as a kill does. The pool is the engine's user's then.
fn fill(first: u64, count: u64) -> Result<()> {
    println!("    adding {count} records");
    let mut many = command("/usr/libexec/many");
    many.args([DISK, "--first", &first.to_string(), "--records", &count.to_string()]);
    quiet(many.args((first > 0).then_some("--leave-open")))?;
    set_up::hand_over()
}

/// What the index takes in memory, as the store counts it, in MiB.
fn index_mib() -> Result<u64> {
    let mut status = command("holdfast");
    let told = quiet(status.args(["pool", "status", "--json", "--pool", DISK]))?;
    let status = parse("holdfast pool status", &told)?;
    Ok(status["index_bytes"].as_u64().unwrap_or_default() >> 20)
}

/// Says how the start went that just was, and demands that it was as promised.
fn told(how: &str, index_mib: u64) -> Result<()> {
    let took = set_up::ready_in()?;
    let resident = bus::number(bus::APPLIANCE, "MemoryBytes")? >> 20;
    let peak = peak_mib()?;
    println!(
        "    {how}: ready in {took:.2} s, {resident} MiB resident, {peak} at most, \
         {index_mib} of them the index"
    );
    must(took < LONGEST_S, "an engine with 10 million chunks is ready in 10 seconds", took)?;
    let most = index_mib + MOST_BESIDE_MIB;
    must(peak <= most, "the memory of a start has its bound", format!("{peak} MiB"))
}

/// The most that the engine ever had resident, in MiB.
fn peak_mib() -> Result<u64> {
    let path = format!("/proc/{}/status", property(ENGINE, "MainPID")?);
    let path = Path::new(&path);
    let status = std::fs::read_to_string(path).map_err(Error::io(path))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let unknown = || Error::Unexpected { from: path.display().to_string(), what: status.clone() };
    kib.map(|kib| kib >> 10).ok_or_else(unknown)
}
