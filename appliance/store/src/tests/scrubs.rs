//! Scrubs that end early, in virtual time, and what they leave behind.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use disk::sim::{SimMachine, SimRng};
use disk::{Buffer, Disk, DiskFuture, SharedBuffer};
use futures_util::future::join_all;
use model::Digest;

use super::disks::{Pace, PacedDisk, block_on};
use super::fixture::{LAYOUT, SAMPLES, append, create, event, machine, open, seeds, writer_keys};
use super::history::{Op, Runner};
use crate::{Duty, OpenOptions, Pacer, PacerFuture, ScrubPlace, ScrubRun, ScrubWhat, Store};

/// Polls a future so many times and then drops it, as a process that is killed does.
fn poll_for<F: Future>(future: F, polls: u64) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    })
}

/// Flips a bit in the first record of each segment, each on a disk of its own choice.
async fn rot_each_segment(store: &Store, rotten: &SimMachine, rng: &mut SimRng) -> u64 {
    let mut flips = 0;
    let segments = crate::members::lock(&store.inner.segments).sorted();
    for segment in segments {
        let entries = store.inner.entries(&segment).await.unwrap();
        let disk = rng.below(2) as usize;
        let holder = store.inner.holder(&segment, disk);
        if let (Some((member, slot)), Some(first)) = (holder, entries.first()) {
            let offset = member.segment_offset(slot, first.offset + first.length / 2);
            rotten.flip_bit(disk, offset, 1);
            flips += 1;
        }
    }
    flips
}

/// A random history on a mirror in which then each segment rots on one disk, and a scrub by two
/// workers that is killed again and again. When it is done, nothing is left to heal.
pub(super) fn round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    let mut rng = SimRng::new(seed ^ 0x5c_12ab);
    let machine = machine(2, 40);
    block_on(async {
        let mut runner = Runner::create(&machine, seed << 16).await?;
        let mut ops: Vec<Op> = (0..30).map(|_| Op::random(&mut rng)).collect();
        ops.push(Op::Close);
        runner.run(&ops).await?;
        rot_each_segment(&runner.store, &machine, &mut rng).await;
        Ok::<(), String>(())
    })?;
    let mut place = ScrubPlace { verified_below: 1 + rng.below(3), ..ScrubPlace::START };
    for attempt in 0.. {
        states.fetch_add(1, Ordering::Relaxed);
        let pace = Pace::default();
        let disks = machine.disks().into_iter();
        let disks = disks.map(|disk| PacedDisk::over(disk, &pace, seed + attempt)).collect();
        let (opened, _) = block_on(open(disks, OpenOptions::default(), seed + attempt))
            .map_err(|error| error.to_string())?;
        let run = block_on(ScrubRun::begin(&opened.store, place, ScrubWhat::All))
            .map_err(|error| error.to_string())?;
        pace.set(true);
        let worker = || async {
            while let Some(found) = run.step(Duty::FULL, |_| true).await.unwrap() {
                assert_eq!((found.lost.len(), found.damaged), (0, 0));
            }
        };
        let polls = if attempt < 6 { rng.below(150) } else { u64::MAX };
        poll_for(join_all([worker(), worker()]), polls);
        place = run.place();
        if place.is_done() {
            break;
        }
    }
    block_on(async {
        let (opened, _) =
            open(machine.disks(), OpenOptions::default(), 3).await.map_err(|e| e.to_string())?;
        let before = opened.store.status().healed;
        for segment in opened.store.segment_list() {
            opened.store.scrub_segment(segment, |_| true).await.map_err(|e| e.to_string())?;
            if place.verified_below <= segment.0 {
                return Err(format!("segment {} was not verified", segment.0));
            }
        }
        match opened.store.status().healed - before {
            0 => Ok(()),
            left => Err(format!("{left} copies were left as they were")),
        }
    })
}

#[test]
fn a_scrub_that_is_killed_again_and_again_reads_everything() {
    let states = AtomicUsize::new(0);
    for seed in seeds(150) {
        assert_eq!(round(seed, &states), Ok(()), "seed {seed}");
    }
}

#[test]
fn without_a_disk_nothing_counts_as_read_back() {
    let machine = machine(2, 20);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        for number in 0..20 {
            append(&mut writer, number).await.unwrap();
        }
        store.commit(Vec::new()).await.unwrap();
        drop(writer);
        store.close().await.unwrap();
        let alone = OpenOptions { allow_missing: true, ..OpenOptions::default() };
        let (opened, _) = open(vec![machine.disk(0)], alone, 2).await.unwrap();
        let all = ScrubWhat::All;
        let run = ScrubRun::begin(&opened.store, ScrubPlace::START, all).await.unwrap();
        while run.step(Duty::FULL, |_| true).await.unwrap().is_some() {}
        assert_eq!(run.place(), ScrubPlace { next: 0, verified_below: 1 });
    });
}

/// Time that passes only when a disk reads or somebody sleeps.
#[derive(Debug, Default)]
struct VirtualTime(Mutex<Times>);

#[derive(Debug, Default)]
struct Times {
    now: Duration,
    reading: Duration,
}

impl VirtualTime {
    fn pass(&self, time: Duration) {
        self.0.lock().unwrap().now += time;
    }

    fn reading(&self) -> Duration {
        self.0.lock().unwrap().reading
    }
}

impl Pacer for VirtualTime {
    fn now(&self) -> Duration {
        self.0.lock().unwrap().now
    }

    fn sleep(&self, time: Duration) -> PacerFuture<'_> {
        self.pass(time);
        Box::pin(std::future::ready(()))
    }
}

