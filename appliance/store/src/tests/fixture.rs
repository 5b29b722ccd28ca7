//! What tests of the store are made of: randomness that repeats, a journal that remembers, records
//! and keys with known contents, small pools.

use std::sync::{Arc, LazyLock, Mutex};

use disk::Disk;
use disk::sim::{SimMachine, SimRng};
use format::FormatError;
use format::geometry::{EDGE_BYTES, Geometry};
use format::keyring::KeyBlock;
use format::segment::RecordKind;
use model::{DataKeyId, Digest, PoolId, Sequence, TenantId};

use crate::{
    Entropy, Journal, NewRecord, OpenOptions, Opened, PoolLayout, RecordPlace, Result,
    SegmentWriter, Store, StoreError, WriterKeys,
};

pub(super) const POOL: PoolId = PoolId([7; 16]);
pub(super) const LAYOUT: PoolLayout = PoolLayout { segment_bytes: 32 << 10, log_bytes: 64 << 10 };

/// A number of states, or of what else a test goes through, scaled for a shorter or a longer run
/// by `HOLDFAST_STATES_PERCENT`.
pub(super) fn scaled(count: usize) -> usize {
    let percent = std::env::var("HOLDFAST_STATES_PERCENT");
    count * percent.map_or(100, |percent| percent.parse().unwrap()) / 100
}

/// The seed that campaigns begin with: `HOLDFAST_SEED`, else 0. A failure names its seed; beginning
/// with it replays the failure at once.
pub(super) fn first_seed() -> u64 {
    std::env::var("HOLDFAST_SEED").map_or(0, |seed| seed.parse().unwrap())
}

/// So many seeds from the first on, scaled; at least one.
pub(super) fn seeds(count: usize) -> std::ops::Range<u64> {
    first_seed()..first_seed() + scaled(count).max(1) as u64
}

/// Randomness from a seed.
pub(super) struct SeededEntropy(Mutex<SimRng>);

impl SeededEntropy {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(SimRng::new(seed))))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut rng = self.0.lock().unwrap();
        for piece in bytes.chunks_mut(8) {
            piece.copy_from_slice(&rng.next_u64().to_le_bytes()[..piece.len()]);
        }
    }
}

/// Remembers the numbers of events, in order.
#[derive(Debug, Default)]
pub(super) struct Events(Mutex<Vec<u32>>);

impl Events {
    pub(super) fn list(&self) -> Vec<u32> {
        self.0.lock().unwrap().clone()
    }
}

/// An event of this number and about this many bytes.
pub(super) fn event(number: u32, bytes: usize) -> Vec<u8> {
    let mut event = number.to_le_bytes().to_vec();
    event.resize(bytes.max(4), number as u8);
    event
}

impl Journal for Events {
    fn restore(&self, snapshot: &[u8]) -> Result<(), FormatError> {
        let numbers = snapshot.chunks_exact(4).map(number_of);
        *self.0.lock().unwrap() = numbers.collect();
        Ok(())
    }

    fn apply(&self, _: Sequence, bytes: &[u8]) -> Result<(), FormatError> {
        let number = number_of(bytes);
        if bytes != event(number, bytes.len()) {
            return Err(FormatError::Damaged { structure: "event" });
        }
        self.0.lock().unwrap().push(number);
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        self.0.lock().unwrap().iter().flat_map(|number| number.to_le_bytes()).collect()
    }
}

fn number_of(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// A record with contents that follow from its number.
pub(super) struct Sample {
    pub(super) digest: Digest,
    pub(super) refs: usize,
    pub(super) stored: Vec<u8>,
}

/// The samples of less than 128 bytes.
pub(super) const SMALL: std::ops::Range<usize> = 192..256;

/// Records 0 to 255: many small, some of several blocks, a few of a good part of a segment.
pub(super) static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| (0..256).map(sample).collect());

