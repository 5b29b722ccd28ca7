//! R10: whatever the clock on the wall does, nothing goes that running time would not let go, nor
//! that which is proven to have passed.

use std::collections::{BTreeMap, BTreeSet};

use model::{PointId, WallTime};
use proptest::prelude::*;

use super::make::{DAY, HOUR, MONDAY, Pool, TENANT, id, point, system};
use crate::{Change, MAX_OFF, MAX_UNSEEN, Policy, Uptime};

const TEN_YEARS: i64 = 3652 * 86_400;

/// Something that happens to a box.
#[derive(Debug, Clone)]
enum Step {
    /// It runs on.
    Run(u64),
    /// It is switched off for so long, and started again.
    Off(u64),
    /// A point of one of two systems.
    Ingest(u8),
    Expire,
    /// A person removes, with the newest if need be, the point that is so many before the last.
    Remove(u32),
    Return(u32),
    Hold(u32),
    /// The lock of all systems grows.
    Lock(u64),
}

/// Who tells the time and proves who he is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Servers {
    #[default]
    None,
    Right,
    /// Somebody has their keys.
    Lying,
}

/// A box with a clock on the wall that may be wrong.
#[derive(Debug, Default)]
struct World {
    a: Pool,
    /// Seconds since it was first switched on, on and off.
    time: u64,
    boot: u8,
    uptime: u64,
    /// How wrong the clock on the wall is.
    wrong: i64,
    servers: Servers,
    /// How wrong their time is; `None` while they cannot be reached.
    told: Option<i64>,
    /// They are reached between the making of a change and its commit.
    late: bool,
    points: u32,
    gone: BTreeSet<PointId>,
    /// When each point that a person or the policy removed was first seen so.
    removed: BTreeMap<PointId, u64>,
    /// Seconds that the box was on.
    ran: u64,
    /// Seconds by which the pool may have aged.
    passed: u64,
    made: BTreeMap<PointId, u64>,
}

impl World {
    fn new(policy: &Policy) -> Self {
        Self::with(policy, Servers::None)
    }

    fn with(policy: &Policy, servers: Servers) -> Self {
        let told = (servers != Servers::None).then_some(0);
        let mut world = Self { boot: 1, servers, told, ..Self::default() };
        world.a.set_policy(None, policy).unwrap();
        world.commit_clock();
        world
    }

    fn now(&self) -> (Uptime, WallTime) {
        let right = (MONDAY + self.time) as i64;
        let shifted = |by: i64| WallTime(right.saturating_add(by).max(0) as u64);
        let proven = self.told.map(shifted);
        let uptime = Uptime { boot: [self.boot; 16], seconds: self.uptime, proven };
        (uptime, shifted(self.wrong))
    }

    fn age(&self) -> u64 {
        self.a.catalog.age(self.now().0)
    }

    fn commit_clock(&mut self) {
        let (uptime, wall) = self.now();
        let before = self.age();
        let event = self.a.catalog.clock_event(uptime, wall);
        self.a.commit(vec![event]);
        assert!(self.age() >= before, "the age went back");
    }

    fn run(&mut self, seconds: u64) {
        self.time += seconds;
        self.uptime += seconds;
        self.ran += seconds;
        self.passed += seconds;
    }

    fn step(&mut self, step: &Step) {
        let age = match step {
            Step::Run(_) | Step::Off(_) => self.age(),
            _ => self.a.catalog.settle_age(self.now().0),
        };
        match step {
            Step::Run(seconds) => return self.run(*seconds),
            Step::Off(seconds) => {
                self.time += seconds;
                self.passed += match self.servers {
                    Servers::None => 0,
                    Servers::Right => *seconds,
                    Servers::Lying => MAX_OFF,
                };
                (self.boot, self.uptime) = (self.boot + 1, 0);
                return self.run(60);
            }
            Step::Ingest(of) => {
                let mut point = point(self.points, age);
                (point.system, point.created) = (system(*of), self.now().1);
                self.made.insert(point.id, self.passed);
                self.a.add(&point);
                self.points += 1;
            }
            Step::Expire => self.expire(age),
            Step::Remove(back) => self.change(*back, Change::Remove { newest: true }, age),
            Step::Return(back) => self.change(*back, Change::Return, age),
            Step::Hold(back) => self.change(*back, Change::Hold, age),
            Step::Lock(more) => {
                let mut policy = self.a.catalog.policy(TENANT, system(0));
                policy.lock += more;
                self.a.set_policy(None, &policy).unwrap();
            }
        }
        self.note_removed();
        if self.late {
            self.told = Some(0);
        }
        self.commit_clock();
    }

