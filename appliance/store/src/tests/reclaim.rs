//! Power failures while reclaim marks, moves, retires and releases beside others that find and
//! append; and what marking does with manifests.

use std::sync::atomic::{AtomicUsize, Ordering};

use disk::sim::{SimFault, SimRng};
use format::segment::RecordKind;
use model::Digest;

use super::campaign::each_seed;
use super::crash;
use super::disks::block_on;
use super::fixture::{SAMPLES, append, create, expect_all, machine, seeds, writer_keys};
use super::history::{Op, Runner};
use crate::{NewRecord, Store, StoreError};

/// Histories that the test goes through.
const ROUNDS: usize = 60;

/// Power failures in one history.
const FAILURES: u64 = 100;

#[test]
fn no_power_failure_loses_what_reclaim_moves() {
    each_seed("R1", seeds(ROUNDS), round);
}

/// A history with several reclaims that find something to do, then power failures in it.
pub(super) fn round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0x4ec1);
        let machine = machine(1 + rng.below(2) as usize, 32);
        let mut runner = Runner::create(&machine, seed << 16).await?;
        let created = machine.event_count();
        for _ in 0..3 {
            runner.run(&filling(&mut rng)).await?;
            runner.run(&[Op::Reclaim { seed: rng.next_u64() }]).await?;
            if rng.chance(0.7) {
                runner.run(&[Op::Release]).await?;
            }
        }
        runner.run(&filling(&mut rng)).await?;
        for _ in 0..FAILURES {
            let events = (machine.event_count() - created) as u64;
            let at = created + rng.below(events + 1) as usize;
            let told = |error| format!("after {at} of {machine:?}: {error}");
            crash::failure(&runner, at, &mut rng, states).await.map_err(told)?;
        }
        Ok(())
    })
}

#[test]
fn a_write_that_is_lost_while_records_move_loses_none_of_them() {
    let states = AtomicUsize::new(0);
    for seed in seeds(300) {
        assert_eq!(lost_write_round(seed, &states), Ok(()), "seed {seed}");
    }
}

/// The only disk says of one write during a reclaim that it wrote, and did not.
pub(super) fn lost_write_round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0x105e);
        let machine = machine(1, 32);
        let mut runner = Runner::create(&machine, seed << 16).await?;
        runner.run(&filling(&mut rng)).await?;
        // What recovery writes may be lost too, which a disk alone cannot make good.
        runner.run(&[Op::Commit { bytes: None }]).await?;
        states.fetch_add(1, Ordering::Relaxed);
        let nth = rng.below(20);
        let lose = || machine.inject(0, SimFault::LoseWrite { nth });
        runner.reclaim_alone(&mut rng, lose).await?;
        runner.model.check(&machine, machine.event_count(), seed).await?;
        Ok(())
    })
}

/// Fills some segments.
fn filling(rng: &mut SimRng) -> Vec<Op> {
    let append = |rng: &mut SimRng| Op::Append {
        writer: rng.below(2) as usize,
        number: rng.below(SAMPLES.len() as u64) as usize,
    };
    let mut ops: Vec<Op> = (0..20 + rng.below(20)).map(|_| append(rng)).collect();
    ops.push(Op::Commit { bytes: Some(40) });
    match rng.below(4) {
        0 => ops.push(Op::Kill),
        1 => ops.push(Op::Close),
        _ => {}
    }
    ops
}

/// Appends a record of this kind that refers to others.
pub(super) async fn put(store: &Store, kind: RecordKind, name: u8, refs: &[Digest]) -> Digest {
    let mut writer = store.writer(writer_keys(1));
    let stored: Vec<u8> = refs.iter().flat_map(|digest| digest.0).chain([name; 40]).collect();
    let digest = Digest(*blake3::hash(&stored).as_bytes());
    writer.place(stored.len()).await.unwrap();
    let record = NewRecord { kind, digest, refs: refs.len(), stored: &stored };
    writer.append(record).await.unwrap();
    digest
}

#[test]
fn marking_follows_manifests_and_gives_up_when_one_is_gone() {
    let machine = machine(1, 20);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        for number in 0..40 {
            append(&mut writer, number).await.unwrap();
        }
        let chunks: Vec<Digest> = (0..10).map(|number| SAMPLES[number].digest).collect();
        let leaf = put(&store, RecordKind::Leaf, 1, &chunks).await;
        let node = put(&store, RecordKind::Node, 2, &[leaf]).await;
        let point = put(&store, RecordKind::Point, 3, &[node, node]).await;
        let unknown = Digest([9; 32]);
        let broken = put(&store, RecordKind::Node, 4, &[leaf, unknown]).await;
        let holed = put(&store, RecordKind::Leaf, 5, &[chunks[0], unknown]).await;
        store.commit(Vec::new()).await.unwrap();

        let mark = async |roots| store.begin_reclaim().mark(roots, &mut |_| true).await;
        let marked = mark(vec![point]).await.unwrap().marked();
        assert_eq!((marked.records, marked.manifests, marked.missing), (13, 3, 0));
        let more = mark(vec![point, holed]).await.unwrap().marked();
        assert_eq!((more.records, more.missing), (14, 1), "a lost chunk stops nothing");
        let error = mark(vec![broken]).await.unwrap_err();
        assert!(matches!(error, StoreError::Unknown { digest } if digest == unknown), "{error}");
        let stopped = store.begin_reclaim().mark(vec![holed], &mut |_| false).await;
        assert!(matches!(stopped, Err(StoreError::Interrupted)));
        expect_all(&store, 0..40).await;
    });
}
