//! Monthly statement: what was done for a client.

use bus::{JobState, PointView};

use super::{evidence, heads, latest, notices, restores, sum};
use crate::CellKind::{Count, Share, Span, State, Text, Time};
use crate::seen::{Seen, System};
use crate::spec::{CLIENT, SYSTEM, field, figures, table};
use crate::{Cell, Level, Section, SectionSpec, Work};

pub(crate) const SECTIONS: &[&SectionSpec] = &[
    &TOTALS,
    &PROTECTED,
    &evidence::TESTS,
    &restores::REQUESTS,
    &evidence::ALERTS,
    &notices::NOTICES,
    &HOURS,
    &WORK,
];

static TOTALS: SectionSpec = figures(
    "totals",
    "At a glance",
    "In the period.",
    &[
        field("systems", "Systems protected", Count, "plan and bus", "with a recovery point"),
        field("unprotected", "Not protected", Count, "plan and bus", "without a recovery point"),
        field("made", "Recovery points made", Count, "points and jobs", "also those gone since"),
        field("failed", "Runs that failed", Count, "JobView.State", "failed or interrupted"),
        field("success", "Success rate", Share, "JobView.State", "of ingests, as in the summary"),
        field("verified", "Verified", Count, "PointView.VerifiedAt", "recovery points, in full"),
        field("proved", "Proved", Count, "PointView.ProvedAt", "recovery points, by booting them"),
        field("restores", "Restores asked for", Count, "RestoreRequest", "the table below"),
        field("breached", "Promises breached", Count, "RestoreRequest.clocks", "requests"),
        field("alerts", "Alerts", Count, "AlertRecord", "open in the period at any time"),
        field("notices", "Changes", Count, "Notice", "rows of the table below"),
        field("worked", "Work", Span, "Work.seconds", "begun in the period"),
    ],
);

static PROTECTED: SectionSpec = table(
    "protected",
    "What was protected",
    "By system.",
    &[
        SYSTEM,
        CLIENT,
        field("state", "State", State, "PointView, SystemView.RpoState", "at the end"),
        field("made", "Made", Count, "points and jobs", "recovery points, also those gone since"),
        field("failed", "Failed", Count, "JobView.State", "runs that failed or were interrupted"),
        field("points", "There", Count, "PointView", "recovery points"),
        field("newest", "Newest", Time, "PointView.CreatedAt", "recovery point"),
        field("verified", "Last verified", Time, "PointView.VerifiedAt", "any recovery point"),
        field("proved", "Last proved", Time, "PointView.ProvedAt", "any, by booting it"),
    ],
);

static HOURS: SectionSpec = table(
    "hours",
    "Hours",
    "Work that was begun in the period against what was contracted for a month.",
    &[
        CLIENT,
        field("contracted", "Contracted", Span, "Contract.work_seconds", "a month"),
        field("worked", "Worked", Span, "Work.seconds", "in the period"),
        field("share", "Share", Share, "worked and contracted", "of what was contracted"),
        field("state", "State", State, "worked and contracted", "within, nearly (80 %), or over"),
    ],
);

static WORK: SectionSpec = table(
    "work",
    "Work",
    "By when it was begun.",
    &[
        CLIENT,
        field("at", "Begun", Time, "Work.at", "when"),
        field("took", "Took", Span, "Work.seconds", "time worked"),
        field("by", "By", Text, "Work.by", "who"),
        field("what", "What", Text, "Work.what", "what was done"),
        field("ticket", "Ticket", Text, "Work.ticket", "number of the ticket"),
    ],
);

pub(crate) fn make(seen: &Seen<'_>) -> Vec<Section> {
    let work = work(seen);
    let notices = notices::listed(seen);
    let changes = match &notices.body {
        crate::Body::Table(table) => table.rows.len() + table.more,
        crate::Body::Figures(_) => 0,
    };
    let totals = totals(seen, &work, changes);
    let rows = work.iter().map(|work| {
        vec![
            Cell::text(&work.client),
            Cell::time(work.at),
            Cell::Span(work.seconds),
            Cell::text(&work.by),
            Cell::text(&work.what),
            Cell::text(&work.ticket),
        ]
    });
    let rows = rows.collect();
    vec![
        Section::figures(&TOTALS, totals),
        Section::table(&PROTECTED, seen.systems.iter().map(|one| protected(seen, one)).collect()),
        evidence::tests(seen),
        restores::listed(seen),
        evidence::alerts(seen),
        notices,
        Section::table(&HOURS, hours(seen, &work)),
        Section::table(&WORK, rows),
    ]
}

