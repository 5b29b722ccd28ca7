//! Small pools on simulated disks, whose whole contents are known.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use disk::sim::{SimMachine, SimRng};
use disk::{Buffer, SharedBuffer};
use format::FormatError;
use format::geometry::{EDGE_BYTES, Geometry};
use format::keyring::KeyBlock;
use format::segment::RecordKind;
use model::{BLOCK_U64, DataKeyId, Digest, Sequence, TenantId};
use store::{
    Entropy, Journal, NewRecord, OpenOptions, Opened, PoolLayout, Result, Store, StoreError,
};
use store::{SegmentWriter, WriterKeys};

use crate::make::{self, POOL};

const LAYOUT: PoolLayout = PoolLayout { segment_bytes: 32 << 10, log_bytes: 64 << 10 };

/// Segments that a disk has room for.
const SLOTS: u64 = 24;

/// Bytes of each disk.
pub(crate) const DISK_BYTES: u64 =
    2 * EDGE_BYTES + 2 * LAYOUT.log_bytes + SLOTS * LAYOUT.segment_bytes as u64;

/// Times that a future may be polled: simulated disks answer at once, so who needs more waits for
/// ever.
const MOST_POLLS: usize = 100_000;

/// A pool at rest, and what was committed to it.
#[derive(Debug)]
pub(crate) struct SmallPool {
    pub(crate) machine: SimMachine,
    pub(crate) records: Vec<Record>,
    /// Numbers of the events, in order.
    pub(crate) events: Vec<u32>,
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) digest: Digest,
    refs: usize,
    stored: Vec<u8>,
}

impl SmallPool {
    /// One pool of each kind: one disk or two, closed or not, with much in the log or little.
    pub(crate) fn of_each_kind() -> Vec<Self> {
        (0..8).map(|kind| Self::make(1 + kind % 2, kind & 2 == 0, kind & 4 == 0)).collect()
    }

    fn make(disks: usize, closed: bool, settled: bool) -> Self {
        let mut rng = SimRng::new(0xf00d);
        let machine = SimMachine::new(&vec![DISK_BYTES; disks]);
        let journal = Arc::new(Events::default());
        let entropy = Arc::new(SeededEntropy(Mutex::new(rng.clone())));
        let mut records = Vec::new();
        block_on(async {
            let (disks, keys) = (machine.disks(), keys());
            let store = Store::create(disks, LAYOUT, &keys, POOL, entropy, journal.clone()).await?;
            let mut writers = [store.writer(writer_keys(1)), store.writer(writer_keys(2))];
            for number in 0..60 {
                let record = Record::random(&mut rng);
                record.append(&mut writers[number % 2]).await?;
                records.push(record);
                if number % 4 == 0 {
                    store.commit(vec![event(number as u32)]).await?;
                }
                if settled && number % 20 == 0 {
                    store.settle().await?;
                }
            }
            store.commit(vec![event(100), event(101)]).await?;
            if closed { store.close().await } else { Ok(()) }
        })
        .expect("nothing is wrong with the disks");
        let events = journal.numbers();
        Self { machine: machine.restarted(), records, events }
    }
}

impl Record {
    pub(crate) fn random(rng: &mut SimRng) -> Self {
        let most = [700, 700, 5000, 14_000][rng.below(4) as usize];
        let length = 40 + rng.below(most) as usize;
        let stored = make::bytes(rng, length);
        let digest = Digest(*blake3::hash(&stored).as_bytes());
        Self { digest, refs: rng.below(2) as usize, stored }
    }

    pub(crate) async fn append(&self, writer: &mut SegmentWriter) -> Result<()> {
        writer.place(self.stored.len()).await?;
        let Self { digest, refs, ref stored } = *self;
        writer.append(NewRecord { kind: RecordKind::Chunk, digest, refs, stored }).await
    }

    /// What the store gives for the record.
    pub(crate) async fn read(&self, store: &Store) -> Result<Given, StoreError> {
        let mut stored = store.read(&self.digest).await?;
        let view = stored.view();
        let same = view.digest == self.digest && self.is(view.refs, view.payload);
        Ok(if same { Given::Right } else { Given::Wrong })
    }

