//! Starting with 10 million chunks: how long a command takes that does next to nothing.
//!
//! The pool is as one of 490 GB in everything that a start depends on: 10 million records in 29,412
//! segments, and a log as long as it gets between two checkpoints (22 GB of new chunks). Only the
//! records are short, and the disk is sparse: it takes 3 GB. Disks are read past the page cache, so
//! every start is a cold one. "Closed" is after a clean stop, "killed" as a kill leaves it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::data::random::Random;
use crate::bench::records::{BUDGET, HOLDFAST, Metric, Records};
use crate::bench::timed::{Cost, Stdout, timed};
use crate::bench::tools::Pool;
use crate::bench::work::Work;
use crate::error::{Error, Result};
use crate::process::{cargo, command, quiet, shown, target_folder};

const DISK_SIZE: &str = "512GiB";

/// Records of the pool.
const RECORDS: u64 = 10_000_000;

/// Records that go into the log after a checkpoint before there is the next.
const LOGGED: u64 = 450_000;

/// What the issue grants, in seconds.
const LONGEST_S: f64 = 10.0;

/// Makes the pool and starts with it `runs` times in each way.
pub(super) fn measure(
    holdfast: &Path,
    runs: u32,
    work: &Work,
    records: &mut Records,
) -> Result<()> {
    let many = build_many()?;
    let pool = Pool::create_on(holdfast, &work.fresh("store")?, 1, DISK_SIZE)?;
    eprintln!("  filling a pool with {RECORDS} records");
    quiet(&mut fill(&many, &pool, 0, RECORDS))?;
    work.settle()?;
    let image = small_image(work)?;
    let mut bench = Bench { pool, records };
    for run in 0..u64::from(runs) {
        bench.start(&["points", "--json"], Metric::StartClosed)?;
        let first = RECORDS + run * LOGGED;
        quiet(fill(&many, &bench.pool, first, LOGGED).arg("--leave-open"))?;
        bench.start(&["points", "--json"], Metric::StartKilled)?;
        bench.ingest(&image)?;
    }
    work.fresh("store")?;
    Ok(())
}

struct Bench<'a> {
    pool: Pool,
    records: &'a mut Records,
}

impl Bench<'_> {
    fn start(&mut self, words: &[&str], metric: Metric) -> Result<()> {
        let (cost, _) = timed(&self.pool.command(words), Stdout::Text)?;
        self.add(metric, cost)
    }

    /// Opens the pool for writing, as a kill left it, and closes it again.
    fn ingest(&mut self, image: &Path) -> Result<()> {
        let mut ingest = self.pool.command(&["ingest", "--json", "--system", "machine1"]);
        let (cost, _) = timed(ingest.arg(image), Stdout::Text)?;
        self.add(Metric::StartWriting, cost)
    }

    fn add(&mut self, metric: Metric, cost: Cost) -> Result<()> {
        let mib = cost.peak_bytes as f64 / f64::from(1 << 20);
        eprintln!("  {HOLDFAST:<14}{metric:<16?}{:>7.2} s {mib:>21.0} MiB", cost.wall_s);
        self.records.add(HOLDFAST, metric, cost.wall_s);
        self.records.add(BUDGET, metric, LONGEST_S);
        self.records.add(HOLDFAST, Metric::StartMemory, mib);
        self.records.add(BUDGET, Metric::StartMemory, self.pool.memory_budget_mib()?);
        Ok(())
    }
}

/// The program that adds records to a pool.
fn build_many() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--locked", "--package", "tests"]);
    shown(build.args(["--bin", "many"]))?;
    Ok(target_folder().join("release").join("many"))
}

fn fill(many: &Path, pool: &Pool, first: u64, count: u64) -> Command {
    let mut fill = command(many);
    fill.args(pool.disks()).args(["--first", &first.to_string(), "--records", &count.to_string()]);
    fill
}

fn small_image(work: &Work) -> Result<PathBuf> {
    let path = work.path("small.img");
    let mut bytes = vec![0; 1 << 20];
    Random::new("start").fill(&mut bytes);
    std::fs::write(&path, bytes).map_err(Error::io(&path))?;
    Ok(path)
}
