//! The write path: a source becomes a recovery point.
//!
//! A volume is taken in by ranges of 16 MiB, each by whichever worker is free: read, cut into
//! chunks, name them, keep those that the store lacks, and write the leaf that maps the range.
//! What is new is first compared with the parent recovery point, so that an incremental costs
//! what changed. The nodes above the leaves, the point and its event come last.
//!
//! A stream is cut at any byte, as it comes; all else is the same.

mod before;
mod changes;
mod claims;
mod codec;
mod finish;
mod hint;
mod layout;
mod naming;
mod nbd;
mod parent;
mod range;
mod run;
mod signals;
mod source;
mod stream;

pub use codec::Compression;
pub use hint::{Dirty, Hint, Recheck};
pub use nbd::{
    AddressFault, Backing, ImageFormat, ImageSource, NbdAddress, NbdSource, Refusal, SourceError,
    Violation, connect_unix, dirty, open_source, open_source_with,
};
pub use run::{Ingest, NewVolume, Options, Parent, Report, system_id};
pub use signals::{HISTORY_MAX, HISTORY_MIN, Measured, TINY_BYTES, judge};
pub use source::{FileSource, Source};
pub use stream::StreamIngest;