fn sample(number: u64) -> Sample {
    let mut rng = SimRng::new(0xda7a + number);
    let length = match rng.below(10) {
        _ if SMALL.contains(&(number as usize)) => 64 + rng.below(64),
        0..6 => 40 + rng.below(700),
        6..9 => 1000 + rng.below(5000),
        _ => 6000 + rng.below(13_000),
    } as usize;
    let stored: Vec<u8> = (0..length).map(|_| rng.next_u64() as u8).collect();
    let refs = rng.below(2) as usize;
    Sample { digest: Digest(*blake3::hash(&stored).as_bytes()), refs, stored }
}

/// A key block of this generation.
pub(super) fn keys(generation: u64) -> Vec<u8> {
    KeyBlock {
        pool_id: POOL,
        generation,
        next_slot: 1,
        slots: Vec::new(),
        tenants: Vec::new(),
        data_keys: Vec::new(),
        authenticator: [generation as u8; 32],
    }
    .encode()
}

pub(super) fn writer_keys(tenant: u8) -> WriterKeys {
    let commitment = Arc::new(|salt: &[u8; 32]| *salt.first_chunk().unwrap());
    WriterKeys { tenant: TenantId([tenant; 16]), data_key: DataKeyId(1), commitment, moves: false }
}

/// Empty disks with room for this many segments each.
pub(super) fn machine(disks: usize, slots: u32) -> SimMachine {
    let segments = u64::from(LAYOUT.segment_bytes) * u64::from(slots);
    SimMachine::new(&vec![2 * EDGE_BYTES + 2 * LAYOUT.log_bytes + segments; disks])
}

/// A new pool on these disks, with what its journal hears.
pub(super) async fn create(disks: Vec<Arc<dyn Disk>>, seed: u64) -> Result<(Store, Arc<Events>)> {
    let events = Arc::new(Events::default());
    let entropy = SeededEntropy::new(seed);
    let store = Store::create(disks, LAYOUT, &keys(1), POOL, entropy, events.clone()).await?;
    Ok((store, events))
}

/// The pool on these disks, with what its journal hears.
pub(super) async fn open(
    disks: Vec<Arc<dyn Disk>>,
    options: OpenOptions,
    seed: u64,
) -> Result<(Opened, Arc<Events>)> {
    let events = Arc::new(Events::default());
    let opened = Store::open(disks, options, SeededEntropy::new(seed), events.clone()).await?;
    Ok((opened, events))
}

/// Appends sample `number`.
pub(super) async fn append(writer: &mut SegmentWriter, number: usize) -> Result<RecordPlace> {
    let sample = &SAMPLES[number];
    let place = writer.place(sample.stored.len()).await?;
    let (digest, refs, stored) = (sample.digest, sample.refs, &sample.stored[..]);
    writer.append(NewRecord { kind: RecordKind::Chunk, digest, refs, stored }).await?;
    Ok(place)
}

/// Whether sample `number` is there. Reading wrong bytes is the end of the test.
pub(super) async fn has(store: &Store, number: usize) -> Result<bool> {
    let sample = &SAMPLES[number];
    match store.read(&sample.digest).await {
        Ok(mut record) => {
            let view = record.view();
            let right = sample.stored.strip_prefix(view.refs) == Some(view.payload)
                && view.refs.len() == sample.refs * 32
                && view.digest == sample.digest;
            assert!(right, "record {number} has wrong contents");
            Ok(true)
        }
        Err(StoreError::Unknown { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Asserts that samples are there and right.
pub(super) async fn expect_all(store: &Store, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        assert!(has(store, number).await.unwrap(), "record {number} is there");
    }
}

/// How the first disk of a machine is laid out.
pub(super) fn geometry(machine: &SimMachine) -> Geometry {
    let bytes = machine.disk(0).size();
    Geometry::new(bytes, LAYOUT.log_bytes, LAYOUT.segment_bytes).unwrap()
}
