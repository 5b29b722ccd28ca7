//! A stream becomes a recovery point: what a program writes, from its first byte to its end.
//!
//! Workers take turns at reading: whoever has the turn reads a batch, cuts it into chunks and
//! gives the turn away; then it names its chunks and stores those that the store lacks, while
//! others read.
//! Lists of chunks come together in the order of the batches.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use catalog::{Catalog, Content};
use chunk::STREAM_MAX;
use format::segment::RecordKind;
use format::stream::{encode_stream_leaf, ends_stream_leaf};
use futures_executor::block_on;
use model::Digest;
use record::{
    Progress, RecordError, RecordWriter, Result, TenantAccess, Turns, VolumeContent, write_tree,
};
use seal::Codec;

use crate::claims::Claims;
use crate::codec::Pace;
use crate::finish::{Finish, Taken};
use crate::range::Done;
use crate::run::{Options, Report, system_id, worst};

/// Bytes that are read in one turn, about: enough that turns cost nothing.
const BATCH_BYTES: usize = 4 << 20;

/// Batches that may be through before the one that comes first: a list of 1.5 KiB each.
const BATCHES_AHEAD: u64 = 256;

/// Takes one stream in as a recovery point of a system. Of the options the parent does not count.
pub struct StreamIngest<'a> {
    pub access: &'a Arc<TenantAccess>,
    pub catalog: &'a Catalog,
    /// Where the stream comes from. It may fail with [`ErrorKind::Interrupted`] as often as it
    /// likes: then the progress is asked whether to go on.
    pub input: Box<dyn Read + Send + 'a>,
    /// Where that is, for people.
    pub name: String,
    /// What the stream is called.
    pub volume: String,
    /// Asked once the stream has ended: whether that was its right end. The reason if not.
    pub is_whole: &'a dyn Fn() -> std::io::Result<()>,
    pub options: Options,
    pub progress: &'a Progress,
}

/// What is read by turns.
struct Input<'a> {
    read: Box<dyn Read + Send + 'a>,
    /// What has been read and not been cut.
    known: Vec<u8>,
    ended: bool,
    next: u64,
}

/// Some chunks of a stream.
struct Batch {
    number: u64,
    bytes: Vec<u8>,
    lengths: Vec<u32>,
    waited: Duration,
}

/// Where lists of chunks come together.
struct Assembly {
    next: u64,
    waiting: BTreeMap<u64, Vec<(Digest, u32)>>,
    /// Of the leaf that is being made.
    refs: Vec<Digest>,
    lengths: Vec<u32>,
    leaves: Vec<Option<Digest>>,
    writer: RecordWriter,
    total: Done,
    bytes: u64,
}

impl fmt::Debug for StreamIngest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamIngest({})", self.name)
    }
}

impl StreamIngest<'_> {
    /// Reads the stream to its end. When this returns a report, the recovery point is durable.
    ///
    /// # Errors
    /// `Interrupted` when the progress was asked to stop, `Outside` when the stream fails, is empty
    /// or did not end as it should; what was stored by then stays.
    pub fn run(self) -> Result<Report> {
        let Self { access, catalog, input, name, volume, is_whole, options, progress } = self;
        let system = system_id(access, &options.system);
        // What this finds in the store stays there until the point that needs it is known.
        let _lease = access.store().lease(Vec::new());
        let input = Input { read: input, known: Vec::new(), ended: false, next: 0 };
        let assembly = take_all(access, input, &name, &options, progress)?;
        let outside =
            |source| RecordError::Outside { name: name.clone(), source: Arc::new(source) };
        if assembly.bytes == 0 {
            return Err(outside(std::io::Error::new(ErrorKind::UnexpectedEof, "nothing came")));
        }
        is_whole().map_err(|error| match progress.stopped() {
            true => RecordError::Interrupted,
            false => outside(error),
        })?;
        // Whoever asked to stop may have ended the stream with that.
        if progress.stopped() {
            return Err(RecordError::Interrupted);
        }
        let newest = catalog.newest(access.tenant(), system);
        let parent = newest.filter(|point| point.content == Content::Stream).map(|point| point.id);
        let Assembly { leaves, mut writer, total, bytes, .. } = assembly;
        let finish = Finish { access, catalog, options: &options };
        block_on(async {
            let (root, tree_bytes) = write_tree(&mut writer, leaves).await?;
            let (content, name) = (VolumeContent::Stream, name.clone());
            let compared = parent.is_some();
            let taken = Taken { content, volume, bytes, name, root, tree_bytes, total, compared };
            finish.commit(&mut writer, system, vec![taken], parent).await
        })
    }
}

