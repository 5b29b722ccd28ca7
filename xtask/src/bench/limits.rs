//! What the machine itself could do in the same minutes: the disk, the processor's hash and cipher,
//! and the least work an ingest and a restore must do.

use std::path::Path;
use std::process::Command;

use crate::bench::data::{Data, Image};
use crate::bench::nbd::fio;
use crate::bench::records::{AEAD, CORE, DISK, DISK_BOTH, HASH, Metric, PIPE, Records};
use crate::bench::rows::Group;
use crate::bench::series::warm;
use crate::bench::timed::{Stdout, timed};
use crate::bench::work::{self, Work, bytes_below};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

/// Bytes that one measurement of the disk writes and reads: enough to outlast its caches' start.
const DISK_BYTES: &str = "4GiB";
const HALF_DISK_BYTES: &str = "2GiB";

/// The size at which the cipher is measured: that of an average chunk.
const AEAD_BYTES: &str = "49152";

const MB: f64 = 1e6;

/// Measures those limits once that the chosen rows are held against. Without `pipe` the rows of
/// ingest and of restores to null have no limit.
pub(super) fn measure(
    pipe: Option<&Path>,
    groups: &[Group],
    data: &Data,
    work: &Work,
    records: &mut Records,
) -> Result<()> {
    let has = |group| groups.contains(&group);
    let day0 = data.image("day0")?;
    let checks = has(Group::Verify) || has(Group::Scrub);
    if has(Group::First) || has(Group::Restore) || checks {
        let write_rate = disk(work, records)?;
        if let Some(pipe) = pipe {
            least_work(pipe, &day0, write_rate, work, records)?;
        }
    }
    if has(Group::Verify) {
        records.add(AEAD, Metric::VerifyRate, aead_rate(cores())?);
    }
    if has(Group::Scrub) {
        let (hash, aead) = (hash_rate(&day0)?, aead_rate(1)?);
        let one = 1.0 / (1.0 / hash + 1.0 / aead);
        records.add(CORE, Metric::ScrubRate, one);
        records.add(CORE, Metric::ScrubMirrorRate, one);
    }
    if has(Group::Again) {
        records.add(HASH, Metric::AgainRate, hash_rate(&day0)? * cores() as f64);
    }
    Ok(())
}

/// Gives back the MB written in a second.
fn disk(work: &Work, records: &mut Records) -> Result<f64> {
    let file = work.path("disk");
    work.settle()?;
    let written = fio::run(&mut transfer("write", DISK_BYTES, &file), "write")?;
    let read = fio::run(&mut transfer("read", DISK_BYTES, &file), "read")?;
    let both = both_ways(work, &file)?;
    work::remove(&file)?;
    records.add(DISK, Metric::RestoreFile, written.mb_per_s);
    records.add(DISK_BOTH, Metric::RestoreFile, both);
    for metric in [Metric::VerifyRate, Metric::ScrubRate, Metric::ScrubMirrorRate] {
        records.add(DISK, metric, read.mb_per_s);
    }
    Ok(written.mb_per_s)
}

/// MB written in a second while half as much is read from another file, as LZ4 about halves what
/// is stored.
fn both_ways(work: &Work, other: &Path) -> Result<f64> {
    let file = work.path("disk-both");
    work.settle()?;
    let mut job = transfer("write", DISK_BYTES, &file);
    job.args(transfer("read", HALF_DISK_BYTES, other).get_args());
    let written = fio::run(&mut job, "write")?;
    work::remove(&file)?;
    Ok(written.mb_per_s)
}

fn transfer(access: &str, bytes: &str, file: &Path) -> Command {
    let mut job = fio::command(access, "1m", 8);
    job.args(["--ioengine=io_uring", "--direct=1", "--end_fsync=1"]);
    job.arg(format!("--size={bytes}")).arg(format!("--filename={}", file.display()));
    job
}

fn least_work(
    pipe: &Path,
    day0: &Image,
    write_rate: f64,
    work: &Work,
    records: &mut Records,
) -> Result<()> {
    let cores = cores().to_string();
    let folder = work.fresh("pipe")?;
    warm(&day0.path)?;
    work.settle()?;
    let mut ingest = command(pipe);
    ingest.arg("ours").arg(&day0.path).arg(&folder).arg(&cores);
    let (cost, _) = timed(&ingest, Stdout::Null)?;
    let data_mb = day0.nonzero_bytes as f64 / MB;
    let stored_mb = bytes_below(&folder)? as f64 / MB;
    records.add(PIPE, Metric::FirstCpu, cost.cpu_s / (data_mb / 1e3));
    records.add(PIPE, Metric::FirstRate, data_mb / cost.wall_s);
    // The disk takes what is stored, while the row counts what was read.
    records.add(DISK, Metric::FirstRate, write_rate * data_mb / stored_mb);

    let mut read = command(pipe);
    read.arg("read").arg(folder.join("index")).arg("/dev/null").arg(&cores);
    let (cost, _) = timed(&read, Stdout::Null)?;
    records.add(PIPE, Metric::RestoreNull, data_mb / cost.wall_s);
    work::remove(&folder)
}

/// MB that so many cores together can decrypt in a second.
fn aead_rate(cores: usize) -> Result<f64> {
    let mut speed = command("openssl");
    speed.args(["speed", "-mr", "-seconds", "2", "-bytes", AEAD_BYTES, "-multi"]);
    speed.arg(cores.to_string()).args(["-decrypt", "-evp", "aes-256-gcm"]);
    let text = quiet(&mut speed)?;
    aead_bytes(&text)
        .map(|bytes| bytes / MB)
        .ok_or_else(|| Error::Unexpected { from: "openssl speed".into(), what: text })
}

/// The sum over all processes is the line that starts with `+F:number:name:`.
fn aead_bytes(text: &str) -> Option<f64> {
    text.lines().find(|line| line.starts_with("+F:"))?.rsplit(':').next()?.trim().parse().ok()
}

/// MB of data (zeroes are hashed too, but not counted) that one core can read from the page cache
/// and hash in a second.
fn hash_rate(image: &Image) -> Result<f64> {
    warm(&image.path)?;
    let mut sum = command("b3sum");
    sum.args(["--no-mmap", "--num-threads", "1"]).arg(&image.path);
    let (cost, _) = timed(&sum, Stdout::Text)?;
    Ok(image.nonzero_bytes as f64 / MB / cost.wall_s)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cipher_rate_is_the_sum_over_processes() {
        let text = "Got: +F:25:AES-256-GCM:1000.00 from 0\nGot: +F:25:AES-256-GCM:2000.50 from 1\n\
                    +F:25:AES-256-GCM:3000.50\n";
        assert_eq!(aead_bytes(text), Some(3000.5));
        assert_eq!(aead_bytes("Got: +F:25:AES-256-GCM:1000.00 from 0\n"), None);
    }
}
