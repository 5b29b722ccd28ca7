//! The policy engine against simple models.

use format::event::SIGNAL_CHANGE;
use model::WallTime;
use proptest::prelude::*;

use super::make::{DAY, HOUR, Pool, id, number_of, point, policy};
use crate::{Listed, Period, Policy, Reason, Removal, RemovedBy, Verdict, judge};

fn listed(number: u32, created: u64, age: u64) -> Listed {
    let mut point = point(number, age);
    point.created = WallTime(created);
    Listed { point, removed: None, held: false, cleared: false }
}

fn goes(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Goes { .. })
}

#[test]
fn a_year_of_hourly_points_thins_out_as_the_policy_says() {
    let mut a = Pool::default();
    let policy =
        Policy { hourly: 24, daily: 7, weekly: 4, monthly: 12, delay: 0, ..Policy::default() };
    a.set_policy(None, &policy).unwrap();
    for hour in 0..365 * 24 {
        let age = u64::from(hour) * HOUR + 60;
        a.add(&point(hour, age));
        a.expire(age);
    }
    let kept = a.catalog.points();
    let ages: Vec<u64> =
        kept.iter().map(|point| (364 * DAY + 23 * HOUR + 60) - point.age).collect();
    let within = |days: u64| ages.iter().filter(|age| **age < days * DAY).count();
    // Weeks and days begin together on both calendars here, months do not.
    assert!((30..31).contains(&within(7)), "{ages:?}");
    assert!((33..36).contains(&within(28)), "{ages:?}");
    assert!((40..58).contains(&within(365)), "{ages:?}");
}

#[test]
fn a_clock_that_stands_still_leaves_a_full_calendar_of_running_time() {
    let mut a = Pool::default();
    a.set_policy(None, &Policy { delay: 0, ..policy(0, 7) }).unwrap();
    for hour in 0..30 * 24 {
        let mut point = point(hour, u64::from(hour) * HOUR);
        point.created = WallTime(0);
        a.add(&point);
        a.expire(point.age);
    }
    let days: Vec<u64> = a.catalog.points().iter().map(|point| point.age / DAY).collect();
    assert_eq!(days, [23, 24, 25, 26, 27, 28, 29]);
}

#[test]
fn a_box_that_runs_two_hours_a_day_keeps_the_days_on_the_wall() {
    let mut a = Pool::default();
    a.set_policy(None, &Policy { delay: 0, ..policy(0, 7) }).unwrap();
    for day in 0..60u32 {
        let mut point = point(day, u64::from(day) * 2 * HOUR);
        point.created = WallTime(u64::from(day) * DAY + 9 * HOUR);
        a.add(&point);
        a.expire(point.age);
    }
    let numbers = a.numbers();
    assert!(numbers.ends_with(&[53, 54, 55, 56, 57, 58, 59]), "{numbers:?}");
    assert!(numbers.len() <= 13, "{numbers:?}");
}

#[test]
fn reasons_say_what_keeps_a_point() {
    let points = [listed(1, 100 * DAY, 0), listed(2, 100 * DAY + 1, 1), listed(3, 101 * DAY, 2)];
    let verdicts = judge(&points, &policy(0, 2), 10);
    let day = |created| Reason::Wall(Period::Day, WallTime(created));
    let running = Reason::Running(Period::Day);
    assert_eq!(verdicts[0], Verdict::Goes { due: 10 + 7 * DAY });
    assert_eq!(verdicts[1], Verdict::Stays(vec![day(100 * DAY + 1)]));
    assert_eq!(verdicts[2], Verdict::Stays(vec![Reason::Newest, day(101 * DAY), running]));
    let Verdict::Stays(reasons) = &verdicts[2] else { panic!() };
    let said: Vec<String> = reasons.iter().map(Reason::to_string).collect();
    assert_eq!(said, ["newest of its system", "daily 1970-04-12", "daily by running time"]);
    let verdicts = judge(&points, &Policy { lock: DAY, ..Policy::default() }, 10);
    let Verdict::Stays(reasons) = &verdicts[0] else { panic!() };
    let said: Vec<String> = reasons.iter().map(Reason::to_string).collect();
    let locked = "locked for another 23 hours 59 minutes of running time";
    assert_eq!(said, ["the policy keeps everything", locked]);
}

/// Points in the order of the log, with whatever clock, whose ages go up.
fn any_points() -> impl Strategy<Value = Vec<Listed>> {
    let clock = prop_oneof![
        3 => 0..3 * HOUR,
        3 => 20 * HOUR..30 * HOUR,
        1 => Just(3652 * DAY),
    ];
    let one = (clock, any::<bool>(), 0..40 * HOUR, 0..20u8);
    prop::collection::vec(one, 1..60).prop_map(|steps| {
        let (mut created, mut age) = (5000 * DAY, 0);
        let points = steps.into_iter().enumerate().map(|(number, (clock, back, ran, marks))| {
            created = if back { created - clock.min(created) } else { created + clock };
            age += ran;
            let mut listed = listed(number as u32, created, age);
            listed.held = marks == 0;
            if marks == 1 {
                listed.removed = Some(Removal { by: RemovedBy::Hand, due: age + DAY });
            }
            listed
        });
        points.collect()
    })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let counts = (0..4u16, 0..6u16, 0..6u16, 0..4u16, 0..3u16, 0..3u16);
    (counts, 0..20 * HOUR, 0..9 * DAY).prop_map(|(counts, lock, delay)| {
        let (last, hourly, daily, weekly, monthly, yearly) = counts;
        Policy { last, hourly, daily, weekly, monthly, yearly, lock, delay }
    })
}

