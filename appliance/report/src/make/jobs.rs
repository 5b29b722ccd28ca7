//! Job summary: what ran in the period, and what to do about what did not go well.

use std::collections::BTreeMap;

use bus::{JobKind, JobState, JobView};

use super::{between, heads, level, sum};
use crate::CellKind::{Bytes, Count, Share, Span, State, Text, Time};
use crate::seen::{Seen, System};
use crate::spec::{CLIENT, SYSTEM, field, figures, table};
use crate::{Cell, Level, Section, SectionSpec};

pub(crate) const SECTIONS: &[&SectionSpec] = &[&TOTALS, &BY_SYSTEM, &NOT_RUN, &JOBS];

static TOTALS: SectionSpec = figures(
    "totals",
    "In total",
    "Jobs count in the period in which they ended.",
    &[
        field("ended", "Jobs that ended", Count, "JobView.EndedAt", "in the period"),
        field("well", "Went well", Count, "JobView.State", "done, with nothing to look at"),
        field("warned", "Need a look", Count, "JobView.State", "done, with a warning"),
        field("failed", "Failed", Count, "JobView.State", "failed or interrupted"),
        field("cancelled", "Cancelled", Count, "JobView.State", "somebody ended them"),
        field("open", "Not ended", Count, "JobView.State", "asked for before the period's end"),
        field(
            "success",
            "Success rate",
            Share,
            "JobView.State",
            "done, with a warning or without, of all that ended and were not cancelled",
        ),
        field("bytes", "Worked through", Bytes, "JobView.BytesDone", "by jobs that ended"),
        field("not_run", "Systems without a run", Count, "jobs and points", "the table below"),
    ],
);

static BY_SYSTEM: SectionSpec = table(
    "by_system",
    "By system",
    "Jobs that ended in the period. What is done for the appliance itself has no system.",
    &[
        SYSTEM,
        CLIENT,
        field("jobs", "Jobs", Count, "JobView.EndedAt", "that ended in the period"),
        field("well", "Well", Count, "JobView.State", "done"),
        field("warned", "Need a look", Count, "JobView.State", "done, with a warning"),
        field("failed", "Failed", Count, "JobView.State", "failed or interrupted"),
        field("cancelled", "Cancelled", Count, "JobView.State", "somebody ended them"),
        field("bytes", "Worked through", Bytes, "JobView.BytesDone", "by these jobs"),
    ],
);

static NOT_RUN: SectionSpec = table(
    "not_run",
    "Systems without a run",
    "No ingest of them ended in the period, and no recovery point was made.",
    &[
        SYSTEM,
        CLIENT,
        field("last_point", "Newest recovery point", Time, "PointView.CreatedAt", "when made"),
        field("next_run", "Next run", Time, "SystemView.NextRunAt", "planned for"),
        field("paused", "Paused", State, "SystemView.Paused", "whether schedules leave it out"),
        field("reason", "Reason", Text, "SystemView.PauseReason", "why it is paused"),
    ],
);

static JOBS: SectionSpec = table(
    "jobs",
    "Jobs",
    "By system, the newest first.",
    &[
        SYSTEM,
        CLIENT,
        field("number", "Job", Count, "JobView.Number", "its number on the appliance"),
        field("kind", "What", Text, "JobView.Kind", "what it does"),
        field("result", "Result", State, "JobView.State", "how it ended, or how far it is"),
        field("began", "Began", Time, "JobView.StartedAt", "its last try"),
        field("took", "Took", Span, "JobView.StartedAt, EndedAt", "its last try"),
        field("bytes", "Worked through", Bytes, "JobView.BytesDone", "of its source"),
        field("cause", "Cause", Text, "JobView.Cause", "why it is not well"),
        field("next_step", "Next step", Text, "JobView.NextStep", "what to do about that"),
    ],
);

pub(crate) fn make(seen: &Seen<'_>) -> Vec<Section> {
    let ended: Vec<&JobView> =
        seen.jobs.iter().copied().filter(|job| is_ended(seen, job)).collect();
    let open = seen.jobs.iter().copied().filter(|job| is_open(seen, job));
    let mut listed: Vec<&JobView> = open.chain(ended.iter().copied()).collect();
    let not_run = not_run(seen);
    let totals = totals(&ended, listed.len() - ended.len(), not_run.len());
    let by_system = Section::table(&BY_SYSTEM, by_system(seen, &ended));
    listed.sort_by_key(|job| (name(seen, job), std::cmp::Reverse(job.number)));
    let jobs = listed.iter().map(|job| row(seen, job)).collect();
    vec![
        Section::figures(&TOTALS, totals),
        by_system,
        Section::table(&NOT_RUN, not_run),
        Section::table(&JOBS, jobs),
    ]
}

