//! Exports: how soon the first block comes and how fast the rest, against qemu-nbd on a compressed
//! qcow2 of the same data. qemu-nbd on the raw image shows what the protocol and the client allow.
//!
//! fio's client is one thread and takes a core for itself, so its figures bound client and server
//! together. "Warm" means that the whole export was read once over NBD from the same server: its
//! own cache or the page cache below it holds what fits. Holdfast's default is a quarter of the
//! free memory, so that all of these images are in it from 20 GB of free memory on.

mod client;
pub(super) mod fio;
mod server;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::data::Data;
use crate::bench::data::random::Random;
use crate::bench::nbd::server::Server;
use crate::bench::records::{HOLDFAST, Metric, QCOW2, RAW, Records};
use crate::bench::rows::Group;
use crate::bench::series::warm;
use crate::bench::tools::{Ingest, Pool, point_of};
use crate::bench::work::{self, Work};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

/// Starts of a fresh server per run, since a start is short and noisy.
const STARTS_PER_RUN: u32 = 5;

/// Recovery points behind the newest in the second row of first blocks.
const MANY_POINTS: u64 = 100;

/// Length of the images that fill the history: enough to add to every structure, quick to read.
const HEAD_BYTES: usize = 256 << 20;

/// 4 KiB blocks changed from each of those images to the next.
const CHANGED_BLOCKS: u64 = 200;

const BLOCK_BYTES: u64 = 4096;

/// The system whose history is exported.
const SYSTEM: &str = "machine1";

/// A way to serve an image.
#[derive(Debug, Clone)]
enum Export {
    Holdfast { pool: Pool, point: String },
    Qcow2(PathBuf),
    Raw(PathBuf),
}

impl Export {
    fn subject(&self) -> &'static str {
        match self {
            Self::Holdfast { .. } => HOLDFAST,
            Self::Qcow2(_) => QCOW2,
            Self::Raw(_) => RAW,
        }
    }

    fn command(&self, socket: &Path) -> Command {
        let qemu = |format: &str, file: &Path| {
            let mut nbd = command("qemu-nbd");
            nbd.args(["--read-only", "--persistent", "--shared=8", "--format", format]);
            nbd.arg("--socket").arg(socket).arg(file);
            nbd
        };
        match self {
            Self::Holdfast { pool, point } => pool.export(point, socket),
            Self::Qcow2(file) => qemu("qcow2", file),
            Self::Raw(file) => qemu("raw", file),
        }
    }
}

/// Measures the chosen rows `runs` times, the servers taking turns.
pub(super) fn measure(
    binary: Option<&Path>,
    groups: &[Group],
    runs: u32,
    data: &Data,
    work: &Work,
    records: &mut Records,
) -> Result<()> {
    let (speed, start) = (groups.contains(&Group::Nbd), groups.contains(&Group::FirstBlock));
    if !speed && !start {
        return Ok(());
    }
    let day1 = data.image("day1")?.path;
    let rivals = [Export::Qcow2(compressed(&day1)?), Export::Raw(day1.clone())];
    let pool = binary.map(|binary| Pool::create(binary, &work.fresh("store")?)).transpose()?;
    let with = |take_in: &dyn Fn(&Pool) -> Result<String>| -> Result<Vec<Export>> {
        let Some(pool) = pool.clone() else { return Ok(rivals.to_vec()) };
        let point = take_in(&pool)?;
        Ok([&[Export::Holdfast { pool, point }], &rivals[..]].concat())
    };
    let mut bench = Bench { socket: work.path("nbd.sock"), runs, records };
    let day0 = data.image("day0")?.path;
    let exports = with(&|pool| ingest(pool, &day0))?;
    if start {
        // What was written for it goes to the disk first, not while starts are timed.
        work.settle()?;
        bench.starts(&exports, Metric::FirstBlock1)?;
    }
    let exports = with(&|pool| ingest(pool, &day1))?;
    if speed {
        bench.speeds(&exports)?;
    }
    if start {
        let exports = with(&|pool| fill_history(pool, &day1, work))?;
        work.settle()?;
        bench.starts(&exports, Metric::FirstBlock100)?;
    }
    Ok(())
}

struct Bench<'a> {
    socket: PathBuf,
    runs: u32,
    records: &'a mut Records,
}

