//! What a row of events comes to, and that a checkpoint anywhere in it changes nothing.

use format::event::{
    EVENT_CLEARED, EVENT_GONE, EVENT_REMOVED, EVENT_SCRUB, Event, MarkRow, PointRow, PolicyRow,
    ScrubRow, decode_event,
};
use model::{PointId, Sequence, SystemId, TenantId, WallTime};
use proptest::prelude::*;
use store::Journal;

use super::make::{HOUR, Pool, TENANT, id, point, policy, system};
use crate::change::mark_row;
use crate::{Catalog, Change, Uptime};

#[test]
fn the_newest_point_is_the_last_made_whatever_the_clock_said() {
    let mut a = Pool::default();
    for (number, of) in [(1, 7), (2, 7), (3, 8)] {
        let mut point = point(number, 0);
        (point.system, point.created) = (system(of), WallTime(1_800_000_000 - u64::from(number)));
        a.add(&point);
    }
    let newest = a.catalog.newest(TENANT, system(7)).unwrap();
    assert_eq!((newest.id, newest.sequence), (id(2), Sequence(2)));
    assert_eq!(a.catalog.newest(TenantId([2; 16]), system(7)), None);

    let again = Catalog::default();
    again.restore(&a.catalog.snapshot()).unwrap();
    assert_eq!(again.points(), a.catalog.points());
}

#[test]
fn an_event_that_must_be_known_and_is_not_stops_the_opening() {
    let catalog = Catalog::default();
    assert!(catalog.apply(Sequence(1), &[99; 160]).is_err());
    assert!(catalog.apply(Sequence(1), &[]).is_err());
    assert!(catalog.points().is_empty());
}

