//! Fills a pool with as many records as a large one has, in as many segments, on little room.
//!
//! What starting a pool costs depends on how many records and segments there are, not on how long
//! the records are: those are not read. So each segment gets as many records as fit with 48 KiB
//! each, and each record is one of a few bytes. On a sparse file the rest of a segment takes no
//! room: 10 million records, which are 480 GB of a real pool, take 1.7 GB.
//!
//! All of it goes through the store as an ingest's records do. The records belong to nobody: no
//! tenant of the pool has made them, no recovery point names them.

use std::error::Error;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::{Arc, Mutex};

use catalog::Catalog;
use clap::Parser;
use disk::sim::SimRng;
use disk::{Access, Backend};
use format::segment::RecordKind;
use futures_executor::block_on;
use model::{DataKeyId, Digest, TenantId};
use store::{Entropy, NewRecord, OpenOptions, SegmentWriter, Store, WriterKeys};

/// Stored bytes of each record.
const RECORD_BYTES: usize = 64;

#[derive(Debug, Parser)]
#[command(name = "many", about = "Fills a pool with many small records")]
struct Args {
    /// The disk of a pool that has one
    disk: PathBuf,

    /// Records that are added
    #[arg(long, default_value_t = 10_000_000)]
    records: u64,

    /// Number of the first record: those of another call are not added again
    #[arg(long, default_value_t = 0)]
    first: u64,

    /// Records of each segment: so many chunks of 48 KiB fill one of 16 MiB
    #[arg(long, default_value_t = 340)]
    per_segment: u64,

    /// End as if killed, with everything committed and nothing closed
    #[arg(long)]
    leave_open: bool,
}

fn main() -> ExitCode {
    match block_on(fill(&Args::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("many: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn fill(args: &Args) -> Result<(), Box<dyn Error>> {
    let disk = disk::open(&args.disk, Access::ReadWrite, Backend::Uring)?;
    let entropy = Arc::new(Seeded(Mutex::new(SimRng::new(args.first))));
    let catalog = Arc::new(Catalog::default());
    let opened = Store::open(vec![disk], OpenOptions::default(), entropy, catalog).await?;
    let store = opened.store;
    // More than half of a segment, so that one with anything in it is ended.
    let whole = store.status().segment_bytes as usize * 3 / 4;
    let mut writer = store.writer(keys());
    for number in args.first..args.first + args.records {
        let begins = (number - args.first).is_multiple_of(args.per_segment);
        append(&mut writer, number, if begins { whole } else { RECORD_BYTES }).await?;
    }
    store.commit(Vec::new()).await?;
    if args.leave_open {
        process::exit(0);
    }
    drop(writer);
    Ok(store.close().await?)
}

/// Appends a record where one of `room` bytes would go.
async fn append(writer: &mut SegmentWriter, number: u64, room: usize) -> store::Result<()> {
    let digest = Digest(*blake3::hash(&number.to_le_bytes()).as_bytes());
    let mut stored = [0; RECORD_BYTES];
    for (to, from) in stored.iter_mut().zip(digest.0.iter().cycle()) {
        *to = *from;
    }
    writer.place(room).await?;
    writer.append(NewRecord { kind: RecordKind::Chunk, digest, refs: 0, stored: &stored }).await
}

fn keys() -> WriterKeys {
    let mut commitment = [0; 16];
    commitment.fill(1);
    let commitment = Arc::new(move |_: &[u8; 32]| commitment);
    WriterKeys { tenant: TenantId([1; 16]), data_key: DataKeyId(1), commitment, moves: false }
}

/// Randomness from a seed: nothing is secret here.
struct Seeded(Mutex<SimRng>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut random = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for byte in bytes {
            *byte = random.next_u64() as u8;
        }
    }
}
