//! Alerts over time.

use std::collections::BTreeMap;

use model::{Span, WallTime};
use proptest::prelude::*;

use super::make::{DAY, HOUR};
use crate::{
    AcknowledgeError, AlertBook, AlertCode, BookLimits, Change, Facts, Finding, Moment, Subject,
    Thresholds, judge,
};

const MINUTE: u64 = 60;

fn at(running: u64) -> Moment {
    Moment { running: Span(running), wall: WallTime(1_800_000_000 + running) }
}

fn book() -> AlertBook {
    AlertBook::new(BookLimits::default(), at(0))
}

fn finding(code: AlertCode, name: &str) -> Finding {
    Finding::new(code, Subject::disk(name), &[])
}

/// `+code name`, `~`, `-` and `!` for raised, changed, cleared and reminded.
fn told(changes: &[Change]) -> Vec<String> {
    let shown = changes.iter().map(|change| {
        let finding = &change.alert().finding;
        let sign = match change {
            Change::Raised(_) => '+',
            Change::Changed(_) => '~',
            Change::Cleared(_) => '-',
            Change::Reminded(_) => '!',
        };
        format!("{sign}{} {}", finding.code, finding.subject.name)
    });
    shown.collect()
}

#[test]
fn an_alert_is_raised_once_and_clears_after_its_hold() {
    let mut book = book();
    let hot = [finding(AlertCode::DiskHot, "a")];
    assert_eq!(told(&book.update(&[hot.clone(), hot.clone()].concat(), at(0))), ["+disk-hot a"]);
    assert!(book.update(&hot, at(MINUTE)).is_empty());
    assert!(book.update(&[], at(2 * MINUTE)).is_empty());
    let going = book.get(AlertCode::DiskHot, &Subject::disk("a")).unwrap();
    assert!(going.is_going());
    assert_eq!((going.raised, going.seen), (at(0).wall, at(MINUTE).wall));
    assert!(book.update(&[], at(32 * MINUTE - 1)).is_empty());
    assert_eq!(told(&book.update(&[], at(32 * MINUTE))), ["-disk-hot a"]);
    assert!(book.alerts().is_empty());
}

#[test]
fn what_flutters_is_one_alert_with_a_count() {
    let mut book = book();
    let hot = [finding(AlertCode::DiskHot, "a")];
    book.update(&hot, at(0));
    for minute in 1..20 {
        let found: &[Finding] = if minute % 2 == 0 { &hot } else { &[] };
        assert!(book.update(found, at(minute * MINUTE)).is_empty(), "{minute}");
    }
    assert_eq!(book.alerts()[0].returns, 9);
}

#[test]
fn a_change_is_told_when_it_matters() {
    let mut book = book();
    let lost = |count| finding(AlertCode::PointsLost, "mail").counting(count);
    book.update(&[lost(2)], at(0));
    book.acknowledge(AlertCode::PointsLost, &Subject::disk("mail"), "ann", at(1)).unwrap();
    assert!(book.update(&[lost(2)], at(2)).is_empty());
    assert!(book.update(&[lost(1)], at(3)).is_empty());
    assert_eq!(told(&book.update(&[lost(3)], at(4))), ["~points-lost mail"]);
    assert_eq!(book.alerts()[0].acknowledged, None, "it got worse than ann knew");
    let milder = lost(3).with_severity(4);
    assert_eq!(told(&book.update(&[milder], at(5))), ["~points-lost mail"]);
    let figures = Finding { cause: "Other figures.".into(), ..lost(3).with_severity(4) };
    assert!(book.update(&[figures], at(6)).is_empty());
    assert_eq!(book.alerts()[0].finding.cause, "Other figures.");
}