    fn change(&mut self, back: u32, change: Change, age: u64) {
        // A point that is gone or locked is no concern here.
        let _ = self.a.change(&[self.points.saturating_sub(back + 1)], change, age);
    }

    fn expire(&mut self, age: u64) {
        let (wall, before) = (self.now().1, self.a.catalog.listed());
        let order: Vec<PointId> = before.iter().map(|listed| listed.point.id).collect();
        assert!(order.is_sorted(), "points are in the order in which they were made");
        let gone = self.a.expire(age);
        self.note_removed();
        for id in gone {
            let listed = before.iter().find(|listed| listed.point.id == id).unwrap();
            let policy = self.a.catalog.policy(TENANT, listed.point.system);
            let lived = self.passed - self.made[&id];
            assert!(lived >= policy.lock, "{id:?} went in its lock, at {wall}");
            let removed = self.removed.get(&id).copied().unwrap_or(self.passed);
            assert!(self.passed - removed >= policy.delay, "{id:?} went before its delay");
            assert!(!listed.held, "{id:?} went though held");
            self.gone.insert(id);
        }
    }

    fn note_removed(&mut self) {
        for listed in self.a.catalog.listed() {
            match listed.removed {
                Some(_) => {
                    self.removed.entry(listed.point.id).or_insert(self.passed);
                }
                None => {
                    self.removed.remove(&listed.point.id);
                }
            }
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..30 * HOUR).prop_map(Step::Run),
        1 => (1..30 * DAY).prop_map(Step::Off),
        8 => (0..2u8).prop_map(Step::Ingest),
        6 => Just(Step::Expire),
        1 => (0..9u32).prop_map(Step::Remove),
        1 => (0..9u32).prop_map(Step::Return),
        1 => (0..9u32).prop_map(Step::Hold),
        1 => (0..DAY).prop_map(Step::Lock),
    ]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let counts = (0..3u16, 0..5u16, 0..5u16, 0..4u16, 0..3u16, 0..3u16);
    (counts, 0..3 * DAY, prop_oneof![Just(0), 0..3 * DAY]).prop_map(|(counts, lock, delay)| {
        let (last, hourly, daily, weekly, monthly, yearly) = counts;
        Policy { last, hourly, daily, weekly, monthly, yearly, lock, delay }
    })
}

