//! Each code is found in an appliance that is sick of it alone, and in no healthy one.

use model::{Bytes, Span, WallTime};

use super::make::*;
use crate::facts::*;
use crate::{AlertCode, Finding, Side, State, Thresholds, Verdict, judge};

type Sicken = fn(&mut Facts);

const DISKS: &[(AlertCode, Sicken)] = &[
    (AlertCode::DiskMissing, |f| disk_of(f).presence = Some(Presence::Missing)),
    (AlertCode::DiskFailed, |f| {
        disk_of(f).presence = Some(Presence::Failed { error: "I/O error".into() });
    }),
    (AlertCode::DiskReturned, |f| disk_of(f).presence = Some(Presence::Stale { away: None })),
    (AlertCode::DiskForeign, |f| disk_of(f).presence = Some(Presence::Foreign)),
    (AlertCode::DiskSlow, |f| disk_of(f).slow = Some(Slow { latency_ms: 2001 })),
    (AlertCode::DiskFailing, |f| smart_of(f).failing = true),
    (AlertCode::DiskSectors, |f| smart_of(f).pending = 1),
    (AlertCode::DiskWorn, |f| smart_of(f).wear_percent = Some(90)),
    (AlertCode::DiskHot, |f| smart_of(f).celsius = Some(56)),
];

const POOL: &[(AlertCode, Sicken)] = &[
    (AlertCode::PoolDegraded, |f| pool_of(f).whole = Some(1)),
    (AlertCode::PoolResyncing, |f| {
        let progress = Progress { done: Bytes(GB), all: Bytes(4 * GB) };
        pool_of(f).resync = Reading::Known(progress);
    }),
    (AlertCode::RecordsHealed, |f| {
        integrity_of(f).healed = vec![Healed { disk: "S1".into(), records: 2 }];
    }),
    (AlertCode::StoreDamaged, |f| integrity_of(f).damaged = 1),
    (AlertCode::LogDamaged, |f| integrity_of(f).log_error = Some("record 7 is gone".into())),
    (AlertCode::IndexRebuilt, |f| integrity_of(f).index_rebuilt = Some(Span(HOUR))),
    (AlertCode::PointsLost, |f| {
        let points = (0..9).map(point).collect();
        integrity_of(f).lost = vec![LostPoints { system: "mail".into(), client: None, points }];
    }),
    (AlertCode::KitUnproved, |f| pool_of(f).kit_proved = Some(false)),
    (AlertCode::PoolFilling, |f| space_of(f).days_until_full = Some(29.0)),
    (AlertCode::SpaceLow, |f| space_of(f).free = Bytes(799 * GB)),
    (AlertCode::PoolFull, |f| space_of(f).refuses = true),
    (AlertCode::PointsScattered, |f| system_of(f).amplification = Some(1.26)),
];

const MACHINE: &[(AlertCode, Sicken)] = &[
    (AlertCode::MemoryLow, |f| {
        f.machine.memory.as_mut().unwrap().available = Bytes(GB / 2);
    }),
    (AlertCode::MemoryErrors, |f| f.machine.memory.as_mut().unwrap().errors = Some(1)),
    (AlertCode::BoxHot, |f| known(&mut f.machine.sensors)[0].celsius = Some(91)),
    (AlertCode::FanFailed, |f| known(&mut f.machine.fans)[0].rpm = Some(0)),
    (AlertCode::ServiceFailed, |f| {
        f.machine.failed_services = Some(vec!["holdfast-manage".into()]);
    }),
    (AlertCode::EngineRestarted, |f| {
        f.machine.restarts = Some(Restarts { count: 2, last: Some(Span(HOUR)) });
    }),
    (AlertCode::StateUnknown, |f| f.machine.memory = None),
    (AlertCode::UpsOnBattery, |f| ups_of(f).on_battery = true),
    (AlertCode::UpsBatteryLow, |f| {
        *ups_of(f) = UpsState { on_battery: true, low: true, ..*ups_of(f) };
    }),
    (AlertCode::UpsBatteryOld, |f| ups_of(f).battery_age = Some(Span(5 * 365 * DAY))),
    (AlertCode::UpsTestFailed, |f| ups_of(f).test_failed = Some(true)),
    (AlertCode::UpsUnreachable, |f| known(&mut f.ups)[0].state = None),
    (AlertCode::ClockJumped, |f| {
        let jump = Jump { by: Span(10 * 365 * DAY), forward: true, ago: Span(HOUR) };
        clock_of(f).jump = Some(jump);
    }),
    (AlertCode::ClockUnsynchronised, |f| {
        clock_of(f).unconfirmed = Reading::Known(Span(2 * DAY));
    }),
    (AlertCode::ClockImplausible, |f| clock_of(f).wall = WallTime(0)),
    (AlertCode::RunningBehind, |f| {
        clock_of(f).uptimes = Some(Uptimes { wall: Span(30 * DAY), ran: Span(22 * DAY) });
    }),
    (AlertCode::CertificateExpiring, |f| {
        f.certificates.as_mut().unwrap()[0].validity = Validity::Left(Span(30 * DAY));
    }),
    (AlertCode::CertificateExpired, |f| {
        f.certificates.as_mut().unwrap()[0].validity = Validity::Expired(Span(1));
    }),
];

