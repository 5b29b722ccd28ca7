//! A recovery point, and what was said about it since it was made.

use format::event::{
    CONTENT_STREAM, CONTENT_VOLUMES, EVENT_POINT, Event, MarkRow, PointRow, REASON_POLICY,
};
use model::{Digest, PointId, Sequence, SystemId, TenantId, WallTime};

/// A recovery point, as far as it can be told without keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub id: PointId,
    pub tenant: TenantId,
    pub system: SystemId,
    /// Digest of the point's record.
    pub record: Digest,
    /// Order among points: the later commit has the higher one.
    pub sequence: Sequence,
    /// When the source was read, by the box's clock: for people, never for order.
    pub created: WallTime,
    pub content: Content,
    pub volumes: u16,
    /// Bytes of its volumes, or of its stream, together.
    pub logical_bytes: u64,
    /// Bytes that it added to the store.
    pub added_bytes: u64,
    /// The pool's age when it was made, in seconds.
    pub age: u64,
    /// Bytes that differ from its parent's; all of its data if it had none.
    pub changed_bytes: u64,
    /// Of these, bytes of chunks that did not shrink.
    pub dense_bytes: u64,
    /// `SIGNAL_*` bits of `format::event`.
    pub signals: u8,
}

/// What a recovery point is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Content {
    #[default]
    Volumes,
    /// One stream: what a program wrote, from its first byte to its last.
    Stream,
    /// Something of a newer version.
    Unknown(u8),
}

/// A recovery point with what holds of it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub point: Point,
    /// It is to go; until then it is whole and can be restored.
    pub removed: Option<Removal>,
    /// It stays until it is released.
    pub held: bool,
    /// Somebody has looked at its signals.
    pub cleared: bool,
}

/// That a recovery point is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    pub by: RemovedBy,
    /// The pool's age from which on it may go.
    pub due: u64,
}

/// Who wants a recovery point gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovedBy {
    Hand,
    Policy,
}

impl Listed {
    /// Whether something unusual was noticed when it was made, and nobody has looked at it yet.
    pub fn is_suspect(&self) -> bool {
        self.point.signals != 0 && !self.cleared
    }
}

impl Point {
    /// The event that adds it. Its sequence is that of the commit.
    pub(crate) fn event(&self) -> Event {
        Event::Point(PointRow {
            kind: EVENT_POINT,
            content: self.content.number(),
            volumes: self.volumes,
            reserved: 0,
            point: self.id,
            tenant: self.tenant,
            system: self.system,
            record: self.record,
            sequence: Sequence(0),
            created: self.created,
            logical_bytes: self.logical_bytes,
            added_bytes: self.added_bytes,
            age: self.age,
            changed_bytes: self.changed_bytes,
            dense_bytes: self.dense_bytes,
            signals: self.signals,
            reserved2: [0; 15],
        })
    }

    pub(crate) fn of(row: &PointRow) -> Self {
        Self {
            id: row.point,
            tenant: row.tenant,
            system: row.system,
            record: row.record,
            sequence: row.sequence,
            created: row.created,
            content: Content::of(row.content),
            volumes: row.volumes,
            logical_bytes: row.logical_bytes,
            added_bytes: row.added_bytes,
            age: row.age,
            changed_bytes: row.changed_bytes,
            dense_bytes: row.dense_bytes,
            signals: row.signals,
        }
    }
}

impl Content {
    /// As programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Volumes => "volumes",
            Self::Stream => "stream",
            Self::Unknown(_) => "unknown",
        }
    }

    fn of(number: u8) -> Self {
        match number {
            CONTENT_VOLUMES => Self::Volumes,
            CONTENT_STREAM => Self::Stream,
            other => Self::Unknown(other),
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Volumes => CONTENT_VOLUMES,
            Self::Stream => CONTENT_STREAM,
            Self::Unknown(number) => number,
        }
    }
}

impl Removal {
    pub(crate) fn of(row: &MarkRow) -> Self {
        let by = if row.reason == REASON_POLICY { RemovedBy::Policy } else { RemovedBy::Hand };
        Self { by, due: row.due }
    }
}
