//! An ingest beside reclaim, and beside scrub, against the same ingest alone: how fast it was over
//! the stretch during which the other ran, and how fast it went through that stretch alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bench::data::Data;
use crate::bench::reclaim::filled::Filled;
use crate::bench::reclaim::{Going, gone_names};
use crate::bench::records::{ALONE, HOLDFAST, Metric, Records};
use crate::bench::series::warm;
use crate::bench::timed::{Stdout, timed};
use crate::bench::work::Work;
use crate::error::{Error, Result};
use crate::process::{cargo, command, shown, target_folder};

const MB: f64 = 1e6;

/// Builds the program that does both in one process.
pub(super) fn build() -> Result<PathBuf> {
    let package = ["build", "--release", "--quiet", "--locked", "--package", "tests"];
    shown(cargo().args(package).args(["--bin", "beside"]))?;
    Ok(target_folder().join("release").join("beside"))
}

/// Measures each once: each on a copy of the same store, of which the older half of the points has
/// gone.
pub(super) fn measure(
    program: &Path,
    filled: &Filled,
    data: &Data,
    work: &Work,
    records: &mut Records,
) -> Result<()> {
    let run = Run { program, filled, data, work };
    let alone = run.ingest("nothing")?;
    for (other, metric) in
        [("reclaim", Metric::IngestBesideReclaim), ("scrub", Metric::IngestBesideScrub)]
    {
        let beside = run.ingest(other)?;
        let (rate, rate_alone) = compare(&alone, &beside)
            .ok_or_else(|| unexpected("an ingest that is over before the other begins"))?;
        eprintln!(
            "  {HOLDFAST:<14}{:<16}{rate:>7.0} MB/s, {rate_alone:.0} alone, over {:.1} s",
            format!("beside {other}"),
            beside.to - beside.from
        );
        records.add(HOLDFAST, metric, rate);
        records.add(ALONE, metric, rate_alone);
    }
    Ok(())
}

struct Run<'a> {
    program: &'a Path,
    filled: &'a Filled,
    data: &'a Data,
    work: &'a Work,
}

impl Run<'_> {
    fn ingest(&self, other: &str) -> Result<Course> {
        let mut store = self.filled.copy(&self.work.fresh("store")?)?;
        store.expire(&gone_names(Going::OldestHalf))?;
        let image = self.data.image("day0")?.path;
        warm(&image)?;
        self.work.settle()?;
        let pool = store.pool().ok_or_else(|| unexpected("no pool"))?;
        let mut beside: Command = command(self.program);
        beside.arg("--kit").arg(pool.kit());
        pool.disks().iter().for_each(|disk| {
            beside.arg("--disk").arg(disk);
        });
        beside.arg("--image").arg(image).args(["--with", other]);
        let (_, text) = timed(&beside, Stdout::Text)?;
        store.verify()?;
        self.work.fresh("store")?;
        course(&text).ok_or_else(|| unexpected(&text))
    }
}

/// How an ingest went, and when something ran beside it.
#[derive(Debug, Clone, PartialEq)]
struct Course {
    /// Seconds and bytes through, both rising.
    curve: Vec<(f64, f64)>,
    from: f64,
    to: f64,
}

fn course(text: &str) -> Option<Course> {
    let value: Value = serde_json::from_str(text).ok()?;
    let sample = |sample: &Value| Some((sample.get(0)?.as_f64()?, sample.get(1)?.as_f64()?));
    let curve = value.get("curve")?.as_array()?.iter().map(sample).collect::<Option<_>>()?;
    Some(Course { curve, from: value.get("from")?.as_f64()?, to: value.get("to")?.as_f64()? })
}

/// MB in a second beside the other, and through the same bytes alone; holes count as what they
/// stand for in both.
fn compare(alone: &Course, beside: &Course) -> Option<(f64, f64)> {
    let ends = beside.curve.last()?.0.min(beside.to);
    let (first, last) = (bytes_at(beside, beside.from)?, bytes_at(beside, ends)?);
    let seconds = seconds_at(alone, last)? - seconds_at(alone, first)?;
    let megabytes = (last - first) / MB;
    (megabytes > 0.0 && seconds > 0.0)
        .then(|| (megabytes / (ends - beside.from), megabytes / seconds))
}

/// Bytes that were through at a time.
fn bytes_at(course: &Course, seconds: f64) -> Option<f64> {
    between(&course.curve, seconds)
}

/// When so many bytes were through.
fn seconds_at(course: &Course, bytes: f64) -> Option<f64> {
    let turned: Vec<(f64, f64)> = course.curve.iter().map(|(at, bytes)| (*bytes, *at)).collect();
    between(&turned, bytes)
}

/// On the line from point to point.
fn between(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let after = points.iter().position(|(at, _)| *at >= x)?;
    let (x1, y1) = *points.get(after)?;
    let (x0, y0) = *points.get(after.checked_sub(1)?)?;
    Some(if x1 > x0 { y0 + (y1 - y0) * (x - x0) / (x1 - x0) } else { y1 })
}

fn unexpected(what: &str) -> Error {
    Error::Unexpected { from: "beside".into(), what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_same_stretch() {
        let alone = r#"{"curve":[[0,0],[1,100e6],[2,300e6]],"from":0,"to":0}"#;
        let beside = r#"{"curve":[[0,0],[1,100e6],[3,300e6]],"from":1,"to":2}"#;
        let (alone, beside) = (course(alone).unwrap(), course(beside).unwrap());
        assert_eq!(compare(&alone, &beside), Some((100.0, 200.0)));
        let late = Course { from: 3.0, to: 4.0, ..beside };
        assert_eq!(compare(&alone, &late), None);
    }
}