impl Bench<'_> {
    fn starts(&mut self, exports: &[Export], metric: Metric) -> Result<()> {
        for _ in 0..self.runs * STARTS_PER_RUN {
            for export in exports {
                let mut command = export.command(&self.socket);
                let (server, time) = Server::start(&mut command, &self.socket)?;
                server.stop()?;
                self.records.add(export.subject(), metric, time.as_secs_f64() * 1e3);
            }
        }
        for export in exports {
            let first = self.records.median(export.subject(), metric).unwrap_or_default();
            eprintln!("  {:<14}first block {first:>11.2} ms", export.subject());
        }
        Ok(())
    }

    fn speeds(&mut self, exports: &[Export]) -> Result<()> {
        for export in exports {
            if let Export::Qcow2(file) | Export::Raw(file) = export {
                warm(file)?;
            }
        }
        for _ in 0..self.runs {
            for export in exports {
                self.speed(export)?;
            }
        }
        Ok(())
    }

    fn speed(&mut self, export: &Export) -> Result<()> {
        let subject = export.subject();
        let (server, _) = Server::start(&mut export.command(&self.socket), &self.socket)?;
        quiet(command("nbdcopy").arg(self.uri()).arg("null:"))?;
        let one = self.job("randread", "4k", 1)?;
        let many = self.job("randread", "4k", 32)?;
        let sequential = self.job("read", "1m", 1)?;
        server.stop()?;
        eprintln!(
            "  {subject:<14}random {:>7.0} and {:>7.0} IOPS, sequential {:>6.0} MB/s",
            one.iops, many.iops, sequential.mb_per_s
        );
        for (metric, value) in [
            (Metric::Random1, one.iops),
            (Metric::Random1P50, one.p50_us),
            (Metric::Random1P99, one.p99_us),
            (Metric::Random32, many.iops),
            (Metric::Random32P50, many.p50_us),
            (Metric::Random32P99, many.p99_us),
            (Metric::Sequential, sequential.mb_per_s),
        ] {
            self.records.add(subject, metric, value);
        }
        Ok(())
    }

    fn job(&self, access: &str, block: &str, depth: u32) -> Result<fio::Figures> {
        let mut job = fio::command(access, block, depth);
        job.args(["--ioengine=nbd", "--time_based", "--runtime=5"]);
        job.arg(format!("--uri={}", self.uri()));
        fio::run(&mut job, "read")
    }

    fn uri(&self) -> String {
        format!("nbd+unix:///?socket={}", self.socket.display())
    }
}

/// The zstd-compressed qcow2 beside the image, made on first use.
fn compressed(image: &Path) -> Result<PathBuf> {
    let path = image.with_extension("qcow2");
    if !path.is_file() {
        let unfinished = image.with_extension("qcow2.new");
        let mut convert = command("qemu-img");
        convert.args(["convert", "-c", "-f", "raw", "-O", "qcow2"]);
        convert.args(["-o", "compression_type=zstd"]).arg(image).arg(&unfinished);
        quiet(&mut convert)?;
        std::fs::rename(&unfinished, &path).map_err(Error::io(&path))?;
    }
    Ok(path)
}

/// Gives back the recovery point. The codec is Holdfast's own choice.
fn ingest(pool: &Pool, image: &Path) -> Result<String> {
    let (_, answer) = pool.ingest(&Ingest { image, name: "export", system: SYSTEM }, None)?;
    point_of(&answer)
}

/// Adds points with a few changes each until there are [`MANY_POINTS`]. Gives back the newest.
fn fill_history(pool: &Pool, image: &Path, work: &Work) -> Result<String> {
    let path = work.path("head.img");
    let source = File::open(image).map_err(Error::io(image))?;
    let mut head = vec![0; HEAD_BYTES];
    source.read_exact_at(&mut head, 0).map_err(Error::io(image))?;
    std::fs::write(&path, head).map_err(Error::io(&path))?;
    let file = File::options().write(true).open(&path).map_err(Error::io(&path))?;
    let mut random = Random::new("history");
    let mut block = [0; BLOCK_BYTES as usize];
    let mut newest = ingest(pool, &path)?;
    // `day0`, `day1` and the unchanged head are there already.
    for _ in 3..MANY_POINTS {
        for _ in 0..CHANGED_BLOCKS {
            random.fill(&mut block);
            // Not the first block, which is the one that gets read.
            let place = 1 + random.below(HEAD_BYTES as u64 / BLOCK_BYTES - 1);
            file.write_all_at(&block, place * BLOCK_BYTES).map_err(Error::io(&path))?;
        }
        newest = ingest(pool, &path)?;
    }
    work::remove(&path)?;
    Ok(newest)
}