const JOBS: &[(AlertCode, Sicken)] = &[
    (AlertCode::JobFailed, |f| f.jobs = failed(None)),
    (AlertCode::JobRetrying, |f| f.jobs = failed(Some(Span(600)))),
    (AlertCode::JobWarned, |f| {
        let (error, next) = ("a file was busy".into(), "Look at it".into());
        let ended = Ended::Warned { warnings: 3, error, next, side: Side::Source };
        f.jobs = Some(vec![job(JobState::Ended(ended))]);
    }),
    (AlertCode::JobStalled, |f| {
        let silent = Some(Span(900));
        f.jobs = Some(vec![job(JobState::Running { ran: Span(HOUR), silent, deadline: None })]);
    }),
    (AlertCode::JobOverdue, |f| {
        let ran = Span(DAY + 1);
        f.jobs = Some(vec![job(JobState::Running { ran, silent: None, deadline: None })]);
    }),
    (AlertCode::JobInterrupted, |f| {
        f.jobs = Some(vec![job(JobState::Ended(Ended::Interrupted))]);
    }),
    (AlertCode::MaintenanceOverdue, |f| {
        f.maintenance.as_mut().unwrap()[0].last = Span(7 * DAY * 3 / 2 + 1);
    }),
    (AlertCode::MaintenanceFailed, |f| {
        f.maintenance.as_mut().unwrap()[1].error = Some("the pool is locked".into());
    }),
];

const SYSTEMS: &[(AlertCode, Sicken)] = &[
    (AlertCode::ScheduleMissed, |f| {
        system_of(f).missed = Reading::Known(Due { ago: Span(901), runs: 1 });
    }),
    (AlertCode::SystemUnseen, |f| system_of(f).seen = Reading::Known(Span(DAY + 1))),
    (AlertCode::RpoBreached, |f| system_of(f).newest = Reading::Known(Span(4 * HOUR + 1))),
    (AlertCode::NeverProtected, |f| system_of(f).newest = Reading::Absent),
    (AlertCode::PointSuspect, |f| {
        let signals = "far more changed than usual".into();
        system_of(f).suspects = vec![Suspect { point: point(7), signals }];
    }),
    (AlertCode::ExpiryFrozen, |f| system_of(f).frozen = true),
    (AlertCode::PointsUnverified, |f| {
        let (oldest, within) = (Span(8 * DAY), Span(7 * DAY));
        system_of(f).unverified = Reading::Known(Unverified { points: 4, oldest, within });
    }),
    (AlertCode::OffsiteLagging, |f| {
        let lag = &mut vault_of(f).lags.as_mut().unwrap()[0];
        (lag.behind, lag.eta) = (Span(DAY + 1), None);
    }),
    (AlertCode::VaultUnreachable, |f| vault_of(f).silent = Some(Span(HOUR + 1))),
    (AlertCode::VaultRefused, |f| vault_of(f).error = Some("it gave an old head".into())),
    (AlertCode::LineSlow, |f| known(&mut vault_of(f).line).measured = Bytes(4_999_999)),
    (AlertCode::ChannelDead, |f| {
        let state = ChannelState::Fails { since: Span(HOUR + 1), error: "refused".into() };
        f.alerting.as_mut().unwrap().channels[0].state = state;
    }),
    (AlertCode::WarningsTooMany, |f| f.alerting.as_mut().unwrap().warnings[0].count = 21),
];

