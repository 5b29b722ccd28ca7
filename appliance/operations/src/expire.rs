//! Remove what no policy keeps, and let go what was removed long enough ago.
//!
//! What it does and what a dry run tells are one list: every recovery point with what becomes of
//! it and why.

use std::sync::Arc;

use catalog::{Judged, Reason, Verdict, expiry_events};
use model::{PointId, Span};
use record::TenantAccess;
use serde_json::{Value, json};

use crate::{Failure, OpenPool, SystemNames};

/// Whose points are judged.
#[derive(Debug, Clone, Default)]
pub struct Expire {
    /// Only this protected system's.
    pub system: Option<String>,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What becomes of every recovery point, and why.
#[derive(Debug)]
pub struct Expired {
    lines: Vec<Line>,
    age: u64,
    dry_run: bool,
}

/// A recovery point's line: what becomes of it, in one word, and why.
#[derive(Debug)]
struct Line {
    judged: Judged,
    system: Option<String>,
    fate: &'static str,
}

impl Expire {
    /// Judges, and unless it is a dry run commits what follows.
    pub fn run(&self, pool: &OpenPool, access: &Arc<TenantAccess>) -> Result<Expired, Failure> {
        let age = if self.dry_run { pool.age() } else { pool.settle_age() };
        let only = self.system.as_deref().map(|name| ingest::system_id(access, name));
        let mut judged = pool.catalog.expiry(age);
        judged.retain(|judged| {
            let point = &judged.listed.point;
            point.tenant == access.tenant() && only.is_none_or(|system| system == point.system)
        });
        if let (Some(name), true) = (&self.system, judged.is_empty()) {
            let what = format!("there is no recovery point of {name}");
            return Err(Failure::new(what, "see `holdfast points`"));
        }
        let events = expiry_events(&judged, age);
        let mut names = SystemNames::new(access);
        let lines = judged.into_iter().map(|judged| {
            let system = names.of(&judged.listed.point);
            let fate = fate(&judged.verdict, age);
            Line { judged, system, fate }
        });
        let lines = lines.collect();
        if !self.dry_run {
            pool.commit(events)?;
        }
        Ok(Expired { lines, age, dry_run: self.dry_run })
    }
}

impl Expired {
    /// What becomes of each point, in one word, and why.
    pub fn fates(&self) -> impl Iterator<Item = (PointId, &'static str, String)> {
        self.lines.iter().map(|line| {
            let reasons: Vec<String> =
                reasons(&line.judged.verdict).iter().map(Reason::to_string).collect();
            (line.judged.listed.point.id, line.fate, reasons.join(", "))
        })
    }

    pub fn json(&self) -> Value {
        let lines = self.lines.iter().map(|line| to_json(line, self.age));
        json!({
            "dry_run": self.dry_run,
            "points": lines.collect::<Vec<_>>(),
            "stay": self.count("stays"),
            "go": self.count("goes"),
            "removed": self.count("removed"),
            "gone": self.count("gone"),
        })
    }

    pub fn text(&self) -> String {
        let mut text: Vec<String> = self.lines.iter().map(|line| to_text(line, self.age)).collect();
        let sum = format!(
            "{} stay, {} go, {} were removed before, {} are gone",
            self.count("stays"),
            self.count("goes"),
            self.count("removed"),
            self.count("gone"),
        );
        text.push(match self.dry_run {
            _ if self.lines.is_empty() => "no recovery points".to_owned(),
            true => format!("{sum}: a dry run, nothing was changed"),
            false => sum,
        });
        text.join("\n")
    }

    fn count(&self, fate: &str) -> usize {
        self.lines.iter().filter(|line| line.fate == fate).count()
    }
}

fn fate(verdict: &Verdict, age: u64) -> &'static str {
    match verdict {
        _ if verdict.is_gone(age) => "gone",
        Verdict::Stays(_) => "stays",
        Verdict::Goes { .. } => "goes",
        Verdict::Removed { .. } => "removed",
    }
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
