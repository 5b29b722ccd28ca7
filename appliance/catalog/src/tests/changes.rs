//! What people say of points, what is refused, and when removed points go.

use model::Span;
use store::Journal;

use super::make::{DAY, HOUR, Pool, TENANT, id, point, policy, system};
use crate::policy::row_of;
use crate::{
    Catalog, CatalogError, Change, DEFAULT_DELAY, Policy, Reason, Removal, RemovedBy, Verdict,
};

const REMOVE: Change = Change::Remove { newest: false };

/// Points 1 to `count` of system 7, one an hour.
fn hourly(count: u32) -> Pool {
    let mut a = Pool::default();
    for number in 1..=count {
        a.add(&point(number, u64::from(number) * HOUR));
    }
    a
}

#[test]
fn a_removed_point_is_there_until_its_delay_has_passed() {
    let mut a = hourly(3);
    let age = 4 * HOUR;
    assert_eq!(a.change(&[1], REMOVE, age), Ok(1));
    assert_eq!(a.change(&[1], REMOVE, age + 5), Ok(0), "it is removed already");
    let listed = a.catalog.listed()[0];
    let due = age + DEFAULT_DELAY;
    assert_eq!(listed.removed, Some(Removal { by: RemovedBy::Hand, due }));
    assert_eq!(a.catalog.point(id(1)), Some(listed.point));
    assert!(a.expire(due - 1).is_empty());
    assert_eq!(a.expire(due), [id(1)]);
    assert_eq!(a.numbers(), [2, 3]);
    assert_eq!(a.change(&[1], Change::Return, due), Err(CatalogError::Unknown { point: id(1) }));
}

#[test]
fn a_removal_can_be_taken_back_and_is_held_up_by_a_hold() {
    let mut a = hourly(3);
    let later = 100 * DAY;
    a.change(&[1, 2], REMOVE, 4 * HOUR).unwrap();
    assert_eq!(a.change(&[1, 3], Change::Return, 5 * HOUR), Ok(1));
    a.change(&[2], Change::Hold, 5 * HOUR).unwrap();
    assert!(a.expire(later).is_empty());
    let verdict = a.catalog.expiry(later)[1].verdict.clone();
    let due = 4 * HOUR + DEFAULT_DELAY;
    assert_eq!(verdict, Verdict::Removed { due, held_up: vec![Reason::Held] });
    a.change(&[2], Change::Release, later).unwrap();
    assert_eq!(a.expire(later), [id(2)]);
}

#[test]
fn held_locked_and_newest_points_cannot_be_removed() {
    let mut a = hourly(3);
    let locked = Policy { lock: 10 * HOUR, ..Policy::default() };
    a.set_policy(Some(7), &locked).unwrap();
    a.change(&[1], Change::Hold, 0).unwrap();
    let refused = |a: &mut Pool, number, age| a.change(&[number], REMOVE, age).unwrap_err();
    assert_eq!(refused(&mut a, 1, 50 * HOUR), CatalogError::Held { point: id(1) });
    let left = Span(HOUR);
    assert_eq!(refused(&mut a, 2, 11 * HOUR), CatalogError::Locked { point: id(2), left });
    assert_eq!(refused(&mut a, 3, 50 * HOUR), CatalogError::Newest { point: id(3) });
    // All or nothing, and who removes several is not let past the newest by that.
    assert!(a.change(&[2, 1], REMOVE, 50 * HOUR).is_err());
    a.change(&[1], Change::Release, 0).unwrap();
    assert!(a.change(&[3, 1, 2], REMOVE, 50 * HOUR).is_err());
    assert!(a.catalog.listed().iter().all(|listed| listed.removed.is_none()));
    assert_eq!(a.change(&[2], REMOVE, 12 * HOUR), Ok(1));
    assert_eq!(a.change(&[1, 3, 3], Change::Remove { newest: true }, 50 * HOUR), Ok(2));
}

#[test]
fn the_newest_is_the_newest_that_is_not_removed() {
    let mut a = hourly(2);
    a.change(&[2], Change::Remove { newest: true }, DAY).unwrap();
    assert_eq!(a.change(&[1], REMOVE, DAY), Err(CatalogError::Newest { point: id(1) }));
    a.set_policy(None, &policy(0, 1)).unwrap();
    assert_eq!(a.expire(300 * DAY), [id(2)]);
    assert_eq!(a.expire(900 * DAY), [], "the last one stays, by policy");
}

#[test]
fn a_lock_holds_up_what_was_removed_before_it_was_set() {
    let mut a = hourly(2);
    a.change(&[1], REMOVE, 2 * HOUR).unwrap();
    a.set_policy(None, &Policy { lock: 30 * DAY, ..Policy::default() }).unwrap();
    assert!(a.expire(HOUR + 30 * DAY - 1).is_empty());
    assert_eq!(a.expire(HOUR + 30 * DAY), [id(1)]);
}

