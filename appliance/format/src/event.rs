//! Events of the catalog: what a commit says about recovery points, readable without keys.
//!
//! Names and descriptions are not here: they are in the point's own record, sealed. Every event is
//! one fixed structure that begins with its kind; a reader that meets a kind below 128 that it does
//! not know must stop, from 128 on it may skip the event.

use model::{Digest, PointId, Sequence, SystemId, TenantId, WallTime};

use crate::FormatError;
use crate::bytes::{Taker, put};
use crate::layout::layout;

pub(crate) const NAME: &str = "catalog event";

layout! {
    /// A recovery point, as an event and as a row of the catalog in a checkpoint.
    pub struct PointRow = "PointRow", 160 bytes {
        kind: u8,
        /// What the point is of: 1 volumes, 3 one stream. 2 is reserved (file trees).
        content: u8,
        volumes: u16,
        reserved: u32,
        point: PointId,
        tenant: TenantId,
        system: SystemId,
        /// Digest of the point's record, whose references are the roots of its volumes.
        record: Digest,
        /// Sequence of the commit that made the point, 0 in the commit itself.
        sequence: Sequence,
        /// When the source was read, by the box's clock.
        created: WallTime,
        /// Bytes of its volumes together.
        logical_bytes: u64,
        /// Bytes that it added to the store.
        added_bytes: u64,
        /// The pool's age when the point was made, in seconds: see [`ClockRow`].
        age: u64,
        /// Bytes of its volumes that differ from its parent's; all of its data if it had none.
        changed_bytes: u64,
        /// Of these, bytes of chunks that did not shrink: encrypted or compressed data is such.
        dense_bytes: u64,
        /// What was noticed when it was made, one bit each: see `SIGNAL_*`.
        signals: u8,
        reserved2: [u8; 15],
    }
}

layout! {
    /// Something said about a recovery point; the kind tells what.
    pub struct MarkRow = "MarkRow", 56 bytes {
        kind: u8,
        /// Of a removal: 1 by hand, 2 by the system's policy.
        reason: u8,
        reserved: [u8; 6],
        point: PointId,
        /// Sequence of the commit that it came with, 0 in the commit itself.
        sequence: Sequence,
        /// The pool's age when it was said, in seconds.
        age: u64,
        /// Of a removal: the pool's age from which on it may be carried out.
        due: u64,
        reserved2: u64,
    }
}

layout! {
    /// How old the pool is: the seconds that have demonstrably passed since it was made. It never
    /// goes back, whatever clocks say, and is what deletion goes by.
    pub struct ClockRow = "ClockRow", 56 bytes {
        kind: u8,
        reserved: [u8; 7],
        age: u64,
        /// Which start of which machine `uptime` belongs to.
        boot: [u8; 16],
        /// Seconds that the machine had run then.
        uptime: u64,
        /// The box's clock then.
        wall: WallTime,
        /// No earlier than this it was then, by servers that prove who they are; 0 if none told.
        proven: WallTime,
    }
}

layout! {
    /// What to keep of a protected system's recovery points. A later one replaces it.
    pub struct PolicyRow = "PolicyRow", 80 bytes {
        kind: u8,
        /// 1: the system has no policy of its own any more, and of this row only `lock` counts.
        dropped: u8,
        reserved: [u8; 6],
        tenant: TenantId,
        /// Zeroes: all systems of the tenant that have none of their own.
        system: SystemId,
        /// So many newest points; all counts 0 keep everything.
        last: u16,
        /// The last point of so many hours, days, weeks, months, years that have one.
        hourly: u16,
        daily: u16,
        weekly: u16,
        monthly: u16,
        yearly: u16,
        reserved2: u32,
        /// Retention lock, in seconds of age: younger points cannot be removed. Never shortened.
        lock: u64,
        /// Seconds of age between a removal and its being carried out.
        delay: u64,
        reserved3: u64,
    }
}

