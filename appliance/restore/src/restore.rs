//! Giving a whole volume back, with as many workers as there are cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use disk::BufferPool;
use format::manifest::LEAF_BYTES;
use futures_executor::block_on;
use model::BLOCK;
use record::{Leaf, Progress, RecordError, RecordReader, Result, TenantAccess, Volume};

use crate::leaf::{data_runs, fill};
use crate::target::Target;

/// Reads the whole volume and puts it into the target. Every byte was opened from its seal; a bad
/// copy on one disk is healed on the way.
///
/// # Errors
/// `Interrupted` when the progress was asked to stop. What the target has by then is a part.
pub fn restore(
    access: &Arc<TenantAccess>,
    volume: impl Fn() -> Volume + Sync,
    target: &dyn Target,
    workers: usize,
    progress: &Progress,
) -> Result<()> {
    let workers = workers.max(1);
    let bytes = volume().bytes();
    let leaves = volume().leaves();
    progress.begin(bytes);
    let next = AtomicU64::new(0);
    let buffers = BufferPool::new(LEAF_BYTES as usize, workers);
    let work = || -> Result<()> {
        let mut reader = RecordReader::new(access)?;
        let mut volume = volume();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= leaves {
                return Ok(());
            }
            if progress.stopped() {
                return Err(RecordError::Interrupted);
            }
            let offset = number * LEAF_BYTES;
            let length = (bytes - offset).min(LEAF_BYTES) as usize;
            let written = one(&mut reader, &mut volume, number, length, &buffers, target)?;
            progress.advance(length as u64, written);
        }
    };
    let stop_on_error = || {
        work().inspect_err(|_| {
            progress.stop();
            target.give_up();
        })
    };
    let outcomes: Vec<Result<()>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(stop_on_error)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Result<()>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    });
    let errors: Vec<RecordError> = outcomes.into_iter().filter_map(Result::err).collect();
    let failure = |error: &&RecordError| !matches!(error, RecordError::Interrupted);
    match errors.iter().find(failure).or(errors.first()) {
        Some(error) => Err(error.clone()),
        None => target.finish(),
    }
}

fn one(
    reader: &mut RecordReader,
    volume: &mut Volume,
    number: u64,
    length: usize,
    buffers: &BufferPool,
    target: &dyn Target,
) -> Result<u64> {
    let offset = number * LEAF_BYTES;
    let Some(digest) = block_on(volume.leaf(reader, number))? else {
        return target.put_hole(number, offset, length);
    };
    let leaf = block_on(Leaf::read(reader, &digest))?;
    let runs = data_runs(&leaf);
    let mut buffer = block_on(buffers.acquire());
    buffer.truncate(length.next_multiple_of(BLOCK));
    clear_holes(&mut buffer, &runs);
    block_on(fill(reader, &leaf, &mut buffer))?;
    target.put(number, offset, length, buffer.freeze(), &runs)
}

/// Zeroes what no chunk fills: the buffer has been used before.
fn clear_holes(buffer: &mut [u8], runs: &[(u32, u32)]) {
    let mut from = 0;
    for (start, blocks) in runs {
        let (start, end) = (*start as usize * BLOCK, (start + blocks) as usize * BLOCK);
        if let Some(hole) = buffer.get_mut(from..start) {
            hole.fill(0);
        }
        from = end;
    }
    if let Some(rest) = buffer.get_mut(from..) {
        rest.fill(0);
    }
}