    pub(crate) fn is(&self, refs: &[u8], payload: &[u8]) -> bool {
        refs.len() == self.refs * 32 && [refs, payload].concat() == self.stored
    }
}

/// What a store gave for a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    Right,
    Wrong,
}

/// Opens a pool, with what its journal hears.
pub(crate) async fn open(
    machine: &SimMachine,
    options: OpenOptions,
) -> Result<(Opened, Arc<Events>)> {
    let journal = Arc::new(Events::default());
    let entropy = Arc::new(SeededEntropy(Mutex::new(SimRng::new(0xbeef))));
    let opened = Store::open(machine.disks(), options, entropy, journal.clone()).await?;
    Ok((opened, journal))
}

pub(crate) fn writer_keys(tenant: u8) -> WriterKeys {
    let commitment = Arc::new(|salt: &[u8; 32]| *salt.first_chunk().expect("16 of 32"));
    WriterKeys { tenant: TenantId([tenant; 16]), data_key: DataKeyId(1), commitment, moves: false }
}

/// The event of this number.
pub(crate) fn event(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(1 + number as usize % 200)
}

pub(crate) fn geometry() -> Geometry {
    Geometry::new(DISK_BYTES, LAYOUT.log_bytes, LAYOUT.segment_bytes).expect("it has room")
}

/// Bytes of a disk.
pub(crate) fn peek(machine: &SimMachine, disk: usize, offset: u64, length: usize) -> Vec<u8> {
    let (start, buffer) = blocks(machine, disk, offset, length);
    buffer[(offset - start) as usize..][..length].to_vec()
}

/// Changes bytes of a disk.
pub(crate) fn poke(machine: &SimMachine, disk: usize, offset: u64, bytes: &[u8]) {
    let (start, mut buffer) = blocks(machine, disk, offset, bytes.len());
    buffer[(offset - start) as usize..][..bytes.len()].copy_from_slice(bytes);
    let data: SharedBuffer = buffer.freeze();
    block_on(machine.disk(disk).write(start, data)).expect("inside the disk");
}

/// The whole blocks around a range, which is not empty.
fn blocks(machine: &SimMachine, disk: usize, offset: u64, length: usize) -> (u64, Buffer) {
    let start = offset / BLOCK_U64 * BLOCK_U64;
    let end = (offset + length as u64).next_multiple_of(BLOCK_U64);
    let buffer = Buffer::zeroed((end - start) as usize);
    (start, block_on(machine.disk(disk).read(start, buffer)).expect("inside the disk"))
}

/// Runs a future to its end.
///
/// # Panics
/// When it waits for something that never comes.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..MOST_POLLS {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("waits for ever");
}

fn keys() -> Vec<u8> {
    let (slots, tenants, data_keys) = (Vec::new(), Vec::new(), Vec::new());
    let (generation, authenticator) = (1, [1; 32]);
    let next_slot = 1;
    KeyBlock { pool_id: POOL, generation, next_slot, slots, tenants, data_keys, authenticator }
        .encode()
}

/// Randomness that repeats.
#[derive(Debug)]
struct SeededEntropy(Mutex<SimRng>);

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut rng = self.0.lock().expect("nobody panics here");
        bytes.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8);
    }
}

/// A journal that remembers the numbers of events. An event with other contents gets a number
/// that no event has.
#[derive(Debug, Default)]
pub(crate) struct Events(Mutex<Vec<u32>>);

impl Events {
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.0.lock().expect("nobody panics here").clone()
    }
}

impl Journal for Events {
    fn restore(&self, snapshot: &[u8]) -> Result<(), FormatError> {
        let (numbers, rest) = snapshot.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(FormatError::Invalid { structure: "events", field: "length" });
        }
        let numbers = numbers.iter().map(|number| u32::from_le_bytes(*number));
        *self.0.lock().expect("nobody panics here") = numbers.collect();
        Ok(())
    }

    fn apply(&self, _: Sequence, bytes: &[u8]) -> Result<(), FormatError> {
        let number = bytes.first_chunk().map(|number| u32::from_le_bytes(*number));
        let number = number.filter(|number| *number < 1000 && event(*number) == bytes);
        self.0.lock().expect("nobody panics here").push(number.unwrap_or(u32::MAX));
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        self.numbers().iter().flat_map(|number| number.to_le_bytes()).collect()
    }
}