fn failed(retry: Option<Span>) -> Option<Vec<JobFacts>> {
    let (error, next) = ("no route to host".into(), "See whether the host is on".into());
    let side = Side::Network;
    let ended = Ended::Failed { error, next, side, failures: 2, retry };
    Some(vec![job(JobState::Ended(ended))])
}

fn found(sicken: Sicken) -> Vec<Finding> {
    let mut facts = healthy();
    sicken(&mut facts);
    judge(&facts, &Thresholds::default())
}

#[test]
fn a_healthy_appliance_has_no_finding() {
    let found = judge(&healthy(), &Thresholds::default());
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(Verdict::of(&found).state, State::Healthy);
}

#[test]
fn each_sickness_gives_its_own_finding_and_no_other() {
    let all = [DISKS, POOL, MACHINE, JOBS, SYSTEMS].concat();
    for (code, sicken) in &all {
        let found = found(*sicken);
        let codes: Vec<AlertCode> = found.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [*code]);
        for text in [&found[0].cause, &found[0].next] {
            assert!(text.ends_with('.') && !text.contains(['{', '}', '\n']), "{text}");
        }
        assert_eq!(Verdict::of(&found).worst.unwrap().code, *code);
    }
    // A shut pool has a test of its own; too many alerts are found by the book.
    let elsewhere = [AlertCode::PoolLocked, AlertCode::PoolNotOpenable, AlertCode::AlertsOverflow];
    let missing: Vec<&AlertCode> = AlertCode::ALL
        .iter()
        .filter(|code| !elsewhere.contains(code) && !all.iter().any(|(one, _)| one == *code))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_shut_pool_is_one_finding() {
    let locked = found(|f| f.pool = Some(PoolFacts::Locked));
    assert_eq!((locked.len(), locked[0].code), (1, AlertCode::PoolLocked));
    let broken = found(|f| f.pool = Some(PoolFacts::NotOpenable { error: "no disk".into() }));
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].cause, "The pool cannot be opened: no disk.");
    assert_eq!(Verdict::of(&broken).state, State::Critical);
}

#[test]
fn one_cause_is_one_finding() {
    let found = found(|f| {
        disk_of(f).presence = Some(Presence::Missing);
        pool_of(f).whole = Some(1);
        integrity_of(f).damaged = 3;
        integrity_of(f).lost =
            vec![LostPoints { system: "mail".into(), client: None, points: vec![point(1)] }];
        system_of(f).seen = Reading::Known(Span(2 * DAY));
        system_of(f).newest = Reading::Known(Span(2 * DAY));
        system_of(f).missed = Reading::Known(Due { ago: Span(DAY), runs: 9 });
    });
    let codes: Vec<AlertCode> = found.iter().map(|finding| finding.code).collect();
    let expected = [AlertCode::PointsLost, AlertCode::SystemUnseen, AlertCode::DiskMissing];
    assert_eq!(codes, expected);
}

#[test]
fn sides_clients_and_figures_come_from_the_facts() {
    let failed = &found(|f| f.jobs = failed(None))[0];
    assert_eq!((failed.side, failed.client.as_deref()), (Side::Network, Some("acme")));
    assert_eq!(failed.cause, "ingest of mail failed: no route to host.");
    assert_eq!(failed.next, "See whether the host is on.");
    let lost = &found(POOL[6].1)[0];
    assert_eq!(lost.count, 9);
    assert!(lost.cause.contains("and 4 more)"), "{}", lost.cause);
    let low = &found(|f| space_of(f).free = Bytes(400 * GB))[0];
    assert_eq!(
        low.cause,
        "The pool is 95 % full with 400.0 GB left, full in 400 days as it grows; 10.0 GB can be \
         reclaimed."
    );
}

#[test]
fn hostile_facts_stay_on_one_bounded_line() {
    let found = found(|f| {
        disk_of(f).presence = Some(Presence::Failed { error: "x\n{disk}\u{1b}[2J".repeat(999) });
        space_of(f).total = Bytes(0);
        space_of(f).days_until_full = Some(f64::NAN);
    });
    for finding in found {
        assert!(finding.cause.chars().count() < 500, "{}", finding.cause);
        assert!(!finding.cause.contains(['\n', '\u{1b}']), "{}", finding.cause);
    }
}
