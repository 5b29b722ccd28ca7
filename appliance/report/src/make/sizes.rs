//! Sizes: what systems take, and what their full and incremental recovery points were.

use bus::PointView;

use super::{heads, sum};
use crate::CellKind::{Bytes, Change, Count, Text, Time};
use crate::made::{Made, is_full};
use crate::seen::{Seen, System};
use crate::spec::{CLIENT, SYSTEM, field, figures, table};
use crate::{Cell, Section, SectionSpec};

pub(crate) const SECTIONS: &[&SectionSpec] = &[&TOTALS, &SYSTEMS, &POINTS];

static TOTALS: SectionSpec = figures(
    "totals",
    "In total",
    "Of all systems below.",
    &[
        field("systems", "Systems", Count, "plan and bus", "with or without a recovery point"),
        field("points", "Recovery points", Count, "PointView", "made in the period, still there"),
        field("logical", "Size", Bytes, "PointView.LogicalBytes", "in the newest recovery points"),
        field("added", "Added", Bytes, "PointView.AddedBytes", "to the store in the period"),
    ],
);

static SYSTEMS: SectionSpec = table(
    "systems",
    "By system",
    "Recovery points that were made in the period and are still there. Equal data is stored once, \
     so what was added is what was new, compressed.",
    &[
        SYSTEM,
        CLIENT,
        field("points", "Recovery points", Count, "PointView.CreatedAt", "made in the period"),
        field("fulls", "Full", Count, "Outcome of the ingest", "compared with no other one"),
        field("logical", "Size", Bytes, "PointView.LogicalBytes", "in the newest recovery point"),
        field(
            "growth",
            "Growth",
            Change,
            "PointView.LogicalBytes",
            "size in the newest less that in the oldest of the period",
        ),
        field(
            "changed",
            "Changed",
            Bytes,
            "bytes_changed in JobView.Outcome",
            "as far as jobs are remembered: what differed from the one before, added up",
        ),
        field("added", "Added", Bytes, "PointView.AddedBytes", "to the store, added up"),
        field("stored", "Stored", Bytes, "PointView.AddedBytes", "by all that are still there"),
    ],
);

static POINTS: SectionSpec = table(
    "points",
    "First and last full and incremental",
    "Every recovery point is complete and needs no other one. A full one was compared with nothing \
     when it was made: its job says so. Where its job is no longer remembered, one that added four \
     fifths of its size or more counts as full, any other as incremental.",
    &[
        SYSTEM,
        CLIENT,
        field("which", "Which", Text, "Outcome, or sizes", "first or last, full or incremental"),
        field("point", "Recovery point", Text, "PointView.Id", "id"),
        field("made", "Made", Time, "PointView.CreatedAt", "by the clock of the appliance"),
        field("logical", "Size", Bytes, "PointView.LogicalBytes", "of its volumes"),
        field("read", "Read", Bytes, "bytes_read in JobView.Outcome", "from the source"),
        field(
            "changed",
            "Changed",
            Bytes,
            "bytes_changed in JobView.Outcome",
            "what differed from the one before",
        ),
        field("added", "Added", Bytes, "PointView.AddedBytes", "to the store"),
    ],
);

pub(crate) fn make(seen: &Seen<'_>) -> Vec<Section> {
    let rows: Vec<Vec<Cell>> =
        seen.systems.iter().map(|system| row(seen, system, &within(seen, system))).collect();
    let all: Vec<&PointView> =
        seen.systems.iter().flat_map(|system| within(seen, system)).collect();
    let totals = vec![
        Cell::count(seen.systems.len()),
        Cell::count(all.len()),
        Cell::Bytes(sum(seen.systems.iter().map(System::logical))),
        Cell::Bytes(sum(all.iter().map(|point| point.added_bytes))),
    ];
    let points = seen.systems.iter().flat_map(|system| ends(seen, system, &within(seen, system)));
    vec![
        Section::figures(&TOTALS, totals),
        Section::table(&SYSTEMS, rows),
        Section::table(&POINTS, points.collect()),
    ]
}

/// The recovery points of a system that were made in the period, the newest first.
fn within<'a>(seen: &Seen<'a>, system: &System<'a>) -> Vec<&'a PointView> {
    let points = system.points.iter().copied();
    points.filter(|point| seen.period.holds(point.created_at)).collect()
}

fn made<'s>(seen: &'s Seen<'_>, point: &PointView) -> Option<&'s Made> {
    seen.made.get(point.id.as_str())
}

fn row(seen: &Seen<'_>, system: &System<'_>, points: &[&PointView]) -> Vec<Cell> {
    let fulls = points.iter().filter(|point| is_full(point, made(seen, point))).count();
    let changed: Vec<u64> = points.iter().filter_map(|point| made(seen, point)?.changed).collect();
    let growth = match (points.last(), points.first()) {
        (Some(oldest), Some(newest)) => Cell::change(oldest.logical_bytes, newest.logical_bytes),
        _ => Cell::Nothing("none"),
    };
    let changed = match changed.is_empty() {
        true => Cell::Nothing("not known"),
        false => Cell::Bytes(sum(changed.into_iter())),
    };
    let cells = [
        Cell::count(points.len()),
        Cell::count(fulls),
        Cell::Bytes(system.logical()),
        growth,
        changed,
        Cell::Bytes(sum(points.iter().map(|point| point.added_bytes))),
        Cell::Bytes(system.stored()),
    ];
    heads(system).into_iter().chain(cells).collect()
}

/// Up to four rows: the first and the last full one, the first and the last incremental one.
fn ends(seen: &Seen<'_>, system: &System<'_>, points: &[&PointView]) -> Vec<Vec<Cell>> {
    let (full, incremental): (Vec<&PointView>, Vec<&PointView>) =
        points.iter().copied().partition(|point| is_full(point, made(seen, point)));
    let ends = [
        ("first full", full.last()),
        ("last full", full.first()),
        ("first incremental", incremental.last()),
        ("last incremental", incremental.first()),
    ];
    let row = |(which, point): (&str, Option<&&PointView>)| {
        let point = point?;
        let made = made(seen, point);
        let known = |bytes: Option<u64>| bytes.map_or(Cell::Nothing("not known"), Cell::Bytes);
        let cells = [
            Cell::text(which),
            Cell::text(&point.id),
            Cell::time(point.created_at),
            Cell::Bytes(point.logical_bytes),
            known(made.and_then(|made| made.read)),
            known(made.and_then(|made| made.changed)),
            Cell::Bytes(point.added_bytes),
        ];
        Some(heads(system).into_iter().chain(cells).collect())
    };
    ends.into_iter().filter_map(row).collect()
}