#[test]
fn an_event_that_may_be_skipped_is_in_every_checkpoint_from_then_on() {
    let catalog = Catalog::default();
    let first = Catalog::event(&point(1, 0));
    catalog.apply(Sequence(1), &first).unwrap();
    catalog.apply(Sequence(5), &[200, 1, 2, 3]).unwrap();
    catalog.apply(Sequence(6), &[128; 70]).unwrap();
    let snapshot = catalog.snapshot();
    let mut expected = vec![200, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 200, 1, 2, 3];
    expected.extend([128, 0, 0, 0, 70, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([128; 70]);
    assert_eq!(snapshot[first.len()..], expected);

    let again = Catalog::default();
    again.restore(&snapshot).unwrap();
    assert_eq!(again.snapshot(), snapshot);
    again.apply(Sequence(7), &Catalog::event(&point(7, 0))).unwrap();
    assert_eq!(again.points().len(), 2);
    assert!(again.snapshot().ends_with(&expected));
}

#[test]
fn a_point_that_is_gone_leaves_nothing_behind() {
    let mut a = Pool::default();
    a.add(&point(1, 0));
    let before = a.catalog.snapshot();
    a.add(&point(2, 0));
    for change in [Change::Hold, Change::Release, Change::Hold] {
        a.change(&[2], change, 5).unwrap();
    }
    a.commit(vec![Event::Mark(mark_row(EVENT_GONE, 0, id(2), 6)).encode()]);
    assert_eq!(a.catalog.snapshot(), before);
    // What is said of it later is said of nothing.
    a.commit(vec![Event::Mark(mark_row(EVENT_REMOVED, 1, id(2), 7)).encode()]);
    assert_eq!(a.catalog.snapshot(), before);
}

#[test]
fn scrubs_and_policies_are_as_many_as_matter() {
    let mut a = Pool::default();
    for number in 1..=100 {
        a.commit(vec![Event::Scrub(scrub(number, 0)).encode()]);
        a.commit(vec![Event::Scrub(scrub(number, 1)).encode()]);
        a.set_policy(Some(7), &policy(number as u16, 0)).unwrap();
    }
    let scrubs = a.catalog.scrubs();
    assert_eq!((scrubs.len(), scrubs[0].number, scrubs[31].number), (32, 69, 100));
    assert!(scrubs.iter().all(|scrub| scrub.healed == 1));
    assert_eq!(a.catalog.policies(), [(TENANT, Some(system(7)), policy(100, 0))]);
    assert_eq!(a.catalog.snapshot().len(), 32 * 88 + 80);
}

fn scrub(number: u64, healed: u64) -> ScrubRow {
    let mut event = [0; 88];
    event[0] = EVENT_SCRUB;
    let Ok(Some(Event::Scrub(row))) = decode_event(&event) else { panic!() };
    ScrubRow { number, healed, ..row }
}

fn any_event() -> impl Strategy<Value = Vec<u8>> {
    let age = 0..10 * HOUR;
    let points = (0..6u32, 1..3u8, age.clone(), 0..3u8).prop_map(|(number, of, age, signals)| {
        let mut point = point(number, age);
        (point.system, point.signals) = (system(of), signals);
        Catalog::event(&point)
    });
    let marks =
        (EVENT_REMOVED..=EVENT_CLEARED, 0..6u32, age.clone()).prop_map(|(kind, number, age)| {
            let row = mark_row(kind, 1, id(number), age);
            Event::Mark(MarkRow { due: age * u64::from(kind == EVENT_REMOVED), ..row }).encode()
        });
    let clocks = (0..3u8, age.clone(), age.clone()).prop_map(|(boot, seconds, wall)| {
        let uptime = Uptime { boot: [boot; 16], seconds, proven: None };
        Catalog::default().clock_event(uptime, WallTime(wall))
    });
    let policies = (0..3u8, 0..9u16, 0..HOUR).prop_map(|(of, last, lock)| {
        let row = crate::policy::row_of(&policy(last, 0), TENANT, SystemId([of; 16]));
        Event::Policy(PolicyRow { lock, ..row }).encode()
    });
    let scrubs = (1..50u64, 0..9u64)
        .prop_map(|(number, healed)| Event::Scrub(scrub(number, healed)).encode());
    let unknown = (128..=255u8, 1..9usize).prop_map(|(kind, bytes)| vec![kind; bytes]);
    prop_oneof![3 => points, 6 => marks, 2 => clocks, 2 => policies, 2 => scrubs, 1 => unknown]
}

proptest! {
    #[test]
    fn a_catalog_from_a_checkpoint_anywhere_is_the_one_that_heard_everything(
        events in prop::collection::vec(any_event(), 0..120),
        at in any::<prop::sample::Index>(),
    ) {
        let whole = Catalog::default();
        let mut later = Catalog::default();
        let checkpoint = at.index(events.len() + 1);
        for (number, event) in events.iter().enumerate() {
            if number == checkpoint {
                later = Catalog::default();
                later.restore(&whole.snapshot()).unwrap();
            }
            whole.apply(Sequence(number as u64), event).unwrap();
            later.apply(Sequence(number as u64), event).unwrap();
        }
        prop_assert_eq!(whole.snapshot(), later.snapshot());
        prop_assert_eq!(whole.listed(), later.listed());
        for boot in 0..3 {
            let uptime = Uptime { boot: [boot; 16], seconds: 5 * HOUR, proven: None };
            prop_assert_eq!(whole.age(uptime), later.age(uptime));
        }
        let points = whole.points();
        for listed in whole.listed() {
            prop_assert_eq!(whole.point(listed.point.id), Some(listed.point));
            prop_assert!(points.iter().filter(|point| point.id == listed.point.id).count() == 1);
        }
    }

    #[test]
    fn what_a_disk_gives_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        kinds in prop::collection::vec(0..12u8, 1..4),
    ) {
        let sizes = [0, 160, 56, 56, 56, 56, 56, 56, 56, 80, 88, 0];
        let catalog = Catalog::default();
        for (kind, start) in kinds.iter().zip(0..) {
            let mut event = bytes.get(start..).unwrap_or_default().to_vec();
            event.resize(sizes[usize::from(*kind)], 0xff);
            if let Some(first) = event.first_mut() {
                *first = *kind;
            }
            let _ = catalog.apply(Sequence(u64::MAX), &event);
        }
        let age = catalog.age(Uptime { boot: [0; 16], seconds: u64::MAX, proven: None });
        catalog.expiry(age);
        let ids: Vec<PointId> = catalog.points().iter().map(|point| point.id).collect();
        for newest in [false, true] {
            let _ = catalog.change(&ids, Change::Remove { newest }, age);
        }
        prop_assert!(Catalog::default().restore(&catalog.snapshot()).is_ok());
        let _ = Catalog::default().restore(&bytes);
    }
}

#[test]
fn points_keep_what_this_version_has_no_name_for() {
    let catalog = Catalog::default();
    let Event::Point(row) = point(1, 0).event() else { panic!() };
    let row = PointRow { content: 3, signals: 0x80, ..row };
    catalog.apply(Sequence(4), &Event::Point(row).encode()).unwrap();
    let expected = Event::Point(PointRow { sequence: Sequence(4), ..row }).encode();
    assert_eq!(catalog.snapshot(), expected);
}