#[test]
fn a_policy_that_is_dropped_leaves_its_lock() {
    let mut a = Pool::default();
    assert_eq!(a.catalog.drop_policy(TENANT, system(7)), None);
    a.set_policy(None, &Policy { lock: DAY, ..policy(0, 7) }).unwrap();
    a.set_policy(Some(7), &Policy { lock: 9 * DAY, ..policy(3, 0) }).unwrap();
    let drop = |a: &mut Pool| {
        let event = a.catalog.drop_policy(TENANT, system(7)).unwrap();
        a.commit(vec![event]);
    };
    drop(&mut a);
    // That of all systems holds, as it is now and as it will be, with the lock that was.
    let expected = |daily| Policy { lock: 9 * DAY, ..policy(0, daily) };
    assert_eq!(a.catalog.policy(TENANT, system(7)), expected(7));
    a.set_policy(None, &Policy { lock: DAY, ..policy(0, 2) }).unwrap();
    assert_eq!(a.catalog.policy(TENANT, system(7)), expected(2));
    assert_eq!(a.catalog.policies().len(), 2, "the lock is still shown");
    assert_eq!(a.catalog.drop_policy(TENANT, system(7)), None);
    // Neither a checkpoint nor a policy that is set anew lets it fall.
    let again = Catalog::default();
    again.restore(&a.catalog.snapshot()).unwrap();
    assert_eq!(again.policy(TENANT, system(7)), expected(2));
    let shortened = Err(CatalogError::LockShortened { lock: Span(9 * DAY) });
    assert_eq!(a.set_policy(Some(7), &policy(1, 0)), shortened);
    a.set_policy(Some(7), &Policy { lock: 9 * DAY, ..policy(1, 0) }).unwrap();
    assert_eq!(a.catalog.policy(TENANT, system(7)).last, 1);
    // A lock that says no more than that of all is not worth a line.
    a.set_policy(None, &Policy { lock: 9 * DAY, ..policy(0, 2) }).unwrap();
    drop(&mut a);
    assert_eq!(a.catalog.policies().len(), 1);
    assert_eq!(a.catalog.policy(TENANT, system(7)), expected(2));
}

#[test]
fn a_lock_is_never_made_shorter() {
    let mut a = Pool::default();
    let lock = |lock| Policy { lock, ..Policy::default() };
    a.set_policy(None, &lock(3 * DAY)).unwrap();
    let shortened = Err(CatalogError::LockShortened { lock: Span(3 * DAY) });
    assert_eq!(a.set_policy(None, &lock(3 * DAY - 1)), shortened);
    // Not by a policy of its own either, and not by what a log says.
    assert_eq!(a.set_policy(Some(7), &lock(0)), shortened);
    let row = format::event::Event::Policy(row_of(&lock(0), TENANT, system(7)));
    a.commit(vec![row.encode()]);
    assert_eq!(a.catalog.policy(TENANT, system(7)).lock, 3 * DAY);
    a.set_policy(Some(7), &lock(9 * DAY)).unwrap();
    a.commit(vec![row.encode()]);
    assert_eq!(a.catalog.policy(TENANT, system(7)).lock, 9 * DAY);
    assert_eq!(a.catalog.policy(TENANT, system(8)).lock, 3 * DAY);
}

#[test]
fn a_policy_of_its_own_replaces_that_of_all_systems() {
    let mut a = Pool::default();
    assert!(a.catalog.policy(TENANT, system(7)).keeps_everything());
    a.set_policy(None, &policy(5, 0)).unwrap();
    a.set_policy(Some(7), &policy(0, 7)).unwrap();
    assert_eq!(a.catalog.policy(TENANT, system(7)), policy(0, 7));
    assert_eq!(a.catalog.policy(TENANT, system(8)), policy(5, 0));
    assert_eq!(
        a.catalog.policies(),
        [(TENANT, None, policy(5, 0)), (TENANT, Some(system(7)), policy(0, 7))]
    );
}

#[test]
fn something_unusual_freezes_its_system_until_somebody_has_looked() {
    let mut a = hourly(4);
    let mut other = point(100, 5 * HOUR);
    other.system = system(8);
    a.add(&other);
    let mut suspect = point(5, 5 * HOUR);
    suspect.signals = format::event::SIGNAL_DENSE;
    a.set_policy(None, &Policy { delay: 0, ..policy(2, 0) }).unwrap();
    a.change(&[1], REMOVE, 6 * HOUR).unwrap();
    a.add(&suspect);
    assert!(a.expire(100 * DAY).is_empty(), "neither by policy nor by hand");
    let frozen = Reason::Frozen { by: id(5) };
    let judged = a.catalog.expiry(100 * DAY);
    assert_eq!(judged[1].verdict, Verdict::Stays(vec![frozen]));
    assert_eq!(frozen.to_string(), "frozen until somebody clears 00000005");
    // A newer point without signals does not lift it.
    a.add(&point(6, 6 * HOUR));
    assert!(a.expire(100 * DAY).is_empty());
    a.change(&[5], Change::Clear, 100 * DAY).unwrap();
    assert_eq!(a.expire(100 * DAY), [id(1), id(2), id(3), id(4)]);
    assert_eq!(a.numbers(), [100, 5, 6]);
}
