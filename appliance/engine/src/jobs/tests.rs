use std::collections::HashSet;
use std::num::NonZeroU64;

use proptest::prelude::*;

use super::job::{Ended, Job, JobState, Moment, Outcome};
use super::limits::{Class, Limits};
use super::queue::{MAX_OVER, MAX_WAITING, Queue, Refused};
use super::retry::Retry;
use super::work::Work;

const DAY: u64 = 86_400;

fn at(running: u64) -> Moment {
    Moment { running, wall: 1_800_000_000 + running }
}

fn ingest(system: &str) -> Work {
    let (system, volume) = (system.to_owned(), "disk0".to_owned());
    Work::Ingest { system, volume, source: "/dev/null".to_owned(), full: false }
}

fn restore(to: &str) -> Work {
    Work::Restore { point: "latest".to_owned(), volume: 0, to: to.into() }
}

fn queue() -> Queue {
    Queue::new(Limits::default(), Vec::new(), 1, at(0))
}

fn add(queue: &mut Queue, work: Work, now: u64) -> u64 {
    queue.submit(work, "", Retry::default(), DAY, at(now)).unwrap().0
}

fn state(queue: &Queue, number: u64) -> JobState {
    queue.get(number).unwrap().state
}

fn failed() -> Ended {
    Ended::Failed { cause: "no route to host".to_owned(), next: "check the cable".to_owned() }
}

#[test]
fn a_restore_begins_before_what_came_earlier() {
    let mut queue = queue();
    let scrub = add(&mut queue, Work::Scrub { duty: 10, seconds: None, new: false }, 0);
    let first = add(&mut queue, ingest("mail"), 1);
    let back = add(&mut queue, restore("/tmp/out"), 2);
    assert_eq!(queue.start(at(3), |_| false), [back, first, scrub]);
    assert_eq!(queue.start(at(3), |_| false), [0; 0], "what runs does not begin again");
}

#[test]
fn no_more_run_at_once_than_the_limits_say() {
    let limits = Limits { restores: 1, ingests: 2, upkeep: 1, ..Limits::default() };
    let mut queue = Queue::new(limits, Vec::new(), 1, at(0));
    let jobs: Vec<u64> =
        (0..5).map(|n| add(&mut queue, ingest(&format!("system {n}")), 0)).collect();
    assert_eq!(queue.start(at(0), |_| false), jobs[..2]);
    queue.finish(jobs[0], Ended::Done(Outcome::default()), at(5));
    assert_eq!(queue.start(at(5), |_| false), jobs[2..3]);
}

#[test]
fn with_little_memory_fewer_ingests_run_at_once_and_a_restore_begins_all_the_same() {
    let begun = |memory_mib| {
        let limits = Limits { ingests: 10, restores: 2, memory_mib, ..Limits::default() };
        let mut queue = Queue::new(limits, Vec::new(), 1, at(0));
        for number in 0..10 {
            add(&mut queue, ingest(&format!("system {number}")), 0);
        }
        let ingests = queue.start(at(1), |_| false);
        let back = add(&mut queue, restore("/tmp/out"), 2);
        assert_eq!(queue.start(at(2), |_| false), [back], "beside {} ingests", ingests.len());
        // When one ends the next begins.
        queue.finish(ingests[0], Ended::Done(Outcome::default()), at(3));
        assert_eq!(queue.start(at(3), |_| false).len(), usize::from(ingests.len() < 10));
        ingests.len()
    };
    let processors = std::thread::available_parallelism().map_or(2, |count| count.get() as u64);
    let [restore, ingest, resync, _] = Class::ALL.map(|class| class.memory_mib(processors));
    let kept = 2 * restore + resync;
    assert_eq!(begun(None), 10);
    assert_eq!(begun(Some(kept + 3 * ingest)), 3);
    assert_eq!(begun(Some(kept + 3 * ingest - 1)), 2);
    assert_eq!(begun(Some(1)), 1, "one always may");
}

#[test]
fn two_ingests_of_a_system_never_run_at_once() {
    let mut queue = queue();
    let first = add(&mut queue, ingest("mail"), 0);
    assert_eq!(add(&mut queue, ingest("mail"), 0), first, "one that waits stands for both");
    assert_eq!(queue.start(at(1), |_| false), [first]);
    let second = add(&mut queue, ingest("mail"), 2);
    assert_ne!(second, first, "one that runs may have missed what is wanted now");
    assert_eq!(queue.start(at(2), |_| false), [0; 0]);
    queue.finish(first, Ended::Done(Outcome::default()), at(3));
    assert_eq!(queue.start(at(3), |_| false), [second]);
}

