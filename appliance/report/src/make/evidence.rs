//! Evidence: what an auditor or an insurer wants to see.

use bus::{JobKind, PointView, RpoState};

use super::{heads, level};
use crate::CellKind::{Bytes, Count, Span, State, Text, Time};
use crate::facts::AlertRecord;
use crate::seen::{Seen, System};
use crate::spec::{CLIENT, SYSTEM, field, figures, table, whole};
use crate::{Cell, Level, Section, SectionSpec};

pub(crate) const SECTIONS: &[&SectionSpec] = &[&APPLIANCE, &DISKS, &POINTS, &TESTS, &ALERTS];

/// So many of a system's newest recovery points are listed.
const NEWEST: usize = 10;

static APPLIANCE: SectionSpec = whole(figures(
    "appliance",
    "The appliance",
    "What holds the recovery points.",
    &[
        field("pool", "Pool", Text, "PoolView.Id", "id"),
        field("state", "State", State, "PoolView.State", "what the pool can do"),
        field("kit", "Recovery kit", State, "PoolView.KitProved", "whether it was proved"),
        field("points", "Recovery points", Count, "PoolView.Points", "in the catalog"),
        field("lost", "Records lost", Count, "PoolView.LostRecords", "no good copy is left"),
        field("scrub", "Last scrub", Time, "PoolView.LastScrubAt", "came to its end"),
        field("verify", "Last verify", Time, "PoolView.LastVerifyAt", "of all recovery points"),
    ],
));

static DISKS: SectionSpec = whole(table(
    "disks",
    "Disks",
    "Of the pool, there or not.",
    &[
        field("number", "Disk", Count, "DiskView.Number", "in the pool"),
        field("serial", "Serial", Text, "DiskView.Serial", "as the disk tells it"),
        field("size", "Size", Bytes, "DiskView.SizeBytes", "of the disk"),
        field("state", "State", State, "DiskView.State", "what part it takes"),
        field("smart", "Says of itself", Text, "DiskView.Smart", "unknown, good, worn, failing"),
    ],
));

static POINTS: SectionSpec = table(
    "points",
    "Recovery points",
    "The ten newest of each system, in the order in which they were made.",
    &[
        SYSTEM,
        CLIENT,
        field("point", "Recovery point", Text, "PointView.Id", "id"),
        field("sequence", "Order", Count, "PointView.Sequence", "the higher is the newer"),
        field("made", "Made", Time, "PointView.CreatedAt", "by the clock of the appliance"),
        field("verified", "Verified", Time, "PointView.VerifiedAt", "every byte was read back"),
        field("proved", "Proved", Time, "PointView.ProvedAt", "it was booted"),
        field("consistency", "Consistency", Text, "PointView.Consistency", "of what moment"),
        field(
            "state",
            "State",
            State,
            "PointView.Broken, Removed, Signals",
            "whole, broken, to go, or unusual",
        ),
    ],
);

pub(super) static TESTS: SectionSpec = table(
    "tests",
    "Tests",
    "Recovery points that were verified or proved in the period, and jobs that verified: the \
     newest first.",
    &[
        SYSTEM,
        CLIENT,
        field("test", "Test", Text, "PointView, JobView.Kind", "verified, proved, or the job"),
        field("at", "When", Time, "VerifiedAt, ProvedAt, EndedAt", "it came to its end"),
        field("what", "What", Text, "PointView.Id, JobView.Subject", "what was tested"),
        field("result", "Result", State, "PointView.Broken, JobView.State", "how it came out"),
        field("cause", "Cause", Text, "JobView.Cause", "why it is not well"),
    ],
);

pub(super) static ALERTS: SectionSpec = table(
    "alerts",
    "Alerts",
    "Alerts that were open in the period at any time, and who looked at them: the newest first.",
    &[
        field("number", "Alert", Count, "AlertView.Number", "its number on the appliance"),
        CLIENT,
        field("code", "Code", Text, "AlertView.Code", "what is wrong, as in ALERTS.md"),
        field("subject", "About", Text, "AlertView.Subject", "what it is about"),
        field("severity", "Severity", Count, "AlertView.Severity", "1 to 10, the worst"),
        field("cause", "Cause", Text, "AlertView.Cause", "what is wrong and why"),
        field("since", "Since", Time, "AlertView.Since", "raised"),
        field("until", "Until", Time, "AlertRecord.cleared_at", "over; never: still open"),
        field("lasted", "Lasted", Span, "Since, cleared_at", "so far, if it is open"),
        field("state", "State", State, "AlertRecord", "over, taken on, or open"),
        field("by", "Taken on by", Text, "AlertView.AcknowledgedBy", "who looked at it"),
        field("taken_on", "Taken on", Time, "AlertRecord.acknowledged_at", "when"),
    ],
);

pub(crate) fn make(seen: &Seen<'_>) -> Vec<Section> {
    let newest = |system: &System<'_>| {
        let points = system.points.iter().take(NEWEST);
        points.map(|point| row(system, point)).collect::<Vec<_>>()
    };
    vec![
        Section::figures(&APPLIANCE, appliance(seen)),
        Section::table(&DISKS, disks(seen)),
        Section::table(&POINTS, seen.systems.iter().flat_map(newest).collect()),
        tests(seen),
        alerts(seen),
    ]
}

/// How a system is protected, in a word.
pub(super) fn state(system: &System<'_>) -> Cell {
    let breached = system.view.is_some_and(|view| view.rpo_state == RpoState::Breached);
    match () {
        () if system.points.is_empty() => Cell::state(Level::Bad, "unprotected"),
        () if breached => Cell::state(Level::Bad, "RPO not met"),
        () if system.points.iter().all(|point| point.broken) => Cell::state(Level::Bad, "broken"),
        () => Cell::state(Level::Good, "protected"),
    }
}

