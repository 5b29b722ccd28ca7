//! Restore clocks: what was asked for, and whether it came as fast as promised.

use super::between;
use crate::CellKind::{Count, Span, State, Text, Time};
use crate::seen::Seen;
use crate::spec::{CLIENT, field, figures, table};
use crate::{Cell, Clock, Level, RestoreRequest, Section, SectionSpec, Step};

pub(crate) const SECTIONS: &[&SectionSpec] = &[&TOTALS, &REQUESTS];

static TOTALS: SectionSpec = figures(
    "totals",
    "In total",
    "A system is answered within 15 minutes and its restore begun within 60; files within 20 \
     minutes and 4 hours. All from when somebody asked.",
    &[
        field("requests", "Requests", Count, "RestoreRequest", "open in the period, or made in it"),
        field("kept", "Kept", Count, "RestoreRequest.clocks", "both promises"),
        field("breached", "Breached", Count, "RestoreRequest.clocks", "one promise or both"),
        field("open", "Running", Count, "RestoreRequest.clocks", "not all is over, none breached"),
    ],
);

pub(super) static REQUESTS: SectionSpec = table(
    "requests",
    "Requests for restores",
    "The newest first. Times are recorded once, in this order, and never changed.",
    &[
        field("number", "Request", Count, "RestoreRequest.id", "its number on the appliance"),
        field("system", "System", Text, "RestoreRequest.system", "protected system"),
        CLIENT,
        field("class", "Class", Text, "RestoreRequest.class", "system or file"),
        field("point", "Recovery point", Text, "RestoreRequest.point", "none: the newest"),
        field("requester", "Asked by", Text, "RestoreRequest.requester", "who asked"),
        field("ticket", "Ticket", Text, "RestoreRequest.ticket", "number of the ticket"),
        field("requested", "Asked", Time, "clocks.requested", "when"),
        field("acknowledged", "Answered", Time, "clocks.acknowledged", "somebody took it on"),
        field("answer", "Answer", State, "class, requested, acknowledged", "in 15 or 20 minutes"),
        field("started", "Begun", Time, "clocks.started", "the restore was begun"),
        field("start", "Begin", State, "class, requested, started", "in 60 minutes or 4 hours"),
        field("first_byte", "First byte", Time, "clocks.first_byte", "reached whom it is for"),
        field("usable", "Usable", Time, "clocks.usable", "who asked could work with it"),
        field("verified", "Verified", Time, "clocks.verified", "who asked said that it is right"),
        field("whole", "Until usable", Span, "clocks.requested, usable", "from asking"),
    ],
);

pub(crate) fn make(seen: &Seen<'_>) -> Vec<Section> {
    let requests = within(seen);
    let breached = requests.iter().filter(|request| request.is_breached(seen.now)).count();
    let kept = requests.iter().filter(|request| is_kept(request, seen.now)).count();
    let totals = vec![
        Cell::count(requests.len()),
        Cell::count(kept),
        Cell::count(breached),
        Cell::count(requests.len() - kept - breached),
    ];
    vec![Section::figures(&TOTALS, totals), listed(seen)]
}

/// The table of requests.
pub(super) fn listed(seen: &Seen<'_>) -> Section {
    let rows = within(seen).into_iter().map(|request| row(request, seen.now));
    Section::table(&REQUESTS, rows.collect())
}

/// Requests that were open in the period at any time, the newest first.
pub(super) fn within<'a>(seen: &Seen<'a>) -> Vec<&'a RestoreRequest> {
    let there = seen.requests.iter().copied().filter(|request| {
        let clocks = &request.clocks;
        seen.period.meets(clocks.requested(), clocks.at(Step::Usable))
    });
    let mut requests: Vec<&RestoreRequest> = there.collect();
    requests.sort_by_key(|request| {
        (std::cmp::Reverse(request.clocks.requested()), std::cmp::Reverse(request.id))
    });
    requests
}

/// Whether all that was promised was done in time.
pub(super) fn is_kept(request: &RestoreRequest, now: u64) -> bool {
    let mut clocks = Step::ALL.iter().filter_map(|step| request.clock(*step, now));
    clocks.all(|clock| matches!(clock, Clock::Kept { .. }))
}

fn row(request: &RestoreRequest, now: u64) -> Vec<Cell> {
    let clocks = &request.clocks;
    let at = |step| Cell::time_if(clocks.at(step).filter(|at| *at <= now));
    let state = |step| request.clock(step, now).map_or(Cell::Nothing("no promise"), clock);
    vec![
        Cell::Count(request.id),
        Cell::text(&request.system),
        Cell::text(&request.client),
        Cell::text(request.class.as_str()),
        Cell::text(&request.point),
        Cell::text(&request.requester),
        Cell::text(&request.ticket),
        Cell::time(clocks.requested()),
        at(Step::Acknowledged),
        state(Step::Acknowledged),
        at(Step::Started),
        state(Step::Started),
        at(Step::FirstByte),
        at(Step::Usable),
        at(Step::Verified),
        between(clocks.requested(), clocks.at(Step::Usable).unwrap_or(0)),
    ]
}

fn clock(clock: Clock) -> Cell {
    let span = |seconds| model::Span(seconds);
    match clock {
        Clock::Kept { after } => Cell::state(Level::Good, &format!("kept, after {}", span(after))),
        Clock::Late { by } => Cell::state(Level::Bad, &format!("breached by {}", span(by))),
        Clock::Due { left } => Cell::state(Level::Open, &format!("due in {}", span(left))),
        Clock::Overdue { by } => {
            Cell::state(Level::Bad, &format!("breached by {} so far", span(by)))
        }
    }
}