fn take_all(
    access: &Arc<TenantAccess>,
    input: Input<'_>,
    name: &str,
    options: &Options,
    progress: &Progress,
) -> Result<Assembly> {
    let (input, claims, pace) =
        (Mutex::new(input), Claims::default(), Pace::new(options.compression));
    let assembly = Turns::new(Assembly::new(access)?, progress);
    let work = || -> Result<()> {
        let mut writer = RecordWriter::new(access)?;
        let next = || {
            let batch = lock(&input).next(access, progress);
            batch.map_err(|source| match progress.stopped() {
                true => RecordError::Interrupted,
                false => RecordError::Outside { name: name.to_owned(), source: Arc::new(source) },
            })
        };
        while let Some(batch) = next()? {
            let began = Instant::now();
            let (chunks, done) =
                block_on(keep(access, &batch, &claims, pace.codec(), &mut writer))?;
            pace.note(batch.waited, began.elapsed());
            progress.advance(batch.bytes.len() as u64, done.stored_bytes);
            assembly.take(
                |assembly| batch.number < assembly.next + BATCHES_AHEAD,
                |assembly| block_on(assembly.put(batch.number, chunks, &done)),
            )?;
        }
        Ok(())
    };
    let work = || assembly.worker(work);
    let outcomes: Vec<Result<()>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.workers.max(1)).map(|_| scope.spawn(work)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Result<()>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    });
    worst(outcomes)?;
    let mut assembly = assembly.into_inner();
    block_on(assembly.end_leaf())?;
    Ok(assembly)
}

/// Stores the chunks of a batch that the store lacks.
async fn keep(
    access: &TenantAccess,
    batch: &Batch,
    claims: &Claims,
    codec: Codec,
    writer: &mut RecordWriter,
) -> Result<(Vec<(Digest, u32)>, Done)> {
    let mut done = Done { data_bytes: batch.bytes.len() as u64, ..Done::default() };
    done.read_bytes = done.data_bytes;
    let mut chunks = Vec::with_capacity(batch.lengths.len());
    let mut rest = batch.bytes.as_slice();
    for length in &batch.lengths {
        let Some((plain, later)) = rest.split_at_checked(*length as usize) else { break };
        rest = later;
        let digest = access.namer().name_data(plain);
        chunks.push((digest, *length));
        let _claim = claims.claim(digest);
        if access.store().contains(&digest).await? {
            continue;
        }
        let stored = writer.put_new(RecordKind::Chunk, digest, &[], plain, codec).await?;
        done.new_chunks += 1;
        done.new_bytes += u64::from(*length);
        done.stored_bytes += stored;
        if stored >= u64::from(*length) {
            done.dense_bytes += u64::from(*length);
        }
    }
    // Without places to compare, what nobody knew before is what has changed.
    done.changed_bytes = done.new_bytes;
    Ok((chunks, done))
}

impl Input<'_> {
    /// The next chunks; `None` at the end of the stream.
    fn next(
        &mut self,
        access: &TenantAccess,
        progress: &Progress,
    ) -> std::io::Result<Option<Batch>> {
        let began = Instant::now();
        self.fill(progress)?;
        let (mut end, mut lengths) = (0, Vec::new());
        let key = access.stream_key();
        while let Some(length) = key.cut(self.known.get(end..).unwrap_or_default(), self.ended) {
            end += length;
            lengths.push(length as u32);
        }
        if lengths.is_empty() {
            return Ok(None);
        }
        let rest = self.known.split_off(end);
        let bytes = std::mem::replace(&mut self.known, rest);
        let number = self.next;
        self.next += 1;
        Ok(Some(Batch { number, bytes, lengths, waited: began.elapsed() }))
    }

    /// Reads on until there is a batch, or the stream ends.
    fn fill(&mut self, progress: &Progress) -> std::io::Result<()> {
        let mut filled = self.known.len();
        self.known.resize(BATCH_BYTES + STREAM_MAX, 0);
        while filled < self.known.len() && !self.ended {
            if progress.stopped() {
                return Err(ErrorKind::Interrupted.into());
            }
            match self.read.read(self.known.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => self.ended = true,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.known.truncate(filled);
        Ok(())
    }
}

impl Assembly {
    fn new(access: &Arc<TenantAccess>) -> Result<Self> {
        Ok(Self {
            next: 0,
            waiting: BTreeMap::new(),
            refs: Vec::new(),
            lengths: Vec::new(),
            leaves: Vec::new(),
            writer: RecordWriter::new(access)?,
            total: Done::default(),
            bytes: 0,
        })
    }

    async fn put(&mut self, number: u64, chunks: Vec<(Digest, u32)>, done: &Done) -> Result<()> {
        self.total.add(done);
        self.bytes += done.data_bytes;
        self.waiting.insert(number, chunks);
        while let Some(chunks) = self.waiting.remove(&self.next) {
            self.next += 1;
            for (digest, length) in chunks {
                self.refs.push(digest);
                self.lengths.push(length);
                if ends_stream_leaf(self.refs.len(), &digest) {
                    self.end_leaf().await?;
                }
            }
        }
        Ok(())
    }

    async fn end_leaf(&mut self) -> Result<()> {
        let refs = std::mem::take(&mut self.refs);
        let payload = encode_stream_leaf(&std::mem::take(&mut self.lengths));
        if !refs.is_empty() {
            let put = self.writer.put(RecordKind::Leaf, &refs, &payload, Codec::Lz4).await?;
            self.total.stored_bytes += put.stored_bytes;
            self.leaves.push(Some(put.digest));
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
