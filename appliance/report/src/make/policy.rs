//! Policy audit and retention: what was agreed against what is there.

use super::{findings, heads, policy_text, there};
use crate::CellKind::{Count, Span, State, Text, Time};
use crate::seen::{Seen, System};
use crate::spec::{CLIENT, SYSTEM, field, figures, table};
use crate::{Cell, Level, Section, SectionSpec};

pub(crate) const SECTIONS: &[&SectionSpec] = &[&TOTALS, &FINDINGS, &POLICIES, &THERE];

static TOTALS: SectionSpec = figures(
    "totals",
    "In total",
    "What is bad has to be put right; a warning is something to know and to agree on.",
    &[
        field("systems", "Systems", Count, "plan and bus", "of the plan, or with recovery points"),
        field("bad", "Bad findings", Count, "the table below", "to be put right"),
        field("warnings", "Warnings", Count, "the table below", "to be agreed on"),
        field("clean", "Systems without a finding", Count, "the table below", "as agreed"),
    ],
);

static FINDINGS: SectionSpec = table(
    "findings",
    "Findings",
    "By system. Where a system has no row, what was agreed is what is there.",
    &[
        SYSTEM,
        CLIENT,
        field(
            "finding",
            "Finding",
            State,
            "plan against points",
            "unprotected, RPO not met, broken, never verified, never proved, retention below the \
             policy, volumes excluded, no policy",
        ),
        field("detail", "Detail", Text, "plan and points", "figures of it"),
        field("next_step", "Next step", Text, "of the finding", "what to do"),
    ],
);

static POLICIES: SectionSpec = table(
    "policies",
    "Policies in force",
    "As the plan has them; times are those of the client's zone.",
    &[
        SYSTEM,
        CLIENT,
        field("schedule", "Schedule", Text, "plan: interval, times", "when runs are due"),
        field("windows", "Windows", Text, "plan: windows", "runs begin within these; none: always"),
        field("blackouts", "Blackouts", Text, "plan: blackouts", "no run begins within these"),
        field("rpo", "RPO", Span, "plan: rpo", "most that the newest recovery point may be old"),
        field("rto", "RTO", Span, "plan: rto", "in what time it is to run again"),
        field("retention", "Retention", Text, "plan: retention", "recovery points that stay"),
        field("lock", "Lock", Span, "plan: lock", "nothing younger is removed by anybody"),
        field("delay", "Return", Span, "plan: delay", "so long a removal can be taken back"),
        field("verify", "Verify", Span, "plan: verify", "age at which one is to be verified"),
        field("excluded", "Excluded", Text, "plan: excluded", "volumes that are left out"),
    ],
);

static THERE: SectionSpec = table(
    "there",
    "What is there",
    "Recovery points by age. Gaps are looked for in the period, as far back as retention leaves \
     recovery points as close as the RPO wants them. Removed ones count until they are gone.",
    &[
        SYSTEM,
        CLIENT,
        field("points", "Points", Count, "PointView", "all that are there"),
        field("day", "Up to a day", Count, "PointView.CreatedAt", "old"),
        field("week", "Up to a week", Count, "PointView.CreatedAt", "older than a day"),
        field("month", "Up to 31 days", Count, "PointView.CreatedAt", "older than a week"),
        field("year", "Up to a year", Count, "PointView.CreatedAt", "older than 31 days"),
        field("older", "Older", Count, "PointView.CreatedAt", "than a year"),
        field(
            "future",
            "In the future",
            Count,
            "PointView.CreatedAt",
            "made when the clock of the appliance was wrong",
        ),
        field("oldest", "Oldest", Time, "PointView.CreatedAt", "by their order, not the clock"),
        field("newest", "Newest", Time, "PointView.CreatedAt", "by their order, not the clock"),
        field("gap", "Biggest gap", Span, "points, and jobs that made some", "in the period"),
        field("rpo", "RPO", State, "biggest gap; SystemView.RpoState", "met or not met"),
        field("held", "Held", Count, "PointView.Held", "stay whatever retention says"),
        field("removed", "Removed", Count, "PointView.Removed", "to go, can still be returned"),
        field("verified", "Newest verified", Time, "PointView.VerifiedAt", "when it was made"),
        field("proved", "Newest proved", Time, "PointView.ProvedAt", "when it was made"),
    ],
);

pub(crate) fn make(seen: &Seen<'_>) -> Vec<Section> {
    let found: Vec<_> = seen.systems.iter().map(|system| findings::of(seen, system)).collect();
    let all = || found.iter().flatten();
    let of = |level| Cell::count(all().filter(|finding| finding.level == level).count());
    let totals = vec![
        Cell::count(seen.systems.len()),
        of(Level::Bad),
        of(Level::Warning),
        Cell::count(found.iter().filter(|found| found.is_empty()).count()),
    ];
    let rows = seen.systems.iter().zip(&found).flat_map(|(system, found)| {
        found.iter().map(|finding| heads(system).into_iter().chain(finding.cells()).collect())
    });
    vec![
        Section::figures(&TOTALS, totals),
        Section::table(&FINDINGS, rows.collect()),
        Section::table(&POLICIES, seen.systems.iter().filter_map(policy).collect()),
        Section::table(&THERE, seen.systems.iter().map(|system| row(seen, system)).collect()),
    ]
}

fn policy(system: &System<'_>) -> Option<Vec<Cell>> {
    let planned = system.planned?;
    let verify = planned.verify.map_or(Cell::Nothing("left to scrubs"), |age| Cell::Span(age.0));
    let cells = [
        Cell::text(&policy_text::schedule(planned)),
        Cell::text(&policy_text::windows(&planned.windows)),
        Cell::text(&policy_text::windows(&planned.blackouts)),
        Cell::Span(planned.rpo.0),
        Cell::Span(planned.rto.0),
        Cell::text(&policy_text::retention(planned)),
        Cell::Span(planned.retention.lock),
        Cell::Span(planned.retention.delay),
        verify,
        Cell::text(&planned.excluded.join(", ")),
    ];
    Some(heads(system).into_iter().chain(cells).collect())
}

fn row(seen: &Seen<'_>, system: &System<'_>) -> Vec<Cell> {
    let count = |holds: fn(&bus::PointView) -> bool| {
        Cell::count(system.points.iter().filter(|point| holds(point)).count())
    };
    let made = |point: Option<&bus::PointView>| Cell::time(point.map_or(0, |p| p.created_at));
    let gap = there::biggest_gap(seen, system);
    let times = [
        made(system.points.last().copied()),
        made(system.newest()),
        gap.map_or(Cell::Nothing("not known"), Cell::Span),
        rpo(system, gap),
        count(|point| point.held),
        count(|point| point.removed),
        made(there::newest_that(system, |point| point.verified_at != 0)),
        made(there::newest_that(system, |point| point.proved_at != 0)),
    ];
    let ages = there::ages(system, seen.now).map(Cell::Count);
    let points = [Cell::count(system.points.len())];
    heads(system).into_iter().chain(points).chain(ages).chain(times).collect()
}

fn rpo(system: &System<'_>, gap: Option<u64>) -> Cell {
    match (system.planned, gap) {
        (None, _) => Cell::Nothing("none agreed"),
        (Some(_), None) if system.points.is_empty() => Cell::state(Level::Bad, "not met"),
        (Some(_), None) => Cell::Nothing("not known"),
        (Some(planned), Some(gap)) if gap > planned.rpo.0 || there::is_breached(system) => {
            Cell::state(Level::Bad, "not met")
        }
        _ => Cell::state(Level::Good, "met"),
    }
}
