//! `holdfast scrub` at full speed, on one disk and on a mirror, against what the disk gives and
//! what one core can check.

use std::path::Path;

use crate::bench::data::Data;
use crate::bench::records::{HOLDFAST, Metric, Records};
use crate::bench::tools::{Ingest, POOL_SIZE, Pool};
use crate::bench::work::Work;
use crate::error::Result;

const MB: f64 = 1e6;

/// Scrubs pools with one system each as often as `runs` says.
pub(super) fn measure(
    binary: &Path,
    runs: u32,
    data: &Data,
    work: &Work,
    records: &mut Records,
) -> Result<()> {
    for (disks, metric) in [(1, Metric::ScrubRate), (2, Metric::ScrubMirrorRate)] {
        let pool = Pool::create_on(binary, &work.fresh("store")?, disks, POOL_SIZE)?;
        let image = data.image("day0")?.path;
        pool.ingest(&Ingest { image: &image, name: "day0", system: "machine1" }, Some("lz4"))?;
        for _ in 0..runs {
            work.settle()?;
            let (cost, bytes) = pool.scrub()?;
            let rate = bytes / MB / cost.wall_s;
            eprintln!(
                "  {HOLDFAST:<14}{:<16}{:>7.2} s {:>7.2} CPU-s {rate:>6.0} MB/s",
                format!("scrub, {disks} disks"),
                cost.wall_s,
                cost.cpu_s
            );
            records.add(HOLDFAST, metric, rate);
        }
    }
    work.fresh("store")?;
    Ok(())
}