/// By which steps the clock on the wall jumps, and how far.
fn any_jumps() -> impl Strategy<Value = Vec<i64>> {
    let jump = prop_oneof![
        4 => Just(0),
        1 => Just(TEN_YEARS),
        1 => Just(-TEN_YEARS),
        1 => -TEN_YEARS..TEN_YEARS,
    ];
    prop::collection::vec(jump, 120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Locks and delays are kept in seconds that the box really ran, and the clock on the wall has
    /// no part in the age.
    #[test]
    fn locks_and_delays_are_kept_by_any_clock(
        policy in any_policy(),
        steps in prop::collection::vec(any_step(), 1..120),
        jumps in any_jumps(),
    ) {
        let (mut right, mut wrong) = (World::new(&policy), World::new(&policy));
        for (step, jump) in steps.iter().zip(jumps) {
            wrong.wrong = (wrong.wrong + jump).clamp(-TEN_YEARS, TEN_YEARS);
            right.step(step);
            wrong.step(step);
            prop_assert_eq!(right.age(), wrong.age());
            prop_assert!(wrong.age() <= wrong.ran);
        }
    }

    /// Locks and delays are kept in seconds that really passed where servers prove it, of which
    /// somebody may keep the box from time to time; and all that passed counts where nobody does.
    #[test]
    fn what_is_proven_to_have_passed_counts_and_no_more(
        policy in any_policy(),
        steps in prop::collection::vec((any_step(), any::<(bool, bool)>()), 1..120),
        jumps in any_jumps(),
        always in any::<bool>(),
    ) {
        let mut world = World::with(&policy, Servers::Right);
        for ((step, (reached, late)), jump) in steps.iter().zip(jumps) {
            world.wrong = (world.wrong + jump).clamp(-TEN_YEARS, TEN_YEARS);
            world.told = (always || *reached).then_some(0);
            world.late = *late;
            world.step(step);
            world.commit_clock();
            prop_assert!(world.age() <= world.time);
            if always {
                prop_assert_eq!(world.age(), world.time);
            }
        }
    }

    /// Servers whose keys somebody has, or that have gone mad, age the pool by a month for each
    /// start of the machine.
    #[test]
    fn servers_that_lie_add_a_month_for_each_start(
        policy in any_policy(),
        steps in prop::collection::vec(any_step(), 1..120),
        lies in any_jumps(),
    ) {
        let mut world = World::with(&policy, Servers::Lying);
        for (step, lie) in steps.iter().zip(lies) {
            world.told = Some(lie);
            world.step(step);
            world.commit_clock();
            prop_assert!(world.age() <= world.passed);
            prop_assert!(world.age() >= world.ran);
        }
    }

    /// On a box that runs all the time both calendars say the same when the clock is right. Then
    /// whatever goes by a clock that jumps, at any events, goes by a right one too.
    #[test]
    fn jumps_let_nothing_go_that_a_right_clock_would_keep(
        counts in (0..4u16, 0..30u16, 0..8u16, 0..5u16),
        delay in 0..2 * DAY,
        steps in prop::collection::vec((1..30 * HOUR, 0..2u8, any::<bool>()), 1..120),
        jumps in any_jumps(),
    ) {
        let (last, hourly, daily, weekly) = counts;
        let policy = Policy { last, hourly, daily, weekly, delay, ..Policy::default() };
        let (mut right, mut wrong) = (World::new(&policy), World::new(&policy));
        for ((seconds, of, expire), jump) in steps.into_iter().zip(jumps) {
            wrong.wrong = (wrong.wrong + jump).clamp(-TEN_YEARS, TEN_YEARS);
            for world in [&mut right, &mut wrong] {
                world.step(&Step::Run(seconds));
                world.step(&Step::Ingest(of));
                if expire {
                    world.step(&Step::Expire);
                }
            }
            prop_assert!(wrong.gone.is_subset(&right.gone), "{:?} {:?}", wrong.gone, right.gone);
        }
    }

    /// A jump alone changes nothing: what an expiry makes of the points that are there is the same
    /// before and behind it.
    #[test]
    fn a_jump_alone_changes_no_verdict(
        policy in any_policy(),
        steps in prop::collection::vec(any_step(), 1..60),
        ahead in any::<bool>(),
    ) {
        let mut world = World::new(&policy);
        steps.iter().for_each(|step| world.step(step));
        let before = world.a.catalog.expiry(world.age());
        world.wrong = if ahead { TEN_YEARS } else { -TEN_YEARS };
        world.commit_clock();
        prop_assert_eq!(world.a.catalog.expiry(world.age()), before);
    }
}

/// Jumps of ten years at each event in turn, there and back, of a life in which points go: nothing
/// goes that does not go without them.
#[test]
fn a_jump_at_any_event_deletes_nothing() {
    let policy =
        Policy { last: 3, daily: 4, weekly: 2, lock: DAY, delay: DAY, ..Policy::default() };
    let life = |jump_at: Option<usize>, jump: i64, back_at: usize| {
        let mut world = World::new(&policy);
        for event in 0..120 {
            if Some(event) == jump_at {
                world.wrong = jump;
            } else if event == back_at {
                world.wrong = 0;
            }
            match event % 3 {
                0 => world.step(&Step::Run(7 * HOUR)),
                1 => world.step(&Step::Ingest(0)),
                _ => world.step(&Step::Expire),
            }
        }
        world.gone
    };
    let expected = life(None, 0, 120);
    assert_eq!(expected.len(), 29, "{expected:?}");
    for jump in [TEN_YEARS, -TEN_YEARS] {
        for at in 0..120 {
            for back_at in [120, at + 1, at + 10] {
                let gone = life(Some(at), jump, back_at);
                assert!(gone.is_subset(&expected), "jump at {at}: {gone:?}");
            }
        }
    }
}

#[test]
fn a_change_of_machines_ages_the_pool_by_a_day_at_most() {
    let mut a = Pool::default();
    a.set_policy(None, &Policy { last: 1, lock: 30 * DAY, delay: 0, ..Policy::default() }).unwrap();
    assert_eq!(a.tick(1, 500, 0), 0);
    a.add(&point(0, 0));
    a.add(&point(1, 0));
    let age = a.tick(2, 1000 * DAY, u64::MAX);
    assert_eq!(age, MAX_UNSEEN);
    assert!(a.expire(age).is_empty());
    let age = a.tick(2, 1029 * DAY, 0);
    assert_eq!(a.expire(age), [id(0)]);
}