fn is_ended(seen: &Seen<'_>, job: &JobView) -> bool {
    job.state.is_ended() && seen.period.holds(job.ended_at)
}

fn is_open(seen: &Seen<'_>, job: &JobView) -> bool {
    !job.state.is_ended() && job.queued_at < seen.period.to()
}

/// Done, done with a warning, failed, cancelled.
fn results<'a>(jobs: impl Iterator<Item = &'a JobView>) -> [u64; 4] {
    let mut counts = [0; 4];
    for job in jobs {
        let [well, warned, failed, cancelled] = &mut counts;
        match job.state {
            JobState::Done => *well += 1,
            JobState::Warned => *warned += 1,
            JobState::Cancelled => *cancelled += 1,
            JobState::Failed | JobState::Interrupted => *failed += 1,
            JobState::Queued | JobState::Running | JobState::Waiting => {}
        }
    }
    counts
}

fn totals(ended: &[&JobView], open: usize, not_run: usize) -> Vec<Cell> {
    let [well, warned, failed, cancelled] = results(ended.iter().copied());
    vec![
        Cell::count(ended.len()),
        Cell::Count(well),
        Cell::Count(warned),
        Cell::Count(failed),
        Cell::Count(cancelled),
        Cell::count(open),
        Cell::share(well + warned, well + warned + failed),
        Cell::Bytes(sum(ended.iter().map(|job| job.bytes_done))),
        Cell::count(not_run),
    ]
}

fn by_system(seen: &Seen<'_>, ended: &[&JobView]) -> Vec<Vec<Cell>> {
    let mut groups: BTreeMap<(String, &str), Vec<&JobView>> = BTreeMap::new();
    for job in ended {
        groups.entry(name(seen, job)).or_default().push(job);
    }
    let row = |((system, client), own): ((String, &str), Vec<&JobView>)| {
        let counts = results(own.iter().copied()).map(Cell::Count);
        let bytes = Cell::Bytes(sum(own.iter().map(|job| job.bytes_done)));
        let heads = [Cell::text(&system), Cell::text(client), Cell::count(own.len())];
        heads.into_iter().chain(counts).chain([bytes]).collect()
    };
    groups.into_iter().map(row).collect()
}

fn not_run(seen: &Seen<'_>) -> Vec<Vec<Cell>> {
    let ran = |system: &System<'_>| {
        let points = system.points.iter().any(|point| seen.period.holds(point.created_at));
        points || seen.jobs_of(system).any(|job| seen.is_backup(job))
    };
    let idle = seen.systems.iter().filter(|system| !ran(system));
    let row = |system: &System<'_>| {
        let paused = system.view.is_some_and(|view| view.paused);
        let reason = system.view.map_or("", |view| view.pause_reason.as_str());
        let paused = match paused {
            true => Cell::state(Level::Warning, "paused"),
            false => Cell::state(Level::Good, "not paused"),
        };
        let newest = system.newest().map_or(0, |point| point.created_at);
        let next = system.view.map_or(0, |view| view.next_run_at);
        let cells = [Cell::time(newest), Cell::time(next), paused, Cell::text(reason)];
        heads(system).into_iter().chain(cells).collect()
    };
    idle.map(row).collect()
}

/// What a job stands under: its system and client; the appliance if it has no system, its subject
/// if that system is not known.
fn name<'a>(seen: &Seen<'a>, job: &'a JobView) -> (String, &'a str) {
    match seen.system_of(job) {
        Some(system) => (system.name.clone(), system.client),
        None if job.system.as_str() == "/" && job.kind != JobKind::Ingest => {
            ("the appliance".into(), job.client.as_str())
        }
        None => (job.subject.clone(), job.client.as_str()),
    }
}

fn row(seen: &Seen<'_>, job: &JobView) -> Vec<Cell> {
    let (system, client) = name(seen, job);
    let ended = if job.state.is_ended() { job.ended_at } else { 0 };
    vec![
        Cell::text(&system),
        Cell::text(client),
        Cell::Count(job.number),
        Cell::text(job.kind.as_str()),
        Cell::state(level(job.state), job.state.as_str()),
        Cell::time(job.started_at),
        between(job.started_at, ended),
        Cell::Bytes(job.bytes_done),
        Cell::text(&job.cause),
        Cell::text(&job.next_step),
    ]
}