fn appliance(seen: &Seen<'_>) -> Vec<Cell> {
    let Some(pool) = seen.pool else { return vec![Cell::Nothing("no pool"); 7] };
    let level = match pool.state {
        bus::PoolState::Complete => Level::Good,
        bus::PoolState::Syncing | bus::PoolState::Degraded => Level::Warning,
        bus::PoolState::Closed | bus::PoolState::Stopped => Level::Bad,
    };
    let kit = match pool.kit_proved {
        true => Cell::state(Level::Good, "proved"),
        false => Cell::state(Level::Bad, "not proved"),
    };
    vec![
        Cell::text(&pool.id),
        Cell::state(level, pool.state.as_str()),
        kit,
        Cell::Count(u64::from(pool.points)),
        Cell::Count(pool.lost_records),
        Cell::time(pool.last_scrub_at),
        Cell::time(pool.last_verify_at),
    ]
}

fn disks(seen: &Seen<'_>) -> Vec<Vec<Cell>> {
    let row = |disk: &bus::DiskView| {
        let level = match disk.state {
            bus::DiskState::Active => Level::Good,
            bus::DiskState::Syncing | bus::DiskState::Left => Level::Warning,
            bus::DiskState::Missing | bus::DiskState::Failed | bus::DiskState::Stale => Level::Bad,
        };
        vec![
            Cell::Count(u64::from(disk.number)),
            Cell::text(&disk.serial),
            Cell::Bytes(disk.size_bytes),
            Cell::state(level, disk.state.as_str()),
            Cell::text(disk.smart.as_str()),
        ]
    };
    seen.disks.iter().map(row).collect()
}

fn row(system: &System<'_>, point: &PointView) -> Vec<Cell> {
    let state = match () {
        () if point.broken => Cell::state(Level::Bad, "broken"),
        () if point.removed => Cell::state(Level::Warning, "to go"),
        () if !point.signals.is_empty() && !point.cleared => {
            Cell::state(Level::Warning, "unusual, not looked at")
        }
        () => Cell::state(Level::Good, "whole"),
    };
    let cells = [
        Cell::text(&point.id),
        Cell::Count(point.sequence),
        Cell::time(point.created_at),
        Cell::time(point.verified_at),
        Cell::time(point.proved_at),
        Cell::text(&point.consistency),
        state,
    ];
    heads(system).into_iter().chain(cells).collect()
}

/// The table of tests.
pub(super) fn tests(seen: &Seen<'_>) -> Section {
    let mut rows: Vec<(u64, Vec<Cell>)> = Vec::new();
    for system in &seen.systems {
        for point in &system.points {
            let tests = [("verified", point.verified_at), ("proved", point.proved_at)];
            let within = tests.into_iter().filter(|(_, at)| seen.period.holds(*at));
            rows.extend(within.map(|(test, at)| (at, tested(system, point, test, at))));
        }
    }
    let jobs = seen.jobs.iter().filter(|job| {
        let tests = matches!(job.kind, JobKind::Verify | JobKind::Scrub);
        tests && job.state.is_ended() && seen.period.holds(job.ended_at)
    });
    rows.extend(jobs.map(|job| {
        let system = seen.system_of(job);
        let cells = vec![
            Cell::text(system.map_or("the appliance", |system| &system.name)),
            Cell::text(system.map_or(job.client.as_str(), |system| system.client)),
            Cell::text(&format!("{} job", job.kind)),
            Cell::time(job.ended_at),
            Cell::text(&job.subject),
            Cell::state(level(job.state), job.state.as_str()),
            Cell::text(&job.cause),
        ];
        (job.ended_at, cells)
    }));
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    Section::table(&TESTS, rows.into_iter().map(|(_, cells)| cells).collect())
}

fn tested(system: &System<'_>, point: &PointView, test: &str, at: u64) -> Vec<Cell> {
    let result = match point.broken {
        true => Cell::state(Level::Bad, "broken since"),
        false => Cell::state(Level::Good, "whole"),
    };
    let cells =
        [Cell::text(test), Cell::time(at), Cell::text(&point.id), result, Cell::Nothing("none")];
    heads(system).into_iter().chain(cells).collect()
}

/// Alerts that were open in the period at any time, the newest first.
pub(super) fn within<'a>(seen: &Seen<'a>) -> Vec<&'a AlertRecord> {
    let open = seen.alerts.iter().copied();
    let mut open: Vec<&AlertRecord> =
        open.filter(|record| seen.period.meets(record.alert.since, record.cleared_at)).collect();
    open.sort_by_key(|record| std::cmp::Reverse((record.alert.since, record.alert.number)));
    open
}

/// The table of alerts.
pub(super) fn alerts(seen: &Seen<'_>) -> Section {
    let row = |record: &AlertRecord| {
        let alert = &record.alert;
        let end = record.cleared_at.unwrap_or(seen.now);
        let state = match () {
            () if record.cleared_at.is_some() => Cell::state(Level::Good, "over"),
            () if alert.acknowledged_by.is_empty() => Cell::state(Level::Bad, "open"),
            () => Cell::state(Level::Warning, "taken on"),
        };
        vec![
            Cell::Count(alert.number),
            Cell::text(&alert.client),
            Cell::text(&alert.code),
            Cell::text(&alert.subject),
            Cell::Count(u64::from(alert.severity)),
            Cell::text(&alert.cause),
            Cell::time(alert.since),
            Cell::time_if(record.cleared_at),
            super::between(alert.since, end),
            state,
            Cell::text(&alert.acknowledged_by),
            Cell::time_if(record.acknowledged_at),
        ]
    };
    Section::table(&ALERTS, within(seen).into_iter().map(row).collect())
}
