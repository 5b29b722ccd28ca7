//! I/O errors at every request of one workload, in turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use disk::sim::{SimFault, SimRng};

use super::disks::block_on;
use super::fixture::{append, create, expect_all, machine, seeds, writer_keys};
use super::history::{Op, Runner};
use crate::StoreError;

const WORKLOAD: [Op; 18] = [
    Op::Append { writer: 0, number: 9 },
    Op::Commit { bytes: Some(40) },
    Op::Append { writer: 1, number: 10 },
    Op::Append { writer: 0, number: 11 },
    Op::Commit { bytes: Some(3000) },
    Op::Settle,
    Op::Kill,
    Op::Append { writer: 0, number: 12 },
    Op::Commit { bytes: Some(3000) },
    Op::SetKeys,
    Op::Append { writer: 0, number: 13 },
    Op::Append { writer: 0, number: 14 },
    Op::Append { writer: 1, number: 15 },
    Op::Commit { bytes: Some(3500) },
    Op::Together { seed: 1 },
    Op::Close,
    Op::Append { writer: 0, number: 16 },
    Op::Commit { bytes: Some(400) },
];

#[test]
fn no_error_of_any_request_loses_what_was_acknowledged() {
    let mut cases = 0;
    for disks in [1, 2] {
        let counts = block_on(async {
            let machine = machine(disks, 20);
            let mut runner = Runner::create(&machine, 1).await.unwrap();
            let before = machine.counts(0);
            runner.run(&WORKLOAD).await.unwrap();
            let after = machine.counts(0);
            [
                after.reads - before.reads,
                after.writes - before.writes,
                after.flushes - before.flushes,
            ]
        });
        let [reads, writes, flushes] = counts;
        let both = [false, true];
        let reads =
            (0..reads).flat_map(|nth| both.map(|lasting| SimFault::FailRead { nth, lasting }));
        let writes =
            (0..writes).flat_map(|nth| both.map(|lasting| SimFault::FailWrite { nth, lasting }));
        let flushes = (0..flushes).map(|nth| SimFault::FailFlush { nth });
        for fault in reads.chain(writes).chain(flushes) {
            for disk in 0..disks {
                assert_eq!(
                    workload(disks, disk, fault, 1),
                    Ok(()),
                    "{fault:?} on {disk} of {disks}"
                );
                cases += 1;
            }
        }
    }
    println!("R5: {cases} errors");
}

fn workload(disks: usize, disk: usize, fault: SimFault, seed: u64) -> Result<(), String> {
    block_on(async {
        let machine = machine(disks, 20);
        let runner = Runner::create(&machine, seed).await?;
        machine.inject(disk, fault);
        outlive(runner, &WORKLOAD, disks, seed).await
    })
}

/// Works until an operation fails. Power fails then, or has failed before: a new machine sees the
/// disks.
async fn outlive(mut runner: Runner, ops: &[Op], disks: usize, seed: u64) -> Result<(), String> {
    let created = runner.machine.event_count();
    let outcome = runner.run(ops).await;
    let order = runner.events.list();
    let opening = |error: &String| error.contains("opening again");
    match &outcome {
        Err(error) if disks == 2 && !opening(error) => {
            return Err(format!("with a good disk left: {error}"));
        }
        Err(error) if opening(error) && error.contains("lost") => return Err(error.clone()),
        _ => {}
    }
    // What was in flight may come after what the journal heard.
    runner.model.extend_order(order);
    let now = runner.machine.event_count().max(created + 1);
    let mut rng = SimRng::new(seed);
    for at in [created + rng.below((now - created) as u64) as usize, now] {
        let machine = runner.machine.crashed(at, &mut rng);
        // A disk that failed has been named as missing, so that nobody has to ask.
        runner
            .model
            .check(&machine, at, 5)
            .await
            .map_err(|error| format!("after {at}: {error}"))?;
    }
    Ok(())
}

#[test]
fn a_disk_that_failed_to_write_can_still_be_read() {
    let machine = machine(1, 20);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        append(&mut writer, 1).await.unwrap();
        store.commit(Vec::new()).await.unwrap();
        machine.inject(0, SimFault::FailWrite { nth: 0, lasting: false });
        append(&mut writer, 2).await.unwrap();
        assert!(matches!(store.commit(Vec::new()).await, Err(StoreError::Disk(_))));
        let again = store.commit(Vec::new()).await;
        assert!(matches!(again, Err(StoreError::Stopped)), "a failed write is not repeated");
        assert!(matches!(store.settle().await, Err(StoreError::Stopped)));
        assert!(matches!(append(&mut writer, 3).await, Err(StoreError::Stopped)));
        expect_all(&store, [1]).await;
    });
}

/// A random history with one disk that fails at some moment.
pub(super) fn round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    states.fetch_add(1, Ordering::Relaxed);
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0xe110);
        let disks = 1 + rng.below(2) as usize;
        let machine = machine(disks, 20);
        let runner = Runner::create(&machine, seed << 16).await?;
        let ops: Vec<Op> = (0..4 + rng.below(12)).map(|_| Op::random(&mut rng)).collect();
        let lasting = rng.chance(0.5);
        let fault = match rng.below(4) {
            0 => SimFault::FailRead { nth: rng.below(60), lasting },
            1 => SimFault::FailWrite { nth: rng.below(60), lasting },
            2 => SimFault::FailFlush { nth: rng.below(20) },
            _ => SimFault::GoneFrom { event: machine.event_count() + rng.below(80) as usize },
        };
        machine.inject(rng.below(disks as u64) as usize, fault);
        outlive(runner, &ops, disks, seed)
            .await
            .map_err(|error| format!("{fault:?}, {ops:?}: {error}"))
    })
}

#[test]
fn no_error_in_a_random_history_loses_what_was_acknowledged() {
    let states = AtomicUsize::new(0);
    for seed in seeds(3000) {
        assert_eq!(round(seed, &states), Ok(()), "seed {seed}");
    }
}