#[test]
fn pulls_are_alone_with_their_machine_and_their_system() {
    let pull = |system: &str, socket: &str| Work::Pull {
        system: system.to_owned(),
        socket: socket.into(),
        disks: Vec::new(),
        excluded: Vec::new(),
        guest_agent: None,
        full: false,
    };
    let mut queue = queue();
    let first = add(&mut queue, pull("mail", "/vm/a"), 0);
    let same_machine = add(&mut queue, pull("files", "/vm/a"), 0);
    let same_system = add(&mut queue, ingest("mail"), 0);
    let other = add(&mut queue, pull("sql", "/vm/b"), 0);
    assert_eq!(queue.start(at(1), |_| false), [first, other]);
    queue.finish(first, Ended::Done(Outcome::default()), at(2));
    assert_eq!(queue.start(at(2), |_| false), [same_machine, same_system]);
}

#[test]
fn what_fails_is_tried_again_after_longer_and_longer_pauses_and_then_no_more() {
    let mut queue = queue();
    let job = add(&mut queue, ingest("mail"), 0);
    assert_eq!(queue.start(at(0), |_| false), [job]);
    queue.finish(job, failed(), at(10));
    assert_eq!(state(&queue, job), JobState::Waiting { due: 70 });
    assert_eq!(queue.next_due(), Some(70));
    assert_eq!(queue.start(at(69), |_| false), [0; 0]);
    assert_eq!(queue.start(at(70), |_| false), [job]);
    queue.finish(job, failed(), at(80));
    assert_eq!(state(&queue, job), JobState::Waiting { due: 200 });
    assert_eq!(queue.start(at(200), |_| false), [job]);
    queue.finish(job, failed(), at(210));
    assert_eq!(state(&queue, job), JobState::Failed);
    let job = queue.get(job).unwrap();
    assert_eq!(
        (job.attempt, job.cause.as_str(), job.next.as_str()),
        (3, "no route to host", "check the cable")
    );
}

#[test]
fn no_attempt_begins_after_the_window_that_the_first_failure_opens() {
    let retry = Retry { retries: u16::MAX, pause: 60, window: 3600, escalate_after: 2 };
    assert_eq!(retry.after(1, 0), Some(60));
    assert_eq!(retry.after(2, 60), Some(120));
    assert_eq!(retry.after(2, 3480), Some(120));
    assert_eq!(retry.after(2, 3481), None);
    assert_eq!(retry.after(500, 0), None);
    assert_eq!(Retry::NEVER.after(1, 0), None);
    assert_eq!([1, 2].map(|failures| retry.escalates(failures)), [false, true]);
    assert!(Retry::NEVER.escalates(1));
}

#[test]
fn what_waits_to_be_tried_again_stands_for_the_same_wanted_now() {
    let mut queue = queue();
    let job = add(&mut queue, ingest("mail"), 0);
    queue.start(at(0), |_| false);
    queue.finish(job, failed(), at(10));
    assert_eq!(add(&mut queue, ingest("mail"), 11), job);
    assert_eq!(queue.start(at(11), |_| true), [job], "somebody wants it now");
}

#[test]
fn a_job_that_nobody_was_told_of_is_taken_back() {
    let mut queue = queue();
    let job = add(&mut queue, ingest("mail"), 0);
    queue.take_changed();
    queue.withdraw(job);
    assert_eq!(queue.take_changed(), [(job, None)]);
    let job = add(&mut queue, ingest("mail"), 0);
    queue.start(at(0), |_| false);
    queue.withdraw(job);
    assert_eq!(state(&queue, job), JobState::Running, "it has begun");
    queue.take_changed();
    queue.not_kept([job].into_iter());
    assert_eq!(queue.take_changed().len(), 1);
}

#[test]
fn what_waits_is_cancelled_at_once_and_what_runs_when_it_has_stopped() {
    let mut queue = queue();
    let (waits, runs) = (add(&mut queue, ingest("a"), 0), add(&mut queue, restore("/x"), 0));
    assert_eq!(queue.cancel(waits, at(0)), Ok(false));
    assert_eq!(state(&queue, waits), JobState::Cancelled);
    assert_eq!(queue.start(at(0), |_| false), [runs]);
    assert_eq!(queue.cancel(runs, at(1)), Ok(true));
    assert_eq!(state(&queue, runs), JobState::Running);
    // Who is stopped may say so or fail because of it.
    queue.finish(runs, failed(), at(2));
    assert_eq!(state(&queue, runs), JobState::Cancelled);
    assert_eq!(queue.cancel(runs, at(3)), Err(Refused::Over { number: runs }));
    assert_eq!(queue.cancel(99, at(3)), Err(Refused::Unknown { number: 99 }));
}

