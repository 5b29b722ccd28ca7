//! How fast a resync copies, and what it leaves to others, in simulated time: disks with one head
//! that serves one request after the other.

use std::num::NonZeroU64;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use disk::sim::SimMachine;
use disk::{Buffer, Disk, DiskFuture, SharedBuffer};
use futures_util::future::join;

use super::fixture::{append, create, has, machine, open, writer_keys};
use crate::{Admission, OpenOptions, Pace, Pacer, PacerFuture, Resynced, Store};

/// What a head takes to get there, and for a byte.
const SEEK: Duration = Duration::from_millis(8);
const BYTE: Duration = Duration::from_nanos(100);

/// Time that passes only when nobody has anything to do.
#[derive(Debug, Clone, Default)]
struct Clock(Arc<Mutex<Time>>);

#[derive(Debug, Default)]
struct Time {
    now: Duration,
    sleepers: Vec<(Duration, Waker)>,
}

impl Clock {
    async fn sleep_until(&self, moment: Duration) {
        std::future::poll_fn(|context| {
            let mut time = self.0.lock().unwrap();
            if time.now >= moment {
                return Poll::Ready(());
            }
            time.sleepers.push((moment, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Goes on to the next moment at which somebody wakes.
    fn advance(&self) {
        let mut time = self.0.lock().unwrap();
        let next = time.sleepers.iter().map(|(moment, _)| *moment).min();
        let next = next.expect("somebody sleeps, or this would be a deadlock");
        time.now = time.now.max(next);
        let due = time.sleepers.extract_if(.., |(moment, _)| *moment <= next);
        due.for_each(|(_, waker)| waker.wake());
    }

    fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        loop {
            woken.0.store(false, Ordering::Relaxed);
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            while !woken.0.load(Ordering::Relaxed) {
                self.advance();
            }
        }
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Pacer for Clock {
    fn now(&self) -> Duration {
        self.0.lock().unwrap().now
    }

    fn sleep(&self, time: Duration) -> PacerFuture<'_> {
        let moment = self.now() + time;
        Box::pin(self.sleep_until(moment))
    }
}

/// A disk with one head.
#[derive(Debug)]
struct OneHead {
    disk: Arc<dyn Disk>,
    clock: Clock,
    free_at: Mutex<Duration>,
}

impl OneHead {
    fn over(disk: Arc<dyn Disk>, clock: &Clock) -> Arc<dyn Disk> {
        Arc::new(Self { disk, clock: clock.clone(), free_at: Mutex::default() })
    }

    async fn serve(&self, bytes: usize) {
        let moment = {
            let mut free_at = self.free_at.lock().unwrap();
            *free_at = (*free_at).max(self.clock.now()) + SEEK + BYTE * bytes as u32;
            *free_at
        };
        self.clock.sleep_until(moment).await;
    }
}

impl Disk for OneHead {
    fn name(&self) -> &str {
        self.disk.name()
    }

    fn size(&self) -> u64 {
        self.disk.size()
    }

    fn read(&self, offset: u64, buffer: Buffer) -> DiskFuture<'_, Buffer> {
        Box::pin(async move {
            self.serve(buffer.len()).await;
            self.disk.read(offset, buffer).await
        })
    }

    fn write(&self, offset: u64, data: SharedBuffer) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.serve(data.len()).await;
            self.disk.write(offset, data).await
        })
    }

    fn flush(&self) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.serve(0).await;
            self.disk.flush().await
        })
    }
}

/// Records that the pools here have.
const RECORDS: usize = 120;

/// A pool on one disk with records, to which an empty disk has come.
async fn syncing(clock: &Clock) -> (SimMachine, Store) {
    let machine = machine(2, 60);
    let (store, _) = create(vec![machine.disk(0)], 1).await.unwrap();
    let mut writer = store.writer(writer_keys(1));
    for number in 0..RECORDS {
        append(&mut writer, number).await.unwrap();
    }
    drop(writer);
    store.close().await.unwrap();
    let disk = OneHead::over(machine.disk(0), clock);
    let (opened, _) = open(vec![disk], OpenOptions::default(), 2).await.unwrap();
    let new = OneHead::over(machine.disk(1), clock);
    opened.store.admit(new, Admission::Add, false).await.unwrap();
    (machine, opened.store)
}

