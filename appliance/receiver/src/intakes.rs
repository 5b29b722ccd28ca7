//! What the receiver wants of the box: intakes, into which a volume is written.
//!
//! The trait is all that the receiver can do: no member gives bytes of a recovery point, or takes
//! one away. Implementations are the engine over the bus, and [`crate::sim`].

use std::ops::Deref;

use model::Consistency;
use tokio::sync::OwnedSemaphorePermit;

/// What becomes of the bytes of one volume: a range that is not written is what it was in the
/// recovery point `base`, or zeroes when there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// Never given twice on an appliance.
    pub number: u64,
    /// Name of the protected system.
    pub system: String,
    pub volume: String,
    /// Size of the volume.
    pub bytes: u64,
    /// Identity of the recovery point that it lies above; empty when there is none.
    pub base: String,
    /// When it was begun, in seconds of the box's clock.
    pub since: u64,
    pub stage: Stage,
}

/// How far an intake is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It can be written.
    Open,
    /// It was finished; the recovery point is being made.
    Finishing,
    /// The recovery point with this identity is there.
    Done { point: String },
    /// The recovery point was not made. What was written may still be there.
    Failed { cause: String, next: String },
}

/// Why the box does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no such intake, or not any more.
    #[error("there is no such intake")]
    Gone,
    /// It cannot be done as things are; asking again does not help by itself.
    #[error("{what}; {next}")]
    Refused { what: String, next: String },
    /// The engine does not answer, or not in time. Asking again later may help.
    #[error("{what}")]
    Unavailable { what: String },
}

/// Tells apart times between which writes that were not flushed may have been lost: as long as it
/// is the same, they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session(pub u64);

impl Session {
    /// One that no other time has.
    pub fn fresh() -> Self {
        use std::hash::{BuildHasher, Hasher, RandomState};
        Self(RandomState::new().build_hasher().finish())
    }
}

/// Bytes that are to be written, with the room in memory that they take: it is given back when they
/// are written, or nobody is going to write them any more, and not when nobody waits for that.
#[derive(Debug)]
pub struct Body {
    bytes: Vec<u8>,
    _room: Vec<OwnedSemaphorePermit>,
}

impl Body {
    /// These bytes, which take that room until they are dropped.
    pub fn new(bytes: Vec<u8>, room: impl Into<Vec<OwnedSemaphorePermit>>) -> Self {
        Self { bytes, _room: room.into() }
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Intakes of a box.
///
/// A call that is dropped half way may or may not have been done; the next call works all the
/// same. What was written and flushed survives a restart of both sides.
pub trait Intakes: Send + Sync + 'static {
    /// The intake of this volume that is not done, if there is one: the newest.
    fn pending(
        &self,
        system: &str,
        volume: &str,
    ) -> impl Future<Output = Result<Option<Intake>, Fault>> + Send;

    /// Begins an intake of a volume of so many bytes.
    fn begin(
        &self,
        system: &str,
        volume: &str,
        bytes: u64,
    ) -> impl Future<Output = Result<Intake, Fault>> + Send;

    /// An intake by its number, also for a while after it is done.
    fn find(&self, number: u64) -> impl Future<Output = Result<Intake, Fault>> + Send;

    /// Writes bytes that lie within the volume.
    fn write(
        &self,
        number: u64,
        offset: u64,
        body: Body,
    ) -> impl Future<Output = Result<Session, Fault>> + Send;

    /// Makes a range within the volume zeroes.
    fn zero(
        &self,
        number: u64,
        offset: u64,
        bytes: u64,
    ) -> impl Future<Output = Result<Session, Fault>> + Send;

    /// Makes everything durable that was written before in the session that it gives.
    fn flush(&self, number: u64) -> impl Future<Output = Result<Session, Fault>> + Send;

    /// Makes a recovery point of it. When the call returns this has begun.
    fn finish(
        &self,
        number: u64,
        consistency: Consistency,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Ends the intake without a recovery point.
    fn discard(&self, number: u64) -> impl Future<Output = Result<(), Fault>> + Send;
}
