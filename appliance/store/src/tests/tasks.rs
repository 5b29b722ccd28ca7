//! Many tasks and threads on one store, and tasks that nobody waits for any more.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use disk::sim::SimRng;
use futures_util::future::join_all;

use super::disks::{Pace, PacedDisk, block_on};
use super::fixture::{SAMPLES, append, create, event, expect_all, machine, open, writer_keys};
use crate::{OpenOptions, StoreError};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, which sleeps while others work.
fn park_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::park();
    }
}

#[test]
fn threads_at_once_lose_nothing() {
    for round in 0..10 {
        let machine = machine(2, 80);
        let (store, events) = block_on(create(machine.disks(), round)).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4_usize {
                let store = store.clone();
                scope.spawn(move || {
                    let mut writer = store.writer(writer_keys(1));
                    for number in (0..60).map(|step| thread * 60 + step) {
                        park_on(append(&mut writer, number)).unwrap();
                        if number % 5 == 0 {
                            park_on(store.commit(vec![event(number as u32, 700)])).unwrap();
                        }
                        if number % 3 == 0 {
                            park_on(expect_all(&store, [number]));
                        }
                    }
                    park_on(store.commit(Vec::new())).unwrap();
                });
            }
        });
        drop(store);
        let (opened, after) = block_on(open(machine.disks(), OpenOptions::default(), 9)).unwrap();
        assert_eq!(after.list(), events.list());
        assert_eq!(after.list().len(), 48);
        block_on(expect_all(&opened.store, 0..240));
    }
}

#[test]
fn writers_that_nobody_works_with_hold_up_nobody() {
    let machine = machine(1, 80);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writers: Vec<_> = (0..60).map(|_| store.writer(writer_keys(1))).collect();
        for (number, writer) in writers.iter_mut().enumerate() {
            append(writer, number).await.unwrap();
        }
        let digests: Vec<_> = SAMPLES[..60].iter().map(|sample| sample.digest).collect();
        let mut read = 0;
        store
            .read_batch(&digests, |_, _| {
                read += 1;
                true
            })
            .await
            .unwrap();
        assert_eq!(read, 60);
        store.commit(vec![event(1, 10)]).await.unwrap();
        expect_all(&store, 0..60).await;
    });
}

#[test]
fn what_nobody_waits_for_is_done_or_stops_the_store() {
    let mut stopped = 0;
    for seed in 0..400 {
        let mut rng = SimRng::new(seed);
        let machine = machine(2, 30);
        let pace = Pace::default();
        let disks = machine.disks().into_iter().map(|disk| PacedDisk::over(disk, &pace, seed));
        block_on(async {
            let (store, events) = create(disks.collect(), 1).await.unwrap();
            let mut writer = store.writer(writer_keys(1));
            append(&mut writer, 0).await.unwrap();
            store.commit(vec![event(1, 10)]).await.unwrap();
            pace.set(true);
            let other = store.clone();
            let mut waiting = Box::pin(other.commit(vec![event(3, 10)]));
            let mut waited = None;
            {
                let work = async {
                    for number in 1..4 {
                        append(&mut writer, number).await.unwrap();
                        store.commit(vec![event(2, 3000)]).await.unwrap();
                    }
                };
                let mut work = Box::pin(work);
                let polls = rng.below(60);
                let mut context = Context::from_waker(Waker::noop());
                for poll in 0..polls {
                    if work.as_mut().poll(&mut context).is_ready() {
                        break;
                    }
                    if poll > polls / 2
                        && waited.is_none()
                        && let Poll::Ready(outcome) = waiting.as_mut().poll(&mut context)
                    {
                        waited = Some(outcome);
                    }
                }
            }
            pace.set(false);
            let waited = match waited {
                Some(outcome) => outcome,
                None => waiting.await,
            };
            match &waited {
                Ok(_) => assert!(events.list().contains(&3)),
                Err(StoreError::Stopped) => stopped += 1,
                Err(error) => panic!("{error}"),
            }
            let (opened, after) = open(machine.disks(), OpenOptions::default(), 2).await.unwrap();
            assert!(after.list().starts_with(&events.list()), "seed {seed}");
            assert!(waited.is_err() || after.list().contains(&3), "seed {seed}");
            expect_all(&opened.store, [0]).await;
        });
    }
    assert!((20..380).contains(&stopped), "{stopped}");
}

#[test]
fn callers_with_more_than_a_round_holds_take_several() {
    let outcomes = block_on(async {
        let machine = machine(1, 30);
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let commits = (0..50).map(|number| store.commit(vec![event(number, 3000)]));
        join_all(commits).await
    });
    assert!(outcomes.iter().all(Result::is_ok));
}
