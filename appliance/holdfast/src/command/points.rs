//! `holdfast points`: list recovery points, and say what becomes of them.

mod change;
mod line;
mod standing;

use catalog::Listed;
use disk::Access;
use futures_executor::block_on;
use operations::Failure;
use record::Description;
use restore::RestorePoint;

use crate::access::{open, unlock};
use crate::arguments::Points;
use crate::output::Output;
use crate::remote;

pub(crate) use line::{PointLine, list_json, list_text};
pub(crate) use standing::{Standing, changed_json, changed_text};

pub(crate) fn run(arguments: &Points, output: &Output) -> Result<(), Failure> {
    match &arguments.change {
        Some(change) => change::run(change, output),
        None => list(arguments, output),
    }
}

fn list(arguments: &Points, output: &Output) -> Result<(), Failure> {
    if let Some(engine) = remote::reach(&arguments.pool)? {
        return remote::list(&engine, arguments, output);
    }
    let pool = open(&arguments.pool, Access::ReadOnly, output)?;
    let access = unlock(&pool, &arguments.unlock)?;
    let age = pool.age();
    let mut lines = Vec::new();
    for listed in pool.catalog.listed() {
        let (described, trouble) = match block_on(RestorePoint::open(&access, listed.point)) {
            Ok(opened) => (Some(opened.description), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let system = described.as_ref().map(|described| &described.system);
        if arguments.system.is_some() && arguments.system.as_ref() != system {
            continue;
        }
        lines.push(line_of(&listed, age, described, trouble));
    }
    output.result(&list_json(&lines), || list_text(&lines));
    Ok(())
}

fn line_of(
    listed: &Listed,
    age: u64,
    described: Option<Description>,
    trouble: Option<String>,
) -> PointLine {
    let point = &listed.point;
    let consistency = described.as_ref().map(|described| described.consistency);
    PointLine {
        id: point.id.to_string(),
        system: described.map(|described| described.system),
        created: point.created,
        age: Some(age.saturating_sub(point.age)),
        content: point.content.as_str().to_owned(),
        volumes: point.volumes.into(),
        logical: point.logical_bytes,
        added: point.added_bytes,
        consistency: consistency.unwrap_or_default(),
        standing: Standing::of(listed, age),
        trouble,
    }
}