#[test]
fn a_client_that_rests_is_not_tried_again_meanwhile_and_new_jobs_of_it_are() {
    let mut queue = queue();
    let job = queue.submit(ingest("mail"), "acme", Retry::default(), DAY, at(0)).unwrap().0;
    queue.start(at(0), |_| true);
    queue.finish(job, failed(), at(0));
    assert_eq!(queue.start(at(60), |client| client == "acme"), [0; 0]);
    let new = queue.submit(ingest("files"), "acme", Retry::default(), DAY, at(60)).unwrap().0;
    assert_eq!(queue.start(at(60), |client| client == "acme"), [new]);
    assert_eq!(queue.start(at(61), |_| false), [job]);
}

#[test]
fn what_an_engine_that_died_left_is_repeated_or_marked_with_its_cause() {
    let mut queue = queue();
    let again = add(&mut queue, ingest("mail"), 0);
    let once = add(&mut queue, restore("/dev/sdz"), 0);
    let stopped = add(&mut queue, ingest("files"), 0);
    let waits = add(&mut queue, ingest("sql"), 0);
    queue.start(at(1), |_| false);
    queue.cancel(stopped, at(2)).unwrap();
    queue.finish(waits, failed(), at(900));
    let left: Vec<Job> = queue.jobs().cloned().collect();
    let mut queue = Queue::new(Limits::default(), left, 1, at(7));
    assert_eq!(state(&queue, again), JobState::Queued);
    assert_eq!(state(&queue, once), JobState::Interrupted);
    assert_eq!(state(&queue, stopped), JobState::Cancelled);
    assert_eq!(state(&queue, waits), JobState::Waiting { due: 67 });
    assert!(queue.get(once).unwrap().cause.contains("engine ended"));
    assert_eq!(queue.start(at(8), |_| false), [again]);
    assert_eq!(queue.get(again).unwrap().attempt, 2);
    assert_eq!(add(&mut queue, ingest("new"), 8), waits + 1, "no number is given twice");
}

#[test]
fn the_queue_has_a_bound_and_so_has_the_list_of_what_is_over() {
    let mut queue = queue();
    for n in 0..MAX_WAITING {
        add(&mut queue, ingest(&format!("{n}")), 0);
    }
    let more = queue.submit(ingest("more"), "", Retry::NEVER, DAY, at(0));
    assert_eq!(more, Err(Refused::Full));
    loop {
        let begun = queue.start(at(0), |_| false);
        if begun.is_empty() {
            break;
        }
        begun.into_iter().for_each(|job| queue.finish(job, Ended::Done(Outcome::default()), at(0)));
    }
    assert_eq!(queue.jobs().count(), MAX_OVER);
    let gone = queue.take_changed().into_iter().filter(|(_, job)| job.is_none()).count();
    assert_eq!(gone, MAX_WAITING - MAX_OVER);
}

#[test]
fn copies_go_on_at_another_rate_as_the_job_that_they_are() {
    let (mut queue, rate) = (queue(), NonZeroU64::new(5));
    assert_eq!(queue.set_rate(rate), None);
    let runs = add(&mut queue, Work::Relieve { member: 0, by: 1, rate: None }, 0);
    let waits = add(&mut queue, Work::Resync { rate: None }, 0);
    assert_eq!(queue.start(at(1), |_| false), [runs]);
    assert_eq!(queue.set_rate(rate), Some((runs, true)));
    assert_eq!(queue.set_rate(rate), Some((runs, false)), "it is told already");
    queue.finish(runs, Ended::Stopped, at(2));
    assert_eq!(queue.start(at(2), |_| false), [runs], "it begins anew");
    assert_eq!(queue.get(runs).unwrap().work, Work::Relieve { member: 0, by: 1, rate });
    assert_eq!(queue.get(waits).unwrap().work.rate(), rate);
    // Who cancels it meanwhile is heard.
    assert_eq!(queue.set_rate(None), Some((runs, true)));
    assert_eq!(queue.cancel(runs, at(3)), Ok(true));
    queue.finish(runs, Ended::Stopped, at(3));
    assert_eq!(state(&queue, runs), JobState::Cancelled);
    assert_eq!(queue.set_rate(None), Some((waits, false)));
    // What an older engine has left had no rate.
    let old: Work = serde_json::from_str(r#"{"kind":"resync"}"#).unwrap();
    assert_eq!(old, Work::Resync { rate: None });
}

/// What can happen to a queue.
#[derive(Debug, Clone)]
enum Step {
    Submit(u8),
    Start,
    Finish(u8, bool),
    Cancel(u8),
    Rate(u8),
    Wait(u16),
    Die,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Submit),
        4 => Just(Step::Start),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(n, well)| Step::Finish(n, well)),
        1 => any::<u8>().prop_map(Step::Cancel),
        1 => any::<u8>().prop_map(Step::Rate),
        2 => any::<u16>().prop_map(Step::Wait),
        1 => Just(Step::Die),
    ]
}