fn work<'a>(seen: &Seen<'a>) -> Vec<&'a Work> {
    let within = seen.work.iter().copied().filter(|work| seen.period.holds(work.at));
    let mut work: Vec<&Work> = within.collect();
    work.sort_by_key(|work| work.at);
    work
}

fn totals(seen: &Seen<'_>, work: &[&Work], changes: usize) -> Vec<Cell> {
    let points = || seen.systems.iter().flat_map(|system| system.points.iter());
    let within = |time: fn(&PointView) -> u64| {
        Cell::count(points().filter(|point| seen.period.holds(time(point))).count())
    };
    let protected = seen.systems.iter().filter(|system| !system.points.is_empty()).count();
    let backups = || seen.jobs.iter().filter(|job| seen.is_backup(job));
    let well = backups().filter(|job| is_well(job.state)).count() as u64;
    let failed = backups().filter(|job| is_failed(job.state)).count() as u64;
    let requests = restores::within(seen);
    let breached = requests.iter().filter(|request| request.is_breached(seen.now)).count();
    let made = seen.systems.iter().map(|system| seen.made_in_period(system)).sum();
    vec![
        Cell::count(protected),
        Cell::count(seen.systems.len() - protected),
        Cell::count(made),
        Cell::Count(failed),
        Cell::share(well, well + failed),
        within(|point| point.verified_at),
        within(|point| point.proved_at),
        Cell::count(requests.len()),
        Cell::count(breached),
        Cell::count(evidence::within(seen).len()),
        Cell::count(changes),
        Cell::Span(sum(work.iter().map(|work| work.seconds))),
    ]
}

fn is_well(state: JobState) -> bool {
    matches!(state, JobState::Done | JobState::Warned)
}

fn is_failed(state: JobState) -> bool {
    matches!(state, JobState::Failed | JobState::Interrupted)
}

fn protected(seen: &Seen<'_>, system: &System<'_>) -> Vec<Cell> {
    let backups = seen.jobs_of(system).filter(|job| seen.is_backup(job));
    let failed = backups.filter(|job| is_failed(job.state)).count();
    let last = |time: fn(&PointView) -> u64| {
        Cell::time(latest(system.points.iter().map(|point| time(point))))
    };
    let cells = [
        evidence::state(system),
        Cell::count(seen.made_in_period(system)),
        Cell::count(failed),
        Cell::count(system.points.len()),
        Cell::time(system.newest().map_or(0, |point| point.created_at)),
        last(|point| point.verified_at),
        last(|point| point.proved_at),
    ];
    heads(system).into_iter().chain(cells).collect()
}

/// One row for each contract that says how much, and for each client that was worked for.
fn hours(seen: &Seen<'_>, work: &[&Work]) -> Vec<Vec<Cell>> {
    let contracted = seen.contracts.iter().filter(|contract| contract.work_seconds.is_some());
    let clients = contracted.map(|contract| contract.client.as_str());
    let clients: std::collections::BTreeSet<&str> =
        clients.chain(work.iter().map(|work| work.client.as_str())).collect();
    let row = |client: &str| {
        let own = work.iter().filter(|work| work.client == client);
        let worked = sum(own.map(|work| work.seconds));
        let contract = seen.contracts.iter().find(|contract| contract.client == client);
        let contracted = contract.and_then(|contract| contract.work_seconds);
        let nearly = |most: u64| u128::from(worked) * 10 >= u128::from(most) * 8;
        let state = match contracted {
            None => Cell::Nothing("none agreed"),
            Some(most) if worked > most => Cell::state(Level::Bad, "over"),
            Some(most) if nearly(most) => Cell::state(Level::Warning, "nearly"),
            Some(_) => Cell::state(Level::Good, "within"),
        };
        vec![
            Cell::text(client),
            contracted.map_or(Cell::Nothing("none agreed"), Cell::Span),
            Cell::Span(worked),
            Cell::share(worked, contracted.unwrap_or(0)),
            state,
        ]
    };
    clients.into_iter().map(row).collect()
}
