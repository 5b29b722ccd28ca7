//! Maintenance notices: planned changes, and whether clients were told 72 hours ahead.

use model::Span;

use crate::CellKind::{Count, State, Text, Time};
use crate::seen::Seen;
use crate::spec::{CLIENT, field, figures, table};
use crate::{Cell, Level, Notice, NoticeVerdict, Section, SectionSpec};

pub(crate) const SECTIONS: &[&SectionSpec] = &[&TOTALS, &NOTICES];

static TOTALS: SectionSpec = figures(
    "totals",
    "In total",
    "Clients are told of a change that touches the service at least 72 hours before it begins. An \
     emergency that has a reason is the exception.",
    &[
        field("changes", "Changes", Count, "Notice", "under way in the period, or still to come"),
        field("in_time", "Told in time", Count, "Notice.told", "clients and changes"),
        field("due", "Still to tell", Count, "Notice.told", "there is time"),
        field("emergency", "Emergencies", Count, "Notice.emergency", "with a reason"),
        field("bad", "Told too late or not at all", Count, "Notice.told", "without a good reason"),
    ],
);

pub(super) static NOTICES: SectionSpec = table(
    "notices",
    "Changes",
    "One row for each client that a change concerns; by when they begin.",
    &[
        field("number", "Notice", Count, "Notice.id", "its number on the appliance"),
        CLIENT,
        field("what", "What", Text, "Notice.what", "what is done"),
        field("reason", "Reason", Text, "Notice.reason", "why"),
        field("begin", "Begins", Time, "Notice.begin", "planned"),
        field("end", "Ends", Time, "Notice.end", "planned"),
        field("told", "Told", Time, "Notice.told", "the first time"),
        field("state", "72 hours", State, "Notice.begin, told, emergency", "kept or not"),
        field("emergency", "Emergency", Text, "Notice.emergency", "why it could not wait"),
    ],
);

pub(crate) fn make(seen: &Seen<'_>) -> Vec<Section> {
    let there = within(seen);
    let judged: Vec<NoticeVerdict> =
        there.iter().map(|(client, notice)| notice.judge(client, seen.now)).collect();
    let count = |holds: fn(&NoticeVerdict) -> bool| {
        Cell::count(judged.iter().filter(|verdict| holds(verdict)).count())
    };
    let changes: std::collections::BTreeSet<u64> =
        there.iter().map(|(_, notice)| notice.id).collect();
    let totals = vec![
        Cell::count(changes.len()),
        count(|verdict| matches!(verdict, NoticeVerdict::InTime { .. })),
        count(|verdict| matches!(verdict, NoticeVerdict::Due { .. })),
        count(|verdict| matches!(verdict, NoticeVerdict::Emergency)),
        count(|verdict| level(*verdict) == Level::Bad),
    ];
    vec![Section::figures(&TOTALS, totals), listed(seen)]
}

/// The table of notices.
pub(super) fn listed(seen: &Seen<'_>) -> Section {
    let rows = within(seen).into_iter().map(|(client, notice)| row(client, notice, seen.now));
    Section::table(&NOTICES, rows.collect())
}

/// Changes that are under way in the period or come after it, by when they begin.
fn within<'a>(seen: &Seen<'a>) -> Vec<(&'a str, &'a Notice)> {
    let there = seen.notices.iter().copied();
    let mut there: Vec<(&str, &Notice)> =
        there.filter(|(_, notice)| notice.end.max(notice.begin) >= seen.period.from()).collect();
    there.sort_by_key(|(client, notice)| (notice.begin, notice.id, *client));
    there
}

fn level(verdict: NoticeVerdict) -> Level {
    match verdict {
        NoticeVerdict::InTime { .. } => Level::Good,
        NoticeVerdict::Due { .. } => Level::Open,
        NoticeVerdict::Emergency => Level::Warning,
        NoticeVerdict::NoReason | NoticeVerdict::Short { .. } | NoticeVerdict::NotTold => {
            Level::Bad
        }
    }
}

fn word(verdict: NoticeVerdict) -> String {
    match verdict {
        NoticeVerdict::InTime { ahead } => format!("kept, {} ahead", Span(ahead)),
        NoticeVerdict::Due { left } => format!("to tell within {}", Span(left)),
        NoticeVerdict::Emergency => "emergency".into(),
        NoticeVerdict::NoReason => "emergency without a reason".into(),
        NoticeVerdict::Short { by } => format!("too late by {}", Span(by)),
        NoticeVerdict::NotTold => "not told".into(),
    }
}

fn row(client: &str, notice: &Notice, now: u64) -> Vec<Cell> {
    let verdict = notice.judge(client, now);
    vec![
        Cell::Count(notice.id),
        Cell::text(client),
        Cell::text(&notice.what),
        Cell::text(&notice.reason),
        Cell::time(notice.begin),
        Cell::time(notice.end),
        Cell::time_if(notice.told_at(client).filter(|at| *at <= now)),
        Cell::state(level(verdict), &word(verdict)),
        Cell::text(notice.emergency.as_deref().unwrap_or_default()),
    ]
}
