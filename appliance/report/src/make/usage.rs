//! Usage against contract: what was contracted with each client against what is there.

use std::collections::BTreeSet;

use super::{sum, there};
use crate::CellKind::{Amount, Bytes, Change, Count, Share, State, Text, Time};
use crate::period::DAY;
use crate::seen::{Seen, System};
use crate::spec::{CLIENT, SYSTEM, field, figures, table, whole};
use crate::{Cell, Contract, Level, Section, SectionSpec};

pub(crate) const SECTIONS: &[&SectionSpec] = &[&USAGE, &RETENTION, &OTHERS, &POOL];

/// Growth is that of so many days.
const GROWTH_DAYS: u64 = 30;

/// What crosses later than in so many days is not in sight: ten years.
const SIGHT_DAYS: u128 = 3650;

static USAGE: SectionSpec = table(
    "usage",
    "Usage against contract",
    "Growth is that of the last 30 days: from the oldest reading within them, or, where there is \
     none that is a day old, from the recovery points that are there. The second way takes nothing \
     off for what retention removed, so it comes too early rather than too late.",
    &[
        CLIENT,
        field("tier", "Tier", Text, "Contract.tier", "as contracted"),
        field("measure", "Measure", Text, "Contract", "systems, source or stored"),
        field("unit", "Unit", Text, "Contract", "systems or bytes"),
        field("contracted", "Contracted", Amount, "Contract", "the most that was agreed"),
        field(
            "used",
            "There",
            Amount,
            "plan and bus",
            "systems of the plan or with recovery points; sizes of their volumes in the newest \
             recovery points; what all recovery points that are there added to the store",
        ),
        field("share", "Share", Share, "there and contracted", "of what was contracted"),
        field("state", "State", State, "there and contracted", "within, nearly (90 %), or over"),
        field("over", "Over or left", Change, "there and contracted", "bytes over; left if minus"),
        field("growth", "Growth", Change, "Usage readings, or points", "bytes in 30 days"),
        field("crosses", "Crosses", Time, "growth, in a line", "when it will be more"),
    ],
);

static RETENTION: SectionSpec = table(
    "retention",
    "Retention against contract",
    "By system. The policy reaches back as far as its longest class.",
    &[
        SYSTEM,
        CLIENT,
        field("contracted", "Contracted days", Count, "Contract.retention_days", "at least"),
        field("policy", "Policy days", Count, "plan: retention", "none where everything stays"),
        field("there", "Days there", Count, "PointView.CreatedAt", "age of the oldest point"),
        field("state", "State", State, "the three", "kept, filling up, or policy too short"),
    ],
);

static OTHERS: SectionSpec = whole(table(
    "others",
    "Without a contract",
    "Clients, and systems that the plan gives to no client.",
    &[
        CLIENT,
        field("systems", "Systems", Count, "plan and bus", "of the plan, or with points"),
        field("source", "Size", Bytes, "PointView.LogicalBytes", "in the newest points"),
        field("stored", "Stored", Bytes, "PointView.AddedBytes", "by all points there"),
    ],
));

static POOL: SectionSpec = whole(figures(
    "pool",
    "The appliance",
    "What its disks hold.",
    &[
        field("capacity", "Capacity", Bytes, "PoolView.CapacityBytes", "what the pool can hold"),
        field("stored", "Stored", Bytes, "PoolView.StoredBytes", "what the store takes"),
        field("free", "Free", Bytes, "PoolView.FreeBytes", "what can be written at once"),
        field("share", "Used", Share, "PoolView", "stored, of the capacity"),
        field("days_left", "Days until full", Count, "PoolView.DaysUntilFull", "if in sight"),
    ],
));

pub(crate) fn make(seen: &Seen<'_>) -> Vec<Section> {
    let contracts = &seen.contracts;
    let usage = contracts.iter().flat_map(|contract| usage(seen, contract)).collect();
    let retention = contracts.iter().flat_map(|contract| retention(seen, contract)).collect();
    vec![
        Section::table(&USAGE, usage),
        Section::table(&RETENTION, retention),
        Section::table(&OTHERS, others(seen)),
        Section::figures(&POOL, pool(seen)),
    ]
}

fn of<'s, 'a>(seen: &'s Seen<'a>, client: &'s str) -> impl Iterator<Item = &'s System<'a>> {
    seen.systems.iter().filter(move |system| system.client == client)
}

/// One thing that is counted, now and so many seconds ago.
struct Measure {
    name: &'static str,
    unit: &'static str,
    limit: u64,
    now: u64,
    before: u64,
    seconds: u64,
}

fn usage(seen: &Seen<'_>, contract: &Contract) -> Vec<Vec<Cell>> {
    let client = contract.client.as_str();
    let systems = of(seen, client).count() as u64;
    let (source, stored) =
        (sum(of(seen, client).map(System::logical)), sum(of(seen, client).map(System::stored)));
    let (at, before) = baseline(seen, client, systems);
    let measure = |name, unit, limit: Option<u64>, now, before| {
        let seconds = seen.now.saturating_sub(at);
        limit.map(|limit| Measure { name, unit, limit, now, before, seconds })
    };
    let [systems_before, source_before, stored_before] = before;
    let measures = [
        measure("systems", "systems", contract.systems, systems, systems_before),
        measure("source", "bytes", contract.source_bytes, source, source_before),
        measure("stored", "bytes", contract.stored_bytes, stored, stored_before),
    ];
    measures.into_iter().flatten().map(|measure| measure.row(seen.now, contract)).collect()
}