fn work(n: u8) -> Work {
    match n % 6 {
        0 | 1 => ingest(&format!("{}", n % 5)),
        2 => restore(&format!("/{}", n % 3)),
        3 => Work::Reclaim(super::work::Reclaiming::default()),
        4 => Work::Verify { deep: n > 100 },
        _ => Work::Resync { rate: None },
    }
}

proptest! {
    #[test]
    fn whatever_happens_limits_hold_and_every_job_ends(
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let limits = Limits { restores: 1, ingests: 2, upkeep: 1, ..Limits::default() };
        let mut queue = Queue::new(limits, Vec::new(), 1, at(0));
        let mut now = 0;
        for step in steps {
            let running: Vec<u64> = queue.running().map(|job| job.number).collect();
            let pick = |n: u8| running.get(usize::from(n) % running.len().max(1)).copied();
            match step {
                Step::Submit(n) => { add(&mut queue, work(n), now); }
                Step::Start => { queue.start(at(now), |_| false); }
                Step::Finish(n, well) => if let Some(job) = pick(n) {
                    let ended = if well { Ended::Done(Outcome::default()) } else { failed() };
                    queue.finish(job, ended, at(now));
                },
                Step::Cancel(n) => if let Some(job) = pick(n) {
                    prop_assert_eq!(queue.cancel(job, at(now)), Ok(true));
                },
                Step::Rate(n) => {
                    let changed = queue.set_rate(NonZeroU64::new(n.into()));
                    if let Some((job, true)) = changed {
                        queue.finish(job, Ended::Stopped, at(now));
                        prop_assert_eq!(state(&queue, job), JobState::Queued);
                    }
                },
                Step::Wait(time) => now += u64::from(time),
                Step::Die => {
                    let left = queue.jobs().cloned().collect();
                    queue = Queue::new(limits, left, 1, at(0));
                    now = 0;
                }
            }
            for class in Class::ALL {
                let running = queue.running().filter(|job| job.class() == class).count();
                prop_assert!(running <= limits.of(class));
            }
            let alone: Vec<_> = queue.running().flat_map(|job| job.work.alone()).collect();
            prop_assert_eq!(alone.iter().collect::<HashSet<_>>().len(), alone.len());
        }
        // Time passes and everything succeeds: nothing is left behind.
        for _ in 0..1000 {
            now += 3600;
            queue.start(at(now), |_| false);
            let running: Vec<u64> = queue.running().map(|job| job.number).collect();
            for job in running {
                queue.finish(job, Ended::Done(Outcome::default()), at(now));
            }
        }
        prop_assert!(queue.jobs().all(|job| job.state.is_over()));
    }
}

#[test]
fn more_jobs_than_memory_wait_and_no_restore_or_resync_waits_for_an_ingest() {
    let limits = Limits { ingests: 9, restores: 1, memory_mib: Some(700), ..Limits::default() };
    let ingest = (Class::Ingest, Class::Ingest.memory_mib(2));
    let mut taken = Vec::new();
    while limits.have_room(&taken, ingest, 2) {
        taken.push(ingest);
    }
    let all: u64 = taken.iter().map(|(_, took)| took).sum();
    assert!(!taken.is_empty() && all < 700, "{taken:?}");
    for urgent in [Class::Restore, Class::Resync] {
        assert!(limits.have_room(&taken, (urgent, urgent.memory_mib(2)), 2));
        taken.push((urgent, urgent.memory_mib(2)));
    }
    assert!(taken.iter().map(|(_, took)| took).sum::<u64>() <= 700, "{taken:?}");
    // One alone always may; without a bound all may.
    let tight = Limits { memory_mib: Some(1), ..limits };
    assert!(tight.have_room(&[], ingest, 2) && !tight.have_room(&[ingest], ingest, 2));
    assert!(Limits::default().have_room(&[ingest; 50], ingest, 2));
}
