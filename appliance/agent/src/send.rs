//! Sends what differs, in windows: what was sent counts when the box has flushed it in the session
//! in which it took it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;

use crate::device::Device;
use crate::digests::{BLOCK, Digest, ZERO};
use crate::error::Result;
use crate::pass::{self, RANGE, Range};
use crate::progress::Progress;
use crate::remote::Remote;
use crate::state::Known;

/// Bytes after which the box is asked to flush: what is sent again at most after a cut.
const WINDOW: u64 = 64 << 20;

/// Blocks after which it is asked, zeroes included: their digests are kept meanwhile, 2 MiB.
const WINDOW_BLOCKS: usize = 65_536;

/// Time after which it is asked, however little was sent.
const WINDOW_TIME: Duration = Duration::from_secs(20);

/// Most bytes that are made zeroes in one request.
const MAX_ZEROES: u64 = 1 << 30;

/// What came of one reading.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Bytes that were sent, and those that were made zeroes by a word.
    pub(crate) written: u64,
    pub(crate) zeroed: u64,
    /// Some of it was lost on the way to the disk of the box, and has to be sent again.
    pub(crate) lost: bool,
}

impl Sent {
    /// Whether the box had everything already.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Sends one volume to one intake.
#[derive(Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) remote: &'a mut Remote,
    pub(crate) known: &'a mut Known,
    pub(crate) intake: u64,
    pub(crate) progress: &'a mut Progress,
    bytes: u64,
    window: Window,
    /// A run of zero blocks that was not sent yet: first block, blocks.
    zeroes: Option<(u64, u64)>,
    sent: Sent,
}

/// What the box has taken since it last flushed.
#[derive(Debug, Default)]
struct Window {
    blocks: Vec<(u64, Vec<Digest>)>,
    bytes: u64,
    count: usize,
    began: Option<Instant>,
    session: Option<String>,
    /// Not all of it was taken in one session.
    torn: bool,
}

impl Window {
    fn add(&mut self, first: u64, digests: Vec<Digest>, bytes: u64, session: String) {
        self.torn |= self.session.get_or_insert_with(|| session.clone()) != &session;
        self.began.get_or_insert_with(Instant::now);
        self.count += digests.len();
        self.blocks.push((first, digests));
        self.bytes += bytes;
    }

    fn is_full(&self) -> bool {
        let late = self.began.is_some_and(|began| began.elapsed() >= WINDOW_TIME);
        self.bytes >= WINDOW || self.count >= WINDOW_BLOCKS || late
    }
}

impl<'a> Sender<'a> {
    pub(crate) fn new(
        remote: &'a mut Remote,
        known: &'a mut Known,
        intake: u64,
        progress: &'a mut Progress,
    ) -> Self {
        let (window, sent) = (Window::default(), Sent::default());
        Self { remote, known, intake, progress, bytes: 0, window, zeroes: None, sent }
    }

    /// Reads the volume once and sends what the box does not have. When it returns without a loss
    /// the intake is, durably, what was read.
    pub(crate) async fn pass(&mut self, device: &Arc<Device>) -> Result<Sent> {
        self.sent = Sent::default();
        self.bytes = device.bytes();
        self.known.unseal()?;
        let mut ranges = pass::begin(device.clone());
        while let Some(range) = ranges.recv().await {
            self.range(&range?).await?;
            if self.window.is_full() {
                self.flush().await?;
            }
        }
        self.send_zeroes().await?;
        self.flush().await?;
        Ok(self.sent)
    }

    async fn range(&mut self, range: &Range) -> Result<()> {
        let known = self.known.look(range.first, range.digests.len())?;
        let differs = |at: usize| range.digests.get(at) != known.get(at);
        let mut at = 0;
        while at < range.digests.len() {
            let end = self.end_of_run(range, at, &differs);
            if differs(at) {
                let digests = range.digests.get(at..end).unwrap_or_default();
                let first = range.first + at as u64;
                match digests.first() == Some(&ZERO) {
                    true => self.add_zeroes(first, digests.len() as u64).await?,
                    false => self.write(range, at, digests).await?,
                }
            }
            at = end;
        }
        self.progress.read(RANGE.min(self.bytes - range.first * BLOCK));
        Ok(())
    }

    /// Where the run of blocks ends that are handled like the one at `at`.
    fn end_of_run(&self, range: &Range, at: usize, differs: &impl Fn(usize) -> bool) -> usize {
        let zero = |at: usize| range.digests.get(at) == Some(&ZERO);
        let like = |other: &usize| differs(*other) == differs(at) && zero(*other) == zero(at);
        (at..range.digests.len()).take_while(like).last().map_or(at + 1, |last| last + 1)
    }

    async fn write(&mut self, range: &Range, at: usize, digests: &[Digest]) -> Result<()> {
        let Some(bytes) = &range.bytes else { return Ok(()) };
        let first = range.first + at as u64;
        let start = at * BLOCK as usize;
        let end = (start + digests.len() * BLOCK as usize).min(bytes.bytes().len());
        let body = Bytes::copy_from_slice(bytes.bytes().get(start..end).unwrap_or_default());
        let length = body.len() as u64;
        self.known.doubt(first, digests.len())?;
        let session = self.remote.write(self.intake, first * BLOCK, body).await?;
        self.window.add(first, digests.to_vec(), length, session);
        self.sent.written += length;
        self.progress.sent(length);
        Ok(())
    }

    /// Notes zero blocks; they are sent when the run of them ends.
    async fn add_zeroes(&mut self, first: u64, count: u64) -> Result<()> {
        match &mut self.zeroes {
            Some((start, blocks)) if *start + *blocks == first => *blocks += count,
            _ => {
                self.send_zeroes().await?;
                self.zeroes = Some((first, count));
            }
        }
        match self.zeroes {
            Some((_, blocks)) if blocks * BLOCK >= MAX_ZEROES => self.send_zeroes().await,
            _ => Ok(()),
        }
    }

    async fn send_zeroes(&mut self) -> Result<()> {
        let Some((first, count)) = self.zeroes.take() else { return Ok(()) };
        let offset = first * BLOCK;
        let length = (count * BLOCK).min(self.bytes - offset);
        self.known.doubt(first, count as usize)?;
        let session = self.remote.zero(self.intake, offset, length).await?;
        self.window.add(first, vec![ZERO; count as usize], 0, session);
        self.sent.zeroed += length;
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let window = std::mem::take(&mut self.window);
        let Some(session) = window.session else { return Ok(()) };
        let flushed = self.remote.flush(self.intake).await?;
        if window.torn || flushed != session {
            log::warn!("the box lost what it had taken; it is sent again");
            self.sent.lost = true;
            return Ok(());
        }
        for (first, digests) in &window.blocks {
            self.known.learn(*first, digests)?;
        }
        Ok(())
    }
}