/// Systems, source and stored bytes at the beginning of the days that growth is counted in, and
/// when that was.
fn baseline(seen: &Seen<'_>, client: &str, systems: u64) -> (u64, [u64; 3]) {
    let start = seen.now.saturating_sub(GROWTH_DAYS * DAY);
    let lately = start..=seen.now.saturating_sub(DAY);
    let readings = seen.usage.iter().filter(|usage| usage.client == client);
    let oldest = readings.filter(|usage| lately.contains(&usage.at)).min_by_key(|usage| usage.at);
    if let Some(usage) = oldest {
        return (usage.at, [usage.systems, usage.source_bytes, usage.stored_bytes]);
    }
    let then = |system: &System<'_>| {
        let then: Vec<_> = system.past(start).collect();
        let logical = then.first().map_or(0, |point| point.logical_bytes);
        (logical, sum(then.iter().map(|point| point.added_bytes)))
    };
    let source = sum(of(seen, client).map(|system| then(system).0));
    let stored = sum(of(seen, client).map(|system| then(system).1));
    (start, [systems, source, stored])
}

impl Measure {
    fn row(&self, now: u64, contract: &Contract) -> Vec<Cell> {
        let amount = |amount| match self.unit {
            "bytes" => Cell::Bytes(amount),
            _ => Cell::Count(amount),
        };
        let bytes = |cell| if self.unit == "bytes" { cell } else { Cell::Nothing("no bytes") };
        vec![
            Cell::text(&contract.client),
            Cell::text(&contract.tier),
            Cell::text(self.name),
            Cell::text(self.unit),
            amount(self.limit),
            amount(self.now),
            Cell::share(self.now, self.limit),
            self.state(),
            bytes(Cell::change(self.limit, self.now)),
            bytes(self.growth()),
            self.crosses(now),
        ]
    }

    fn state(&self) -> Cell {
        let nearly = u128::from(self.now) * 10 >= u128::from(self.limit) * 9;
        match () {
            () if self.now > self.limit => Cell::state(Level::Bad, "over"),
            () if nearly => Cell::state(Level::Warning, "nearly"),
            () => Cell::state(Level::Good, "within"),
        }
    }

    /// Of 30 days, however many the figures are apart.
    fn growth(&self) -> Cell {
        let change = i128::from(self.now) - i128::from(self.before);
        let scaled = change * i128::from(GROWTH_DAYS * DAY) / i128::from(self.seconds.max(1));
        Cell::Change(i64::try_from(scaled).unwrap_or(i64::MAX))
    }

    /// The second in which it will be more than was contracted, if it goes on in a line.
    fn crosses(&self, now: u64) -> Cell {
        let Some(left) = self.limit.checked_sub(self.now) else {
            return Cell::Nothing("over already");
        };
        let growth = u128::from(self.now.saturating_sub(self.before));
        let seconds = (u128::from(left) + 1) * u128::from(self.seconds);
        let sight = |seconds: &u128| *seconds <= SIGHT_DAYS * u128::from(DAY);
        let after = seconds.checked_div(growth).filter(sight);
        let after = after.and_then(|seconds| u64::try_from(seconds).ok());
        after.map_or(Cell::Nothing("not in sight"), |after| Cell::time(now.saturating_add(after)))
    }
}

fn retention(seen: &Seen<'_>, contract: &Contract) -> Vec<Vec<Cell>> {
    let Some(days) = contract.retention_days else { return Vec::new() };
    let row = |system: &System<'_>| {
        let policy = system.planned.and_then(policy_days);
        let oldest = system.past(seen.now).map(|point| point.created_at).min();
        let there = oldest.map_or(0, |oldest| (seen.now - oldest) / DAY);
        let state = match policy {
            _ if there >= days => Cell::state(Level::Good, "kept"),
            Some(policy) if policy < days => Cell::state(Level::Bad, "policy too short"),
            _ => Cell::state(Level::Open, "filling up"),
        };
        let policy = policy.map_or(Cell::Nothing("everything stays"), Cell::Count);
        let cells = [Cell::Count(days), policy, Cell::Count(there), state];
        super::heads(system).into_iter().chain(cells).collect()
    };
    of(seen, &contract.client).map(row).collect()
}

/// How many days its longest class reaches back; none where everything stays.
fn policy_days(planned: &plan::System) -> Option<u64> {
    let classes = there::classes(planned).into_iter();
    let reach = classes.map(|(_, seconds, count)| seconds * u64::from(count) / DAY).max();
    reach.filter(|_| !planned.retention.keeps_everything())
}

fn others(seen: &Seen<'_>) -> Vec<Vec<Cell>> {
    let contracted: BTreeSet<&str> =
        seen.contracts.iter().map(|contract| contract.client.as_str()).collect();
    let clients: BTreeSet<&str> = seen.systems.iter().map(|system| system.client).collect();
    let row = |client: &&str| {
        vec![
            Cell::text(client),
            Cell::count(of(seen, client).count()),
            Cell::Bytes(sum(of(seen, client).map(System::logical))),
            Cell::Bytes(sum(of(seen, client).map(System::stored))),
        ]
    };
    clients.difference(&contracted).map(row).collect()
}

fn pool(seen: &Seen<'_>) -> Vec<Cell> {
    let Some(pool) = seen.pool else { return vec![Cell::Nothing("no pool"); 5] };
    let days = u64::try_from(pool.days_until_full).ok();
    vec![
        Cell::Bytes(pool.capacity_bytes),
        Cell::Bytes(pool.stored_bytes),
        Cell::Bytes(pool.free_bytes),
        Cell::share(pool.stored_bytes, pool.capacity_bytes),
        days.map_or(Cell::Nothing("not in sight"), Cell::Count),
    ]
}
