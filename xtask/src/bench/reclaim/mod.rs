//! Half of a hundred recovery points go, and their room comes back: reclaim, and restic's prune, of
//! stores that took in the same history.
//!
//! Each store is filled once and copied for each measurement. After it everything that is left is
//! checked, and some of the points that stay are restored and compared: a reclaim that loses
//! something is not measured.

mod beside;
mod filled;

use std::path::Path;

use crate::bench::data::Data;
use crate::bench::data::history::{DAYS, History};
use crate::bench::reclaim::filled::Filled;
use crate::bench::records::{Metric, Records};
use crate::bench::rows::Group;
use crate::bench::tools::{Reclaimer, Rival, Target, holdfast_reclaimer, restic_reclaimer};
use crate::bench::work::{self, Work};
use crate::error::{Error, Result};

/// Which points go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Going {
    EverySecond,
    OldestHalf,
}

impl Going {
    fn takes(self, day: u32) -> bool {
        match self {
            Self::EverySecond => day % 2 == 1,
            Self::OldestHalf => day <= DAYS / 2,
        }
    }

    fn metrics(self) -> [Metric; 3] {
        match self {
            Self::EverySecond => [Metric::ReclaimSecond, Metric::ReclaimCpu, Metric::ReclaimUnused],
            Self::OldestHalf => {
                [Metric::ReclaimOldest, Metric::ReclaimOldestCpu, Metric::ReclaimOldestUnused]
            }
        }
    }
}

/// Measures what is asked for as often as `runs` says.
pub(super) fn measure(
    plan: &Plan<'_>,
    data: &Data,
    work: &Work,
    records: &mut Records,
) -> Result<()> {
    if !plan.groups.contains(&Group::Reclaim) {
        return Ok(());
    }
    let program = plan.holdfast.map(|_| beside::build()).transpose()?;
    let stores = plan.filled(data, work)?;
    for run in 1..=plan.runs {
        eprintln!("reclaim, run {run} of {}", plan.runs);
        for filled in &stores {
            for going in [Going::EverySecond, Going::OldestHalf] {
                reclaim(filled, going, work, records)?;
            }
        }
        if let (Some(program), Some(filled)) = (&program, stores.first()) {
            beside::measure(program, filled, data, work, records)?;
        }
    }
    Ok(())
}

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) groups: &'a [Group],
    pub(super) holdfast: Option<&'a Path>,
    pub(super) rivals: &'a [Rival],
    pub(super) seed: u64,
    pub(super) runs: u32,
}

impl Plan<'_> {
    /// The filled stores, that of Holdfast first.
    fn filled(&self, data: &Data, work: &Work) -> Result<Vec<Filled>> {
        let mut stores = Vec::new();
        if let Some(binary) = self.holdfast {
            let folder = work.fresh("filled-holdfast")?;
            let tool = holdfast_reclaimer(binary);
            stores.push(Filled::fill(tool, &folder, self.seed, data, work)?);
        }
        if self.rivals.contains(&Rival::Restic) {
            let folder = data.folder().join(format!("history-restic-{}", self.seed));
            let tool = restic_reclaimer()?;
            stores.push(Filled::open_or_fill(tool, &folder, self.seed, data, work)?);
        }
        Ok(stores)
    }
}

fn gone_names(going: Going) -> Vec<String> {
    (1..=DAYS).filter(|day| going.takes(*day)).map(History::name).collect()
}

/// One reclaim of a copy, and whether what stays is whole.
fn reclaim(filled: &Filled, going: Going, work: &Work, records: &mut Records) -> Result<()> {
    let mut store = filled.copy(&work.fresh("store")?)?;
    let kept: Vec<u32> = (1..=DAYS).filter(|day| !going.takes(*day)).collect();
    store.expire(&gone_names(going))?;
    work.settle()?;
    let before = store.stored_bytes()?;
    let done = store.reclaim()?;
    let subject = store.subject();
    let (cost, stored) = (done.cost, store.stored_bytes()?);
    eprintln!(
        "  {subject:<14}{:<16}{:>7.2} s {:>7.2} CPU-s {:>5} MiB  {:.0} MB before, {:.0} after, \
         {:.0} moved, {:.1} % unused",
        format!("{going:?}"),
        cost.wall_s,
        cost.cpu_s,
        cost.peak_bytes >> 20,
        before as f64 / 1e6,
        stored as f64 / 1e6,
        done.moved_mb,
        done.unused_percent,
    );
    let figures = [cost.wall_s, cost.cpu_s, done.unused_percent];
    for (metric, figure) in going.metrics().into_iter().zip(figures) {
        records.add(subject, metric, figure);
    }
    check(store.as_ref(), filled, &kept, work)?;
    work.fresh("store").map(|_| ())
}

/// Everything that is left is intact, and points that stay read as they were taken in.
fn check(store: &dyn Reclaimer, filled: &Filled, kept: &[u32], work: &Work) -> Result<()> {
    store.verify()?;
    for (day, sum) in filled.sums.iter().filter(|(day, _)| kept.contains(day)) {
        let file = work.fresh("restored")?.join("restored.img");
        store.restore(&History::name(*day), Target::File(&file))?;
        if filled::sum(&file)? != *sum {
            let facts = format!("{} of {} after its reclaim", History::name(*day), store.subject());
            return Err(Error::Broken { rule: "a restore gives back every byte".into(), facts });
        }
        work::remove(&file)?;
    }
    Ok(())
}