/// What one calendar alone keeps, by the definition: the points that are the last of their period,
/// if fewer than `count` other periods are newer.
fn keeps(points: &[Listed], number: usize, count: u16, of: impl Fn(&Listed) -> u64) -> bool {
    let own = of(&points[number]);
    let newer: Vec<u64> =
        points[number + 1..].iter().filter(|listed| listed.removed.is_none()).map(of).collect();
    let mut distinct = newer.clone();
    distinct.sort_unstable();
    distinct.dedup();
    !newer.contains(&own) && distinct.len() < usize::from(count)
}

proptest! {
    #[test]
    fn what_goes_is_what_no_rule_keeps(points in any_points(), policy in any_policy()) {
        let age = points.last().unwrap().point.age + HOUR;
        let verdicts = judge(&points, &policy, age);
        for (number, (listed, verdict)) in points.iter().zip(&verdicts).enumerate() {
            if let Some(removal) = listed.removed {
                let is_removal = matches!(verdict, Verdict::Removed { due, .. }
                    if *due == removal.due);
                prop_assert!(is_removal);
                continue;
            }
            let newer = points[number + 1..].iter().filter(|listed| listed.removed.is_none());
            let newer = newer.count();
            let kept = policy.keeps_everything()
                || listed.held
                || age < listed.point.age + policy.lock
                || newer < usize::from(policy.last).max(1)
                || policy.periods().iter().any(|(period, count)| {
                    keeps(&points, number, *count, |listed| period.of_wall(listed.point.created))
                        || keeps(&points, number, *count, |listed| period.of_age(listed.point.age))
                });
            prop_assert_eq!(goes(verdict), !kept, "point {}: {:?}", number, verdict);
        }
    }

    #[test]
    fn more_is_never_less(points in any_points(), policy in any_policy(), which in 0..7) {
        prop_assume!(!policy.keeps_everything());
        let mut more = policy;
        match which {
            0 => more.last += 1,
            1 => more.hourly += 1,
            2 => more.daily += 1,
            3 => more.weekly += 1,
            4 => more.monthly += 1,
            5 => more.yearly += 1,
            _ => more.lock += HOUR,
        }
        let age = points.last().unwrap().point.age + HOUR;
        let pairs = judge(&points, &policy, age).into_iter().zip(judge(&points, &more, age));
        for (number, (less, more)) in pairs.enumerate() {
            prop_assert!(goes(&less) || !goes(&more), "point {}", number);
        }
    }

    #[test]
    fn judging_what_was_left_takes_nothing_more(points in any_points(), policy in any_policy()) {
        let age = points.last().unwrap().point.age + HOUR;
        let left: Vec<Listed> = points
            .iter()
            .zip(judge(&points, &policy, age))
            .filter(|(_, verdict)| !goes(verdict))
            .map(|(listed, _)| *listed)
            .collect();
        prop_assert!(!judge(&left, &policy, age).iter().any(goes));
    }

    #[test]
    fn nothing_of_a_frozen_system_goes(
        mut points in any_points(),
        policy in any_policy(),
        at in any::<prop::sample::Index>(),
    ) {
        at.get_mut(&mut points[..]).point.signals = SIGNAL_CHANGE;
        let age = u64::MAX;
        let gone = |points: &[Listed]| {
            judge(points, &policy, age).iter().filter(|verdict| verdict.is_gone(age)).count()
        };
        prop_assert_eq!(gone(&points), 0);
        prop_assert!(!judge(&points, &policy, age).iter().any(goes));
        at.get_mut(&mut points[..]).cleared = true;
        let held = points.iter().filter(|listed| listed.held).count();
        prop_assert!(gone(&points) + held <= points.len());
    }
}

#[test]
fn ten_thousand_points_are_judged_in_passing() {
    let mut a = Pool::default();
    a.set_policy(None, &Policy { delay: 0, ..policy(10, 30) }).unwrap();
    for number in 0..10_000 {
        a.add(&point(number, u64::from(number) * HOUR));
    }
    let began = std::time::Instant::now();
    let gone = a.expire(10_000 * HOUR);
    // Without a bound on time, which a busy machine would break: what is quadratic takes minutes.
    assert_eq!(gone.len(), 10_000 - 30 - 9, "{:?}", began.elapsed());
    assert_eq!(a.numbers().last(), Some(&number_of(id(9999))));
}
