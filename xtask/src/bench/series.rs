//! What every tool does in every run, in this order: take in `day0`, the same again, a day later,
//! scattered writes, another machine; give one image back; check all that is stored.
//!
//! The order matters for the bytes added. Images are read from a warm page cache, so that the tool
//! is measured and not the source's disk.

use std::io::Read;
use std::path::Path;

use crate::bench::data::{Data, Image};
use crate::bench::records::{AGAIN, BUDGET, HOLDFAST, Metric, Records};
use crate::bench::rows::Group;
use crate::bench::timed::{Cost, clocked};
use crate::bench::tools::{Ingest, Target, Tool};
use crate::bench::work::{self, Work};
use crate::compare;
use crate::error::{Error, Result};

/// Bytes read at once where whole images are read.
const READ_BYTES: usize = 1 << 20;

const MB: f64 = 1e6;
const GB: f64 = 1e9;

/// The protected system that `day0` and its later states belong to.
const SYSTEM: &str = "machine1";

/// Which steps the chosen rows need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    first: bool,
    again: bool,
    added: bool,
    scatter: bool,
    restore: bool,
    verify: bool,
}

impl Plan {
    pub(super) fn for_groups(groups: &[Group]) -> Self {
        let has = |group| groups.contains(&group);
        let mut plan = Self {
            first: has(Group::First) || has(Group::Memory),
            again: has(Group::Again) || has(Group::Scatter),
            added: has(Group::Added),
            scatter: has(Group::Scatter) || has(Group::Added),
            restore: has(Group::Restore),
            verify: has(Group::Verify),
        };
        plan.first |= plan.again || plan.scatter || plan.restore || plan.verify;
        plan
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.first
    }

    pub(super) fn stores_with_zstd(&self) -> bool {
        self.added
    }
}

/// Runs the planned steps with an empty store and records what they cost.
pub(super) fn measure(
    tool: &mut dyn Tool,
    plan: &Plan,
    data: &Data,
    work: &Work,
    records: &mut Records,
) -> Result<()> {
    if plan.is_empty() {
        return Ok(());
    }
    tool.create(&work.fresh("store")?)?;
    let mut series = Series { tool, data, work, records };
    series.ingests(plan)?;
    if plan.restore {
        series.restores()?;
    }
    if plan.verify {
        series.verify()?;
    }
    work.fresh("store")?;
    Ok(())
}

struct Series<'a> {
    tool: &'a mut dyn Tool,
    data: &'a Data,
    work: &'a Work,
    records: &'a mut Records,
}

impl Series<'_> {
    fn ingests(&mut self, plan: &Plan) -> Result<()> {
        let day0 = self.data.image("day0")?;
        let (first, added) = self.ingest(&day0, "day0", SYSTEM)?;
        self.add(Metric::FirstCpu, first.cpu_s / (day0.nonzero_bytes as f64 / GB));
        self.add(Metric::FirstRate, rate(&day0, first));
        self.add(Metric::AddedDay0, added);
        self.add(Metric::PeakMemory, first.peak_bytes as f64 / f64::from(1 << 20));
        if let (HOLDFAST, Some(mib)) = (self.tool.subject(), self.tool.memory_budget_mib()?) {
            self.records.add(BUDGET, Metric::PeakMemory, mib);
        }
        if plan.again {
            let (again, _) = self.ingest(&day0, "again", SYSTEM)?;
            self.add(Metric::AgainRate, rate(&day0, again));
            if self.tool.subject() == HOLDFAST {
                self.records.add(AGAIN, Metric::ScatterTime, again.wall_s);
            }
        }
        if plan.added || plan.restore || plan.verify {
            let (_, added) = self.ingest(&self.data.image("day1")?, "day1", SYSTEM)?;
            self.add(Metric::AddedDay1, added);
        }
        if plan.scatter {
            self.scatter(&day0)?;
        }
        if plan.added || plan.verify {
            let (_, added) = self.ingest(&self.data.image("machine2")?, "machine2", "machine2")?;
            self.add(Metric::AddedMachine2, added);
        }
        Ok(())
    }

    /// `scatter` is `day0` with scattered writes: a tool that compares with the newest recovery
    /// point gets `day0` as that one, which adds nothing since all of it is stored.
    fn scatter(&mut self, day0: &Image) -> Result<()> {
        if self.tool.compares_with_parent() {
            self.ingest(day0, "before-scatter", SYSTEM)?;
        }
        let (scatter, added) = self.ingest(&self.data.image("scatter")?, "scatter", SYSTEM)?;
        self.add(Metric::AddedScatter, added);
        self.add(Metric::ScatterTime, scatter.wall_s);
        Ok(())
    }

    /// Gives back what it cost and the MB added.
    fn ingest(&mut self, image: &Image, name: &str, system: &str) -> Result<(Cost, f64)> {
        warm(&image.path)?;
        self.work.settle()?;
        let before = self.tool.stored_bytes()?;
        let cost = self.tool.ingest(&Ingest { image: &image.path, name, system })?;
        let added = self.tool.stored_bytes()?.saturating_sub(before) as f64 / MB;
        self.log(name, cost, &format!("{added:.0} MB added"));
        Ok((cost, added))
    }

    fn restores(&mut self) -> Result<()> {
        let day1 = self.data.image("day1")?;
        self.work.settle()?;
        let cost = self.tool.restore("day1", Target::Null)?;
        self.log("restore to null", cost, "");
        self.add(Metric::RestoreNull, rate(&day1, cost));

        let file = self.work.fresh("restored")?.join("restored.img");
        let cost = self.tool.restore("day1", Target::File(&file))?;
        // Not every tool flushes what it restores; all of them are measured with the flush.
        let flush = clocked(|| {
            let restored = std::fs::File::open(&file).map_err(Error::io(&file))?;
            restored.sync_all().map_err(Error::io(&file))
        })?;
        self.log("restore to file", cost.and(flush), "");
        self.add(Metric::RestoreFile, rate(&day1, cost.and(flush)));
        compare::equal(&day1.path, &file)?;
        work::remove(&file)
    }

    fn verify(&mut self) -> Result<()> {
        let stored = self.tool.stored_bytes()? as f64 / MB;
        let cost = self.tool.verify()?;
        self.log("verify", cost, &format!("{stored:.0} MB stored"));
        self.add(Metric::VerifyRate, stored / cost.wall_s);
        Ok(())
    }

    fn add(&mut self, metric: Metric, value: f64) {
        self.records.add(self.tool.subject(), metric, value);
    }

    fn log(&self, step: &str, cost: Cost, more: &str) {
        let Cost { wall_s, cpu_s, peak_bytes } = cost;
        let (tool, peak) = (self.tool.subject(), peak_bytes >> 20);
        eprintln!("  {tool:<14}{step:<16}{wall_s:>7.2} s {cpu_s:>7.2} CPU-s {peak:>5} MiB  {more}");
    }
}

/// MB of data (zero blocks left out) in a second.
fn rate(image: &Image, cost: Cost) -> f64 {
    image.nonzero_bytes as f64 / MB / cost.wall_s
}

/// Reads a file once, so that the page cache holds what fits.
pub(super) fn warm(path: &Path) -> Result<()> {
    let mut file = std::fs::File::open(path).map_err(Error::io(path))?;
    let mut buffer = vec![0; READ_BYTES];
    while file.read(&mut buffer).map_err(Error::io(path))? > 0 {}
    Ok(())
}
