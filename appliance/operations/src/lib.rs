//! What is done with a pool, and what came of it.
//!
//! An operation takes an open pool, what is wanted, and a [`record::Progress`] that shows how far
//! it is and takes the wish to stop. It prints nothing: its outcome is one JSON object for programs
//! and a few lines for people, the same whether a shell or a daemon asked. A [`Failure`] says what
//! is wrong and what to do, in one line; nothing that was there before is damaged by it.

mod checked;
mod expire;
mod failure;
mod image;
mod ingest;
mod members;
mod names;
mod new_file;
mod pacer;
mod patient;
mod pool;
mod pull;
mod receive;
mod reclaim;
mod restore;
mod resync;
mod scrub;
mod secret;
mod stream;
mod verify;

pub use ::clock::{now, uptime};
pub use expire::{Expire, Expired};
pub use failure::{Failure, MAKE_ROOM};
pub use image::{PointImage, default_cache, volume_image};
pub use ingest::{Ingest, Ingested, random_point};
pub use live::{Domain, resume, thaw};
pub use members::{is_in_service, member_json, member_text};
pub use names::SystemNames;
pub use new_file::NewFile;
pub use pacer::TokioPacer;
pub use pool::{
    Io, OpenPool, PoolDisks, SystemRandom, create_file, fill_random, is_same, open_disk,
    open_disks, point_matches, unlock_keyring,
};
pub use pull::{Hypervisor, Pull};
pub use receive::Receive;
pub use reclaim::{Reclaim, ReclaimOutcome};
pub use restore::{Place, Restore, Restored, choose_volume, volume_number};
pub use resync::{Resync, ResyncNext, ResyncOutcome};
pub use scrub::{Scrub, ScrubOutcome, scrub_history};
pub use secret::Secret;
pub use stream::{HandedStream, Pipe, WHOLE, Writer, is_pipe};
pub use verify::{Verified, VerifiedPoint, Verify, VerifyPoint};
