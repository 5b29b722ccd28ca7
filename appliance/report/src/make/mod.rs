//! One module for each kind: what its sections are, and how they are made of what is seen.

pub(crate) mod evidence;
mod findings;
pub(crate) mod jobs;
pub(crate) mod notices;
pub(crate) mod policy;
mod policy_text;
pub(crate) mod restores;
pub(crate) mod sizes;
pub(crate) mod statement;
mod there;
pub(crate) mod usage;

use bus::JobState;
use jiff::tz::TimeZone;

use crate::cell::cut;
use crate::seen::{Seen, System};
use crate::{Cell, Facts, Kind, Level, Period, Report, ReportError, Section};

/// What a report is to be about.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// A client of the plan; none for the whole appliance.
    pub client: Option<String>,
    pub period: Period,
    /// In which times are shown: the client's, as a rule.
    pub zone: TimeZone,
}

/// Makes a report. Refuses a client that the plan does not have.
pub fn make(kind: Kind, facts: &Facts, scope: &Scope) -> Result<Report, ReportError> {
    let client = scope.client.as_deref();
    let known = |name: &str| facts.plan.clients.iter().any(|client| client.name == name);
    if let Some(client) = client.filter(|client| !known(client)) {
        return Err(ReportError::UnknownClient { client: client.to_owned() });
    }
    let seen = Seen::of(facts, client, scope.period);
    let mut sections = sections(kind, &seen);
    sections.retain(|section| client.is_none() || !section.spec.whole_only);
    Ok(Report {
        kind,
        title: kind.title().to_owned(),
        client: scope.client.clone(),
        period: scope.period,
        made_at: facts.now,
        appliance: cut(&facts.appliance),
        zone: scope.zone.clone(),
        sections,
    })
}

fn sections(kind: Kind, seen: &Seen<'_>) -> Vec<Section> {
    match kind {
        Kind::JobSummary => jobs::make(seen),
        Kind::Sizes => sizes::make(seen),
        Kind::PolicyAudit => policy::make(seen),
        Kind::Usage => usage::make(seen),
        Kind::Statement => statement::make(seen),
        Kind::RestoreClocks => restores::make(seen),
        Kind::Notices => notices::make(seen),
        Kind::Evidence => evidence::make(seen),
    }
}

/// The cells that every row about a system begins with.
fn heads(system: &System<'_>) -> [Cell; 2] {
    [Cell::text(&system.name), Cell::text(system.client)]
}

/// How good the state of a job is.
fn level(state: JobState) -> Level {
    match state {
        JobState::Done => Level::Good,
        JobState::Queued | JobState::Running | JobState::Waiting => Level::Open,
        JobState::Warned | JobState::Cancelled => Level::Warning,
        JobState::Failed | JobState::Interrupted => Level::Bad,
    }
}

/// So much of a length of time; none if it ends before it begins, as with a clock that was set
/// back meanwhile.
fn between(from: u64, to: u64) -> Cell {
    match to.checked_sub(from).filter(|_| from != 0 && to != 0) {
        Some(seconds) => Cell::Span(seconds),
        None => Cell::Nothing("not known"),
    }
}

/// The latest of times; 0 if there is none.
fn latest(times: impl Iterator<Item = u64>) -> u64 {
    times.max().unwrap_or(0)
}

fn sum(amounts: impl Iterator<Item = u64>) -> u64 {
    amounts.fold(0, u64::saturating_add)
}
