//! Compress, then encrypt a chunk, and open it again; the key hierarchy. Pure.
//!
//! A record's way: [`Compressor::compress`] makes an envelope (codec, length, compressed bytes),
//! [`seal`] encrypts it in place and appends the tag; [`Opener`] goes back. The key of a segment
//! comes from [`SegmentKey::derive`], the data key behind it from a [`Keyring`] that somebody
//! unlocked. Randomness and time are passed in.

mod aead;
mod associated;
mod compress;
mod envelope;
mod error;
mod keyring;
mod kit;
mod open;
mod passphrase;
mod secret;
mod segment;
mod tenant;
mod wrap;

pub use aead::{Aead, AesGcm, AwsLc, TAG_BYTES};
pub use associated::RecordContext;
pub use compress::{Compressor, ZSTD_LEVEL};
pub use envelope::{Codec, HEADER_BYTES, PLAIN_MAX};
pub use error::SealError;
pub use keyring::{Keyring, SlotInfo, Unlocked};
pub use kit::{KIT_GROUPS, KitSecret};
pub use open::{Decrypted, Opener};
pub use passphrase::{PASSPHRASE_MAX, PASSPHRASE_MIN, Strength};
pub use secret::{DataKey, RootKey, Secret, SegmentKey, TenantKey};
pub use segment::{Backend, SegmentCipher, nonce, seal};
pub use tenant::TenantKeys;

/// Fills a buffer with bytes from the system's cryptographic random source. It must not return
/// before it has: a key that is not random protects nothing.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);