layout! {
    /// A scrub: a pass over all segments that ended, or as far as it came.
    pub struct ScrubRow = "ScrubRow", 88 bytes {
        kind: u8,
        reserved: [u8; 7],
        /// Counts scrubs of the pool; a later row of the same number replaces the earlier.
        number: u64,
        /// The pool's age at its begin and at this row, in seconds.
        begun: u64,
        age: u64,
        /// The box's clock at this row.
        wall: WallTime,
        /// The segment to go on from; 0: it is done.
        next: u64,
        bytes_read: u64,
        healed: u64,
        /// Bad copies that could not be healed, of which another was good.
        damaged: u64,
        /// Records without a good copy.
        lost: u64,
        /// All segments with a lower number were read back from every disk since they were
        /// written.
        verified_below: u64,
    }
}

/// [`PointRow::kind`].
pub const EVENT_POINT: u8 = 1;
/// [`MarkRow::kind`]: the point is to go when `due` has come.
pub const EVENT_REMOVED: u8 = 2;
/// [`MarkRow::kind`]: it is held and cannot be removed.
pub const EVENT_HELD: u8 = 3;
/// [`MarkRow::kind`]: it is held no longer.
pub const EVENT_RELEASED: u8 = 4;
/// [`MarkRow::kind`]: its removal was taken back.
pub const EVENT_RETURNED: u8 = 5;
/// [`MarkRow::kind`]: it is gone; nothing else is known of it from here on.
pub const EVENT_GONE: u8 = 6;
/// [`MarkRow::kind`]: somebody looked at its signals, and they freeze nothing any more.
pub const EVENT_CLEARED: u8 = 7;
/// [`ClockRow::kind`].
pub const EVENT_CLOCK: u8 = 8;
/// [`PolicyRow::kind`].
pub const EVENT_POLICY: u8 = 9;
/// [`ScrubRow::kind`].
pub const EVENT_SCRUB: u8 = 10;

/// [`PointRow::content`] of a point that consists of volumes.
pub const CONTENT_VOLUMES: u8 = 1;

/// [`PointRow::content`] of a point of one stream.
pub const CONTENT_STREAM: u8 = 3;

/// [`PointRow::signals`]: far more of the system changed than it used to.
pub const SIGNAL_CHANGE: u8 = 1;
/// [`PointRow::signals`]: far more of what changed is dense than used to be.
pub const SIGNAL_DENSE: u8 = 2;

/// [`MarkRow::reason`]: a person wants it gone.
pub const REASON_HAND: u8 = 1;
/// [`MarkRow::reason`]: the policy keeps it no longer.
pub const REASON_POLICY: u8 = 2;

/// First event kind that may be skipped by a reader that does not know it.
pub(crate) const SKIPPABLE: u8 = 128;

/// An event that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Point(PointRow),
    /// Kinds 2 to 7.
    Mark(MarkRow),
    Clock(ClockRow),
    Policy(PolicyRow),
    Scrub(ScrubRow),
}

impl Event {
    /// The event as a commit carries it.
    pub fn encode(&self) -> Vec<u8> {
        let mut event = Vec::new();
        self.put(&mut event);
        event
    }

    pub(crate) fn put(&self, to: &mut Vec<u8>) {
        match self {
            Self::Point(row) => put(to, row),
            Self::Mark(row) => put(to, row),
            Self::Clock(row) => put(to, row),
            Self::Policy(row) => put(to, row),
            Self::Scrub(row) => put(to, row),
        }
    }

    /// The event at the start of some bytes; `None` if its kind is not known.
    pub(crate) fn take(taker: &mut Taker<'_>, kind: u8) -> Result<Option<Self>, FormatError> {
        Ok(Some(match kind {
            EVENT_POINT => Self::Point(taker.value()?),
            EVENT_REMOVED..=EVENT_CLEARED => Self::Mark(taker.value()?),
            EVENT_CLOCK => Self::Clock(taker.value()?),
            EVENT_POLICY => Self::Policy(taker.value()?),
            EVENT_SCRUB => Self::Scrub(taker.value()?),
            _ => return Ok(None),
        }))
    }
}

/// Decodes an event; `None` for one that may be skipped, and must be kept.
pub fn decode_event(event: &[u8]) -> Result<Option<Event>, FormatError> {
    let mut taker = Taker::new(event, NAME);
    let kind = *event.first().ok_or(taker.invalid("kind"))?;
    match Event::take(&mut taker, kind)? {
        Some(_) if !taker.is_empty() => Err(taker.invalid("length")),
        None if kind < SKIPPABLE => Err(taker.invalid("kind")),
        event => Ok(event),
    }
}
