//! `holdfast points`: list recovery points, and say what becomes of them.

mod change;
mod standing;

use catalog::Listed;
use disk::Access;
use futures_executor::block_on;
use model::Bytes;
use restore::RestorePoint;
use serde_json::{Value, json};

use crate::access::{open, unlock};
use crate::arguments::Points;
use crate::output::Output;
use operations::Failure;

pub(crate) fn run(arguments: &Points, output: &Output) -> Result<(), Failure> {
    match &arguments.change {
        Some(change) => change::run(change, output),
        None => list(arguments, output),
    }
}

fn list(arguments: &Points, output: &Output) -> Result<(), Failure> {
    let pool = open(&arguments.pool, Access::ReadOnly, output)?;
    let access = unlock(&pool, &arguments.unlock)?;
    let age = pool.age();
    let mut values = Vec::new();
    let mut lines = Vec::new();
    for listed in pool.catalog.listed() {
        let (system, trouble) = match block_on(RestorePoint::open(&access, listed.point)) {
            Ok(opened) => (Some(opened.description.system), None),
            Err(error) => (None, Some(error.to_string())),
        };
        if arguments.system.is_some() && arguments.system != system {
            continue;
        }
        values.push(to_json(&listed, age, system.as_deref(), trouble.as_deref()));
        lines.push(to_text(&listed, age, &trouble.or(system).unwrap_or_default()));
    }
    output.result(&json!({ "points": values }), || match lines.is_empty() {
        true => "no recovery points".to_owned(),
        false => lines.join("\n"),
    });
    Ok(())
}

fn to_json(listed: &Listed, age: u64, system: Option<&str>, trouble: Option<&str>) -> Value {
    let point = &listed.point;
    let removed = listed.removed.map(|removal| {
        json!({
            "by": standing::by(removal.by),
            "goes_in_seconds": removal.due.saturating_sub(age),
        })
    });
    json!({
        "point": point.id.to_string(),
        "system": system,
        "created": point.created.0,
        "age_seconds": age.saturating_sub(point.age),
        "volumes": point.volumes,
        "bytes_logical": point.logical_bytes,
        "bytes_added": point.added_bytes,
        "held": listed.held,
        "removed": removed,
        "signals": standing::signals(point.signals),
        "cleared": listed.cleared,
        "error": trouble,
    })
}

fn to_text(listed: &Listed, age: u64, system: &str) -> String {
    let point = &listed.point;
    format!(
        "{}  {}  {:>10}  +{:>10}  {system}{}",
        point.id,
        point.created,
        Bytes(point.logical_bytes).to_string(),
        Bytes(point.added_bytes).to_string(),
        standing::text(listed, age),
    )
}