#[test]
fn reminders_stop_with_an_acknowledgement_and_mild_ones_have_none() {
    let mut book = book();
    let found = [
        finding(AlertCode::DiskMissing, "a"),
        finding(AlertCode::DiskSlow, "b"),
        finding(AlertCode::DiskForeign, "c"),
    ];
    book.update(&found, at(0));
    assert_eq!(told(&book.update(&found, at(4 * HOUR))), ["!disk-missing a"]);
    let missing = Subject::disk("a");
    let alert = book.acknowledge(AlertCode::DiskMissing, &missing, "ann\n", at(5 * HOUR)).unwrap();
    assert_eq!(alert.acknowledged.as_ref().unwrap().by, "ann");
    assert_eq!(told(&book.update(&found, at(30 * HOUR))), ["!disk-slow b"]);
    let nobody = book.acknowledge(AlertCode::DiskMissing, &missing, " \n", at(31 * HOUR));
    assert_eq!(nobody.unwrap_err(), AcknowledgeError::NoName);
    let nothing = book.acknowledge(AlertCode::DiskHot, &missing, "ann", at(31 * HOUR));
    assert_eq!(nothing.unwrap_err(), AcknowledgeError::NotOpen);
}

#[test]
fn what_becomes_unknown_does_not_clear() {
    let mut book = book();
    book.update(&[finding(AlertCode::DiskMissing, "a")], at(0));
    let unknown = judge(&Facts::default(), &Thresholds::default());
    let changes = book.update(&unknown, at(DAY));
    assert!(!changes.iter().any(|change| matches!(change, Change::Cleared(_))), "{changes:?}");
    book.update(&unknown, at(2 * DAY));
    assert!(book.get(AlertCode::DiskMissing, &Subject::disk("a")).is_some());
    book.update(&[], at(3 * DAY));
    book.update(&[], at(3 * DAY + 10 * MINUTE));
    assert!(book.alerts().is_empty());
}

#[test]
fn a_full_book_keeps_the_worst_and_says_that_it_is_full() {
    let limits = BookLimits { open: 3, ..BookLimits::default() };
    let mut book = AlertBook::new(limits, at(0));
    let mild: Vec<Finding> =
        ["a", "b", "c"].map(|name| finding(AlertCode::DiskForeign, name)).into();
    book.update(&mild, at(0));
    let bad: Vec<Finding> = ["d", "e"].map(|name| finding(AlertCode::DiskMissing, name)).into();
    let all = [mild.clone(), bad.clone()].concat();
    let changes = told(&book.update(&all, at(1)));
    assert!(changes.contains(&"+disk-missing d".into()), "{changes:?}");
    assert!(changes.contains(&"+alerts-overflow ".into()), "{changes:?}");
    assert_eq!(changes.iter().filter(|change| change.starts_with('-')).count(), 2);
    assert_eq!(book.alerts().len(), 4);
    for second in 2..10 {
        assert!(book.update(&all, at(second)).is_empty(), "it does not flap");
    }
    book.update(&bad, at(20));
    book.update(&bad, at(20 + 11 * MINUTE));
    assert_eq!(told(&book.update(&bad, at(20 + 61 * MINUTE))), ["-alerts-overflow "]);
}

#[test]
fn too_many_alerts_of_one_code_are_an_alert() {
    let mut book = book();
    let failed = [finding(AlertCode::JobFailed, "a")];
    for round in 0..25 {
        book.update(&failed, at(round * 1000));
        book.update(&[], at(round * 1000 + 500));
    }
    let often = book.get(AlertCode::WarningsTooMany, &Subject::warning("job-failed")).unwrap();
    assert!(often.finding.cause.contains("job-failed"), "{}", often.finding.cause);
    book.update(&[], at(2 * DAY));
    assert!(book.alerts().is_empty());
}

