//! Giving a stream back: its bytes, in order, to whoever takes them.
//!
//! Workers take turns at finding out which chunks come next, open them beside each other, and write
//! in the order of the stream.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use format::segment::RecordKind;
use futures_executor::block_on;
use model::Digest;
use record::{
    Progress, RecordError, RecordReader, Result, Stream, StreamLeaf, StreamLeaves, TenantAccess,
    Turns,
};

use crate::target::outside;

/// Bytes that a worker opens in one turn, about; one chunk at least.
const BATCH_BYTES: u64 = 4 << 20;

/// What has been found out of the manifest.
struct Walk {
    leaves: StreamLeaves,
    chunks: std::vec::IntoIter<(Digest, u32)>,
    next: u64,
    /// Bytes of all chunks so far.
    bytes: u64,
    /// Nobody knows what comes next.
    lost: bool,
}

/// Chunks that follow each other.
struct Batch {
    number: u64,
    chunks: Vec<(Digest, u32)>,
}

/// Where bytes go, one batch after the other.
struct Sink<'a> {
    to: &'a mut (dyn Write + Send),
    next: u64,
}

/// Writes all of a stream to `to`, named `name` for people, with so many workers, each of which
/// takes 5 MiB of memory. `to` is flushed at the end.
///
/// # Errors
/// `Interrupted` when the progress was asked to stop; `Shape` when the manifest has another length
/// than the point says. What was written by then is the beginning of the stream.
pub fn restore_stream(
    access: &Arc<TenantAccess>,
    stream: &Stream,
    to: &mut (dyn Write + Send),
    name: &str,
    workers: usize,
    progress: &Progress,
) -> Result<()> {
    progress.begin(stream.bytes());
    let (leaves, chunks) = (stream.leaves(), Vec::new().into_iter());
    let walk = Mutex::new(Walk { leaves, chunks, next: 0, bytes: 0, lost: false });
    let sink = Turns::new(Sink { to, next: 0 }, progress);
    let outside = |error| outside(name, error);
    let work = || -> Result<()> {
        let mut reader = RecordReader::new(access)?;
        loop {
            if progress.stopped() {
                return Err(RecordError::Interrupted);
            }
            let batch = {
                let mut walk = lock(&walk);
                // Behind a gap nothing may take its place.
                if std::mem::replace(&mut walk.lost, true) {
                    return Err(RecordError::Interrupted);
                }
                let batch = block_on(walk.next(&mut reader, stream.bytes()))?;
                walk.lost = false;
                batch
            };
            let Some(batch) = batch else { return Ok(()) };
            let bytes = block_on(read(&mut reader, &batch.chunks))?;
            sink.take(
                |sink| sink.next == batch.number,
                |sink| {
                    if sink.next != batch.number {
                        return Err(RecordError::Interrupted);
                    }
                    sink.to.write_all(&bytes).map_err(&outside)?;
                    sink.next += 1;
                    Ok(())
                },
            )?;
            progress.advance(bytes.len() as u64, bytes.len() as u64);
        }
    };
    let work = || sink.worker(work);
    let outcomes: Vec<Result<()>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(work)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Result<()>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    });
    let errors = || outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let failure = errors().find(|error| !matches!(error, RecordError::Interrupted));
    if let Some(error) = failure.or(errors().next()) {
        return Err(error.clone());
    }
    if lock(&walk).bytes != stream.bytes() {
        return Err(RecordError::Shape);
    }
    sink.into_inner().to.flush().map_err(outside)
}

impl Walk {
    /// The chunks that come next; `None` behind the last. No more than `total` bytes in all.
    async fn next(&mut self, reader: &mut RecordReader, total: u64) -> Result<Option<Batch>> {
        let (mut chunks, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES {
            if let Some((digest, length)) = self.chunks.next() {
                bytes += u64::from(length);
                chunks.push((digest, length));
                continue;
            }
            let Some(leaf) = self.leaves.next(reader).await? else { break };
            self.chunks = StreamLeaf::read(reader, &leaf).await?.chunks.into_iter();
        }
        self.bytes += bytes;
        if self.bytes > total {
            return Err(RecordError::Shape);
        }
        let number = self.next;
        self.next += 1;
        Ok((!chunks.is_empty()).then_some(Batch { number, chunks }))
    }
}

/// The bytes of chunks, one after the other.
pub(crate) async fn read(reader: &mut RecordReader, chunks: &[(Digest, u32)]) -> Result<Vec<u8>> {
    let total: usize = chunks.iter().map(|(_, length)| *length as usize).sum();
    let mut bytes = vec![0; total];
    let mut places: HashMap<Digest, Vec<(usize, usize)>> = HashMap::new();
    let mut at = 0;
    for (digest, length) in chunks {
        places.entry(*digest).or_default().push((at, *length as usize));
        at += *length as usize;
    }
    let digests: Vec<Digest> = places.keys().copied().collect();
    let mut short = None;
    reader
        .read_batch(&digests, RecordKind::Chunk, |number, _, plain| {
            let Some(digest) = digests.get(number) else { return };
            for (at, length) in places.remove(digest).unwrap_or_default() {
                match bytes.get_mut(at..at + length) {
                    Some(room) if plain.len() == length => room.copy_from_slice(plain),
                    _ => short = Some(*digest),
                }
            }
        })
        .await?;
    match short.or(places.keys().next().copied()) {
        Some(digest) => Err(RecordError::Short { digest }),
        None => Ok(bytes),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