#[test]
fn a_rate_is_kept_to_the_byte() {
    for rate in [10_000, 100_000] {
        let clock = Clock::default();
        clock.run(async {
            let (_, store) = syncing(&clock).await;
            let limit = NonZeroU64::new(rate).unwrap();
            let began = clock.now();
            let resynced = store.resync(Pace::at_most(limit, &clock), |_| true).await.unwrap();
            assert!(resynced.complete && resynced.copied > 10, "{resynced:?}");
            let took = (clock.now() - began).as_secs_f64();
            let at_rate = |bytes: u64| bytes as f64 / rate as f64;
            // Copies are whole blocks, of which the last of a body counts as it is stored.
            let most = resynced.bytes_done + resynced.copied * model::BLOCK_U64;
            let right = at_rate(resynced.bytes_done)..at_rate(most) + 1.0;
            assert!(right.contains(&took), "{took} s, not {right:?}, for {resynced:?}");
        });
    }
}

/// Reads, each after the other, that are done beside a resync in a second, and what it did.
fn reads_beside(paced: impl Fn(&Clock) -> Option<Pace<'_>>) -> (f64, Resynced) {
    let clock = Clock::default();
    clock.run(async {
        let (_, store) = syncing(&clock).await;
        let (began, reads, over) = (clock.now(), AtomicU64::new(0), AtomicBool::new(false));
        let reader = async {
            let least = began + Duration::from_secs(2);
            for number in (0..RECORDS).cycle() {
                if over.load(Ordering::Relaxed) && clock.now() >= least {
                    return;
                }
                assert!(has(&store, number).await.unwrap());
                reads.fetch_add(1, Ordering::Relaxed);
            }
        };
        let filler = async {
            let mut count = (0, began);
            let resynced = match paced(&clock) {
                Some(pace) => store.resync(pace, |_| true).await.unwrap(),
                None => Resynced::default(),
            };
            if resynced.complete {
                count = (reads.load(Ordering::Relaxed), clock.now());
            }
            over.store(true, Ordering::Relaxed);
            (resynced, count)
        };
        let ((resynced, (mut count, mut ended)), ()) = join(filler, reader).await;
        if !resynced.complete {
            (count, ended) = (reads.load(Ordering::Relaxed), clock.now());
        }
        (count as f64 / (ended - began).as_secs_f64(), resynced)
    })
}

#[test]
fn a_resync_leaves_the_disks_to_those_who_read() {
    let (alone, _) = reads_beside(|_| None);
    let (beside, gentle) = reads_beside(|clock| Some(Pace::gentle(clock)));
    let (harried, unpaced) = reads_beside(|_| Some(Pace::default()));
    assert!(gentle.complete && unpaced.complete && gentle.bytes_done == unpaced.bytes_done);
    println!("{alone:.0} reads a second alone, {beside:.0} beside, {harried:.0} without a pace");
    assert!(beside > 0.9 * alone, "{beside} of {alone}");
    assert!(harried < 0.8 * alone, "{harried} of {alone}: the pace shows nothing");
}

#[test]
fn a_resync_goes_as_fast_as_it_can_while_nobody_reads() {
    let time = |paced: bool| {
        let clock = Clock::default();
        clock.run(async {
            let (_, store) = syncing(&clock).await;
            let began = clock.now();
            let pace = if paced { Pace::gentle(&clock) } else { Pace::default() };
            assert!(store.resync(pace, |_| true).await.unwrap().complete);
            clock.now() - began
        })
    };
    assert_eq!(time(true), time(false));
}

#[test]
fn who_appends_is_waited_for_too() {
    let clock = Clock::default();
    let time = |busy: bool| {
        clock.run(async {
            let (_, store) = syncing(&clock).await;
            let began = clock.now();
            let over = AtomicBool::new(false);
            let writer = async {
                let mut writer = store.writer(writer_keys(2));
                for number in RECORDS.. {
                    if over.load(Ordering::Relaxed) || !busy {
                        return;
                    }
                    append(&mut writer, 192 + number % 64).await.unwrap();
                    clock.sleep(Duration::from_millis(5)).await;
                }
            };
            let filler = async {
                let mut steps = 0;
                let pace = Pace::gentle(&clock);
                // What is appended meanwhile is on both disks, and not waited for here.
                let resynced = store.resync(pace, |_| {
                    steps += 1;
                    steps < 12
                });
                resynced.await.unwrap();
                over.store(true, Ordering::Relaxed);
                clock.now() - began
            };
            join(filler, writer).await.0
        })
    };
    let (quiet, busy) = (time(false), time(true));
    assert!(busy > 2 * quiet, "{busy:?} beside appends, {quiet:?} else");
}