#[test]
fn a_restart_neither_loses_nor_raises_again() {
    let mut book = book();
    let found = [finding(AlertCode::DiskMissing, "a"), finding(AlertCode::JobFailed, "b")];
    book.update(&found, at(100_000));
    let disk = Subject::disk("a");
    book.acknowledge(AlertCode::DiskMissing, &disk, "ann", at(100_001)).unwrap();
    let text = serde_json::to_string(&book.save()).unwrap();
    let saved = serde_json::from_str(&text).unwrap();
    // The machine was restarted: its running time begins anew.
    let mut book = AlertBook::load(saved, BookLimits::default(), at(3));
    assert!(book.update(&[], at(4)).is_empty(), "probes had no time yet");
    assert!(book.update(&found, at(10)).is_empty());
    assert_eq!(
        book.get(AlertCode::DiskMissing, &disk).unwrap().acknowledged.clone().unwrap().by,
        "ann"
    );
    assert_eq!(told(&book.update(&found[..1], at(400))), ["-job-failed b"]);
}

#[test]
fn a_saved_book_of_a_newer_version_or_too_long_a_one_is_taken_in_part() {
    let mut book = book();
    let names: Vec<String> = (0..9).map(|number| number.to_string()).collect();
    let found: Vec<Finding> =
        names.iter().map(|name| finding(AlertCode::DiskForeign, name)).collect();
    book.update(&found, at(0));
    book.update(&[found, vec![finding(AlertCode::DiskMissing, "x")]].concat(), at(1));
    let mut saved = book.save();
    saved.alerts.last_mut().unwrap().code = "invented-later".into();
    saved.raised.insert("invented-later".into(), vec![1; 24]);
    saved.raised.insert("disk-hot".into(), vec![1; 7]);
    let limits = BookLimits { open: 4, ..BookLimits::default() };
    let book = AlertBook::load(saved, limits, at(0));
    assert_eq!(book.alerts().len(), 4);
    assert_eq!(book.alerts()[0].finding.code, AlertCode::DiskMissing);
}

#[test]
fn no_clock_on_the_wall_clears_or_repeats_anything() {
    let mut book = book();
    let found = [finding(AlertCode::DiskMissing, "a")];
    book.update(&found, at(0));
    for wall in [0, u64::MAX, 5] {
        let moment = Moment { running: Span(60), wall: WallTime(wall) };
        assert!(book.update(&found, moment).is_empty());
        assert!(book.update(&[], moment).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a plain model: who listens to the changes knows exactly what is open, no alert is
    /// raised twice without clearing between, and the bound holds.
    #[test]
    fn changes_tell_what_is_open(
        rounds in prop::collection::vec(
            (0u64..4000, prop::collection::vec((0usize..63, 0u8..4), 0..12)),
            1..40,
        ),
    ) {
        let limits = BookLimits { open: 6, raised_a_day: 3, ..BookLimits::default() };
        let mut book = AlertBook::new(limits, at(0));
        let (mut now, mut open) = (0, BTreeMap::new());
        for (passed, found) in rounds {
            now += passed;
            let found: Vec<Finding> = found
                .iter()
                .map(|(code, name)| finding(AlertCode::ALL[*code], &name.to_string()))
                .collect();
            for change in book.update(&found, at(now)) {
                let alert = change.alert();
                let key = (alert.finding.code, alert.finding.subject.clone());
                match change {
                    Change::Raised(_) => prop_assert!(open.insert(key, ()).is_none()),
                    Change::Cleared(_) => prop_assert!(open.remove(&key).is_some()),
                    Change::Changed(_) | Change::Reminded(_) => {
                        prop_assert!(open.contains_key(&key));
                    }
                }
            }
            let listed: BTreeMap<_, ()> = book
                .alerts()
                .iter()
                .map(|alert| ((alert.finding.code, alert.finding.subject.clone()), ()))
                .collect();
            prop_assert_eq!(&listed, &open);
            prop_assert!(listed.len() <= limits.open + 1);
            let saved = book.save();
            let loaded = AlertBook::load(saved.clone(), limits, at(now));
            prop_assert_eq!(loaded.save(), saved);
        }
    }
}
