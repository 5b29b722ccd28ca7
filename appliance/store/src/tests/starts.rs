//! Pools of many records: what opening them reads, and checkpoints whose index grows while they
//! are written.

use std::sync::Arc;

use disk::Disk;
use disk::sim::SimMachine;
use format::geometry::EDGE_BYTES;
use format::segment::RecordKind;
use futures_util::future::join;
use model::Digest;

use super::disks::{Pace, PacedDisk, block_on};
use super::fixture::{Events, POOL, SeededEntropy, keys, open, writer_keys};
use crate::{NewRecord, OpenOptions, PoolLayout, SegmentWriter, Store};

/// Small segments, so that a checkpoint has many parts, and a log that holds up no writer.
const LAYOUT: PoolLayout = PoolLayout { segment_bytes: 32 << 10, log_bytes: 16 << 20 };

const READ_ONLY: OpenOptions = OpenOptions { read_only: true, allow_missing: false };

/// Bytes that every opening reads: superblocks, and the place behind the end of the log.
const ALWAYS: u64 = 64 << 10;

fn machine() -> SimMachine {
    let segments = u64::from(LAYOUT.segment_bytes) * 800;
    SimMachine::new(&[2 * EDGE_BYTES + 2 * LAYOUT.log_bytes + segments])
}

async fn create(disks: Vec<Arc<dyn Disk>>) -> Store {
    let (entropy, events) = (SeededEntropy::new(1), Arc::new(Events::default()));
    Store::create(disks, LAYOUT, &keys(1), POOL, entropy, events).await.unwrap()
}

fn digest(number: u64) -> Digest {
    Digest(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

async fn append_all(writer: &mut SegmentWriter, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let digest = digest(number);
        writer.place(digest.0.len()).await.unwrap();
        let kind = RecordKind::Chunk;
        let record = NewRecord { kind, digest, refs: 0, stored: &digest.0 };
        writer.append(record).await.unwrap();
    }
}

async fn expect_all(store: &Store, count: u64) {
    for number in (0..count).step_by(97) {
        let mut record = store.read(&digest(number)).await.unwrap();
        assert_eq!(record.view().payload, digest(number).0);
    }
}

#[test]
fn opening_reads_the_checkpoint_once_and_hardly_anything_else() {
    for records in [2_000, 10_000, 50_000] {
        let machine = machine();
        block_on(async {
            let store = create(machine.disks()).await;
            append_all(&mut store.writer(writer_keys(1)), 0..records).await;
            let checkpoint = store.status().index_bytes + 200 * store.status().segments;
            store.close().await.unwrap();
            let machine = machine.restarted();
            let (opened, _) = open(machine.disks(), READ_ONLY, 2).await.unwrap();
            let read = machine.counts(0).bytes_read;
            assert!(read <= checkpoint + ALWAYS, "{read} bytes for {records} records");
            assert_eq!(opened.store.status().records, records);
            expect_all(&opened.store, records).await;
        });
    }
}

/// Writes a checkpoint; gives how many parts it has after the first.
async fn checkpoint(store: &Store) -> usize {
    let mut log = store.inner.log.lock().await;
    store.inner.checkpoint(&mut log, false).await.unwrap();
    log.anchor.parts.len()
}

#[test]
fn an_index_that_grows_while_a_checkpoint_is_written_is_whole_there() {
    for more in [200, 3_000, 9_000] {
        let machine = machine();
        let pace = Pace::default();
        let disks = machine.disks().into_iter().map(|disk| PacedDisk::over(disk, &pace, more));
        let disks = disks.collect();
        block_on(async {
            let store = create(disks).await;
            let mut writer = store.writer(writer_keys(1));
            append_all(&mut writer, 0..8_000).await;
            store.commit(Vec::new()).await.unwrap();
            let before = checkpoint(&store).await;
            pace.set(true);
            let appended = append_all(&mut writer, 8_000..8_000 + more);
            let (parts, ()) = join(checkpoint(&store), appended).await;
            assert!(more < 9_000 || parts > before + 1, "{before} parts, then {parts}");
            pace.set(false);
            store.commit(Vec::new()).await.unwrap();
            let (opened, _) = open(machine.restarted().disks(), READ_ONLY, 2).await.unwrap();
            expect_all(&opened.store, 8_000 + more).await;
        });
    }
}
