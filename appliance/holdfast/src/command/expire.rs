//! `holdfast expire`: remove what no policy keeps, and let go what was removed long enough ago.
//!
//! What it does and what a dry run tells are one list: every recovery point with what becomes of
//! it and why.

use catalog::{Judged, Reason, Verdict, expiry_events};
use disk::Access;
use model::Span;
use serde_json::{Value, json};

use crate::access::OpenPool;
use crate::arguments::Expire;
use crate::failure::Failure;
use crate::names::SystemNames;
use crate::output::Output;

/// A recovery point's line: what becomes of it, in one word, and why.
struct Line {
    judged: Judged,
    system: Option<String>,
    fate: &'static str,
}

pub(crate) fn run(arguments: &Expire, output: &Output) -> Result<(), Failure> {
    let mode = if arguments.dry_run { Access::ReadOnly } else { Access::ReadWrite };
    let pool = OpenPool::open(&arguments.pool, mode, output)?;
    let access = pool.unlock(&arguments.unlock)?;
    let age = pool.age();
    let only = arguments.system.as_deref().map(|name| ingest::system_id(&access, name));
    let mut judged = pool.catalog.expiry(age);
    judged.retain(|judged| {
        let point = &judged.listed.point;
        point.tenant == access.tenant() && only.is_none_or(|system| system == point.system)
    });
    if let (Some(name), true) = (&arguments.system, judged.is_empty()) {
        let what = format!("there is no recovery point of {name}");
        return Err(Failure::new(what, "see `holdfast points`"));
    }
    let events = expiry_events(&judged, age);
    let mut names = SystemNames::new(&access);
    let lines = judged.into_iter().map(|judged| {
        let system = names.of(&judged.listed.point);
        let fate = fate(&judged.verdict, age);
        Line { judged, system, fate }
    });
    let lines: Vec<Line> = lines.collect();
    if !arguments.dry_run {
        pool.commit(events)?;
    }
    print(&lines, age, arguments.dry_run, output);
    Ok(())
}

fn fate(verdict: &Verdict, age: u64) -> &'static str {
    match verdict {
        _ if verdict.is_gone(age) => "gone",
        Verdict::Stays(_) => "stays",
        Verdict::Goes { .. } => "goes",
        Verdict::Removed { .. } => "removed",
    }
}

fn print(lines: &[Line], age: u64, dry_run: bool, output: &Output) {
    let count = |fate| lines.iter().filter(|line| line.fate == fate).count();
    let (stay, go) = (count("stays"), count("goes"));
    let (wait, gone) = (count("removed"), count("gone"));
    let value = json!({
        "dry_run": dry_run,
        "points": lines.iter().map(|line| to_json(line, age)).collect::<Vec<_>>(),
        "stay": stay,
        "go": go,
        "removed": wait,
        "gone": gone,
    });
    output.result(&value, || {
        let mut text: Vec<String> = lines.iter().map(|line| to_text(line, age)).collect();
        let sum = format!("{stay} stay, {go} go, {wait} were removed before, {gone} are gone");
        text.push(match dry_run {
            _ if lines.is_empty() => "no recovery points".to_owned(),
            true => format!("{sum}: a dry run, nothing was changed"),
            false => sum,
        });
        text.join("\n")
    });
}

/// Why a point stays, or has not gone yet.
fn reasons(verdict: &Verdict) -> &[Reason] {
    match verdict {
        Verdict::Stays(reasons) | Verdict::Removed { held_up: reasons, .. } => reasons,
        Verdict::Goes { .. } => &[],
    }
}

fn due(verdict: &Verdict) -> Option<u64> {
    match verdict {
        Verdict::Stays(_) => None,
        Verdict::Goes { due } | Verdict::Removed { due, .. } => Some(*due),
    }
}

fn to_json(line: &Line, age: u64) -> Value {
    let (point, verdict) = (&line.judged.listed.point, &line.judged.verdict);
    let reasons = reasons(verdict).iter().map(Reason::to_string);
    json!({
        "point": point.id.to_string(),
        "system": line.system,
        "created": point.created.0,
        "verdict": line.fate,
        "reasons": reasons.collect::<Vec<_>>(),
        "goes_in_seconds": due(verdict).map(|due| due.saturating_sub(age)),
    })
}

fn to_text(line: &Line, age: u64) -> String {
    let (point, verdict) = (&line.judged.listed.point, &line.judged.verdict);
    let reasons: Vec<String> = reasons(verdict).iter().map(Reason::to_string).collect();
    let reasons = reasons.join(", ");
    let left = due(verdict).map(|due| Span(due.saturating_sub(age))).unwrap_or(Span(0));
    let why = match verdict {
        Verdict::Stays(_) => reasons,
        Verdict::Goes { .. } if line.fate == "gone" => "nothing keeps it".to_owned(),
        Verdict::Goes { .. } => format!("nothing keeps it; gone in {left} of running time"),
        Verdict::Removed { .. } if line.fate == "gone" => "it was removed before".to_owned(),
        Verdict::Removed { .. } if reasons.is_empty() => format!("gone in {left} of running time"),
        Verdict::Removed { .. } => format!("it stays all the same: {reasons}"),
    };
    let system = line.system.as_deref().unwrap_or_default();
    format!("{}  {}  {system}  {}: {why}", point.id, point.created, line.fate)
}
