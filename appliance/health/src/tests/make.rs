//! A healthy appliance, of which each test makes one thing sick.

use model::{Bytes, PointId, Span, WallTime};

use crate::facts::*;

pub(super) const HOUR: u64 = 3600;
pub(super) const DAY: u64 = 86_400;
pub(super) const GB: u64 = 1_000_000_000;

/// Everything is known and nothing is wrong.
pub(super) fn healthy() -> Facts {
    Facts {
        disks: Some(vec![disk("S1"), disk("S2")]),
        pool: Some(PoolFacts::Open(open_pool())),
        machine: machine(),
        ups: Reading::Known(vec![UpsFacts { name: "apc".into(), state: Some(ups_state()) }]),
        clock: Some(clock()),
        certificates: Some(vec![CertificateFacts {
            name: "portal".into(),
            validity: Validity::Left(Span(60 * DAY)),
        }]),
        jobs: Some(vec![job(JobState::Ended(Ended::Well)), job(running())]),
        systems: Some(vec![system()]),
        maintenance: Some(maintenance()),
        vaults: Reading::Known(vec![vault()]),
        alerting: Some(AlertingFacts {
            channels: vec![Channel { name: "mail".into(), state: ChannelState::Works }],
            warnings: vec![WarningClass { kind: "retry".into(), count: 3 }],
        }),
    }
}

fn disk(name: &str) -> DiskFacts {
    let smart = Smart { celsius: Some(38), wear_percent: Some(4), ..Smart::default() };
    DiskFacts {
        name: name.into(),
        place: Some("slot 1".into()),
        presence: Some(Presence::Whole),
        slow: Some(Slow { latency_ms: 40 }),
        smart: Reading::Known(smart),
    }
}

fn open_pool() -> OpenPool {
    let space = Space {
        total: Bytes(8000 * GB),
        free: Bytes(4000 * GB),
        reclaimable: Some(Bytes(10 * GB)),
        days_until_full: Some(400.0),
        refuses: false,
    };
    OpenPool {
        whole: Some(2),
        disks: 2,
        resync: Reading::Absent,
        integrity: Some(Integrity::default()),
        space: Some(space),
        kit_proved: Some(true),
    }
}

fn machine() -> MachineFacts {
    let memory = Memory { total: Bytes(16 * GB), available: Bytes(9 * GB), errors: Some(0) };
    let sensor = Sensor { name: "cpu".into(), celsius: Some(52), celsius_max: Some(90) };
    MachineFacts {
        memory: Some(memory),
        sensors: Reading::Known(vec![sensor]),
        fans: Reading::Known(vec![Fan { name: "fan1".into(), rpm: Some(1200), rpm_min: None }]),
        failed_services: Some(vec![]),
        restarts: Some(Restarts::default()),
    }
}

fn ups_state() -> UpsState {
    UpsState {
        charge_percent: Some(100),
        runtime: Some(Span(HOUR)),
        battery_age: Some(Span(200 * DAY)),
        test_failed: Some(false),
        ..UpsState::default()
    }
}

fn clock() -> ClockFacts {
    ClockFacts {
        wall: WallTime(1_800_000_000),
        built: WallTime(1_790_000_000),
        jump: None,
        unconfirmed: Reading::Known(Span(0)),
        uptimes: Some(Uptimes { wall: Span(30 * DAY), ran: Span(30 * DAY) }),
    }
}

pub(super) fn job(state: JobState) -> JobFacts {
    JobFacts { name: "ingest of mail".into(), client: Some("acme".into()), state }
}

pub(super) fn running() -> JobState {
    JobState::Running { ran: Span(HOUR), silent: Some(Span(2)), deadline: None }
}

fn system() -> SystemFacts {
    SystemFacts {
        name: "mail".into(),
        client: Some("acme".into()),
        rpo: Some(Span(4 * HOUR)),
        newest: Reading::Known(Span(HOUR)),
        planned: Some(Span(90 * DAY)),
        missed: Reading::Absent,
        seen: Reading::Known(Span(30)),
        suspects: vec![],
        frozen: false,
        unverified: Reading::Absent,
        amplification: Some(1.02),
    }
}

fn maintenance() -> Vec<MaintenanceFacts> {
    use MaintenanceKind::*;
    let task =
        |kind| MaintenanceFacts { kind, last: Span(6 * DAY), every: Span(7 * DAY), error: None };
    [Scrub, Reclaim, Verify, Expire, Catalog].map(task).into()
}

fn vault() -> VaultFacts {
    let lag = Lag {
        system: "mail".into(),
        client: Some("acme".into()),
        behind: Span(HOUR),
        backlog: Bytes(GB),
        eta: Some(Span(HOUR)),
    };
    VaultFacts {
        name: "north".into(),
        silent: Some(Span(0)),
        error: None,
        lags: Some(vec![lag]),
        line: Reading::Known(Line { measured: Bytes(9_000_000), usual: Bytes(10_000_000) }),
    }
}

/// The number of a recovery point.
pub(super) fn point(number: u8) -> PointId {
    PointId([number; 16])
}

macro_rules! parts {
    ($($name:ident: $of:ty = $facts:ident => $part:expr;)*) => {
        $(pub(super) fn $name($facts: &mut Facts) -> &mut $of { $part })*
    };
}

parts! {
    disk_of: DiskFacts = facts => &mut facts.disks.as_mut().unwrap()[0];
    pool_of: OpenPool = facts => match facts.pool.as_mut().unwrap() {
        PoolFacts::Open(pool) => pool,
        other => panic!("{other:?}"),
    };
    integrity_of: Integrity = facts => pool_of(facts).integrity.as_mut().unwrap();
    space_of: Space = facts => pool_of(facts).space.as_mut().unwrap();
    smart_of: Smart = facts => known(&mut disk_of(facts).smart);
    ups_of: UpsState = facts => known(&mut facts.ups)[0].state.as_mut().unwrap();
    clock_of: ClockFacts = facts => facts.clock.as_mut().unwrap();
    system_of: SystemFacts = facts => &mut facts.systems.as_mut().unwrap()[0];
    vault_of: VaultFacts = facts => &mut known(&mut facts.vaults)[0];
}

pub(super) fn known<T>(reading: &mut Reading<T>) -> &mut T {
    match reading {
        Reading::Known(value) => value,
        Reading::Unknown | Reading::Absent => panic!("not known"),
    }
}