/// A disk that takes its time to read: so long for a transfer, and so long for a byte.
#[derive(Debug)]
struct SlowDisk {
    disk: Arc<dyn Disk>,
    time: Arc<VirtualTime>,
    byte: Duration,
}

const SEEK: Duration = Duration::from_millis(10);

fn slow(machine: &SimMachine, time: &Arc<VirtualTime>, byte: Duration) -> Vec<Arc<dyn Disk>> {
    let slow = |disk| Arc::new(SlowDisk { disk, time: time.clone(), byte }) as Arc<dyn Disk>;
    machine.disks().into_iter().map(slow).collect()
}

impl Disk for SlowDisk {
    fn name(&self) -> &str {
        self.disk.name()
    }

    fn size(&self) -> u64 {
        self.disk.size()
    }

    fn read(&self, offset: u64, buffer: Buffer) -> DiskFuture<'_, Buffer> {
        let takes = SEEK + self.byte * buffer.len() as u32;
        let mut times = self.time.0.lock().unwrap();
        times.now += takes;
        times.reading += takes;
        drop(times);
        self.disk.read(offset, buffer)
    }

    fn write(&self, offset: u64, data: SharedBuffer) -> DiskFuture<'_, ()> {
        self.disk.write(offset, data)
    }

    fn flush(&self) -> DiskFuture<'_, ()> {
        self.disk.flush()
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The goal R15: at a quarter of the time, all data is read within 30 days and what is new within
/// one, while a disk that would take seven days to read from end to end gets fuller every day.
#[test]
fn at_a_quarter_of_the_time_all_is_read_in_a_month_and_what_is_new_in_a_day() {
    const SLOTS: u32 = 300;
    let machine = machine(2, SLOTS);
    let size = machine.disk(0).size();
    let byte = DAY * 7 / 2 / size as u32;
    let time = Arc::new(VirtualTime::default());
    let mut rng = SimRng::new(15);
    let mut made: HashMap<Digest, Duration> = HashMap::new();
    let mut read: HashMap<Digest, Vec<Duration>> = HashMap::new();
    let mut passes = vec![Duration::ZERO];
    block_on(async {
        let (store, _) = create(slow(&machine, &time, byte), 1).await.unwrap();
        let mut place = ScrubPlace::START;
        let mut number = 0;
        let mut busy = Duration::ZERO;
        while time.now() < DAY * 70 {
            // Four writers a day, at some hour.
            let mut writer = store.writer(writer_keys(1));
            for _ in 0..rng.below(3) {
                if number < SAMPLES.len() {
                    append(&mut writer, number).await.unwrap();
                    made.insert(SAMPLES[number].digest, time.now());
                    number += 1;
                }
            }
            store.commit(vec![event(number as u32, 40)]).await.unwrap();
            drop(writer);
            store.settle().await.unwrap();
            if place.is_done() {
                passes.push(time.now());
                place = place.again();
            }
            let (from, reading) = (time.now(), time.reading());
            let run = ScrubRun::begin(&store, place, ScrubWhat::All).await.unwrap();
            while time.now() < from + HOUR * 6 {
                let seen = |view: crate::RecordView<'_>| {
                    read.entry(view.digest).or_default().push(time.now());
                    true
                };
                let step = run.step(Duty::percent(25, &*time), seen).await.unwrap();
                if step.is_none() {
                    break;
                }
            }
            place = run.place();
            let (worked, all) = (time.reading() - reading, time.now() - from);
            assert!(worked * 4 <= all + Duration::from_secs(1), "{worked:?} of {all:?}");
            busy += worked;
            let rest = (from + HOUR * 6).saturating_sub(time.now());
            time.pass(rest);
        }
        assert!(busy * 4 > time.now() / 10, "the disks had something to do: {busy:?}");
    });
    for (digest, made) in &made {
        let reads = &read[digest];
        let first = reads.iter().find(|read| *read >= made).unwrap();
        assert!(*first - *made <= DAY, "{digest}: made at {made:?}, read at {first:?}");
        // A pass may take it first and the next one last.
        let mut before = *first;
        for read in reads {
            assert!(read.saturating_sub(before) <= DAY * 30, "{digest}: {before:?}, {read:?}");
            before = *read;
        }
    }
    for pass in passes.windows(2) {
        assert!(pass[1] - pass[0] <= DAY * 30, "{passes:?}");
    }
    assert!(made.len() > 200 && passes.len() > 2, "{} records, {passes:?}", made.len());
}

#[test]
fn a_segment_whose_list_is_lost_is_reported_and_does_not_hold_up_the_rest() {
    let machine = machine(1, 20);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        for number in 0..30 {
            append(&mut writer, number).await.unwrap();
        }
        store.commit(Vec::new()).await.unwrap();
        drop(writer);
        store.clone().close().await.unwrap();
        let segments = crate::members::lock(&store.inner.segments).sorted();
        let (member, slot) = store.inner.holder(&segments[0], 0).unwrap();
        machine.flip_bit(0, member.segment_offset(slot, LAYOUT.segment_bytes - 4096), 0);
        let (opened, _) = open(machine.disks(), OpenOptions::default(), 2).await.unwrap();
        let all = ScrubWhat::All;
        let run = ScrubRun::begin(&opened.store, ScrubPlace::START, all).await.unwrap();
        let mut damaged = 0;
        while let Some(found) = run.step(Duty::FULL, |_| true).await.unwrap() {
            damaged += found.damaged;
        }
        assert!(damaged > 0 && segments.len() > 2, "{damaged} of {} segments", segments.len());
        let last = segments.last().unwrap().place.info.segment.0;
        assert_eq!(run.place(), ScrubPlace { next: 0, verified_below: last + 1 });
    });
}
