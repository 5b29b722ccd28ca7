//! `holdfast expire`, by the engine.

use bus::{Place, PointView};
use model::{PointId, Span, WallTime};
use operations::Failure;
use serde_json::{Value, json};
use zbus::OwnedObjectPath;

use super::engine::Engine;
use super::seen::Seen;
use crate::arguments::Expire;
use crate::output::Output;

/// What became of one recovery point.
struct Line {
    point: PointId,
    system: Option<String>,
    created: u64,
    fate: String,
    reasons: String,
    goes_in: Option<u64>,
}

pub(crate) fn run(engine: &Engine, expire: &Expire, output: &Output) -> Result<(), Failure> {
    if expire.system.is_some() && !expire.dry_run {
        let next = "leave --system out, or look at one system with --dry-run";
        return Err(Failure::new("an engine expires the points of all systems together", next));
    }
    // What is gone afterwards is known from before.
    let before = engine.seen()?;
    if let Some(name) = &expire.system {
        before.system(name)?;
    }
    let fates: Vec<(OwnedObjectPath, String, String)> =
        engine.call(&Place::Pool, "Expire", &expire.dry_run)?;
    let after = if expire.dry_run { Seen::default() } else { engine.seen()? };
    let lines = fates.into_iter().filter_map(|fate| line(&before, &after, fate));
    let wanted = |line: &Line| expire.system.is_none() || line.system == expire.system;
    let lines: Vec<Line> = lines.filter(wanted).collect();
    output.result(&to_json(&lines, expire.dry_run), || to_text(&lines, expire.dry_run));
    Ok(())
}

fn line(
    before: &Seen,
    after: &Seen,
    (path, fate, reasons): (OwnedObjectPath, String, String),
) -> Option<Line> {
    let Some(Place::Point(point)) = Place::parse(path.as_str()) else { return None };
    let id = point.to_string();
    let named = |seen: &Seen| -> Option<PointView> {
        seen.points.iter().find(|shown| shown.id == id).cloned()
    };
    let (was, is) = (named(before), named(after));
    let goes = is.as_ref().or(was.as_ref()).filter(|shown| shown.removed);
    Some(Line {
        point,
        system: was.as_ref().and_then(|shown| before.system_of(shown)).map(str::to_owned),
        created: was.as_ref().map_or(0, |shown| shown.created_at),
        goes_in: goes.map(|shown| shown.goes_in_seconds),
        fate,
        reasons,
    })
}

fn count(lines: &[Line], fate: &str) -> usize {
    lines.iter().filter(|line| line.fate == fate).count()
}

fn to_json(lines: &[Line], dry_run: bool) -> Value {
    let points = lines.iter().map(|line| {
        let reasons = line.reasons.split(", ").filter(|reason| !reason.is_empty());
        json!({
            "point": line.point.to_string(),
            "system": line.system,
            "created": line.created,
            "verdict": line.fate,
            "reasons": reasons.collect::<Vec<_>>(),
            "goes_in_seconds": line.goes_in,
        })
    });
    json!({
        "dry_run": dry_run,
        "points": points.collect::<Vec<_>>(),
        "stay": count(lines, "stays"),
        "go": count(lines, "goes"),
        "removed": count(lines, "removed"),
        "gone": count(lines, "gone"),
    })
}

fn to_text(lines: &[Line], dry_run: bool) -> String {
    let mut text: Vec<String> = lines.iter().map(line_text).collect();
    let sum = format!(
        "{} stay, {} go, {} were removed before, {} are gone",
        count(lines, "stays"),
        count(lines, "goes"),
        count(lines, "removed"),
        count(lines, "gone"),
    );
    text.push(match dry_run {
        _ if lines.is_empty() => "no recovery points".to_owned(),
        true => format!("{sum}: a dry run, nothing was changed"),
        false => sum,
    });
    text.join("\n")
}

fn line_text(line: &Line) -> String {
    let left = line.goes_in.map(|left| format!("gone in {} of running time", Span(left)));
    let why = match (line.fate.as_str(), line.reasons.as_str()) {
        ("removed", reasons) if !reasons.is_empty() => format!("it stays all the same: {reasons}"),
        ("goes", "") => match left {
            Some(left) => format!("nothing keeps it; {left}"),
            None => "nothing keeps it".to_owned(),
        },
        (_, "") => left.unwrap_or_else(|| "nothing keeps it".to_owned()),
        (_, reasons) => reasons.to_owned(),
    };
    let system = line.system.as_deref().unwrap_or_default();
    format!("{}  {}  {system}  {}: {why}", line.point, WallTime(line.created), line.fate)
}
