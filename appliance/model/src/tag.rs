use std::fmt;

use crate::hex::write_hex;

/// Keyed hash of one block of a volume: equal for equal blocks of a tenant, and for different ones
/// with a chance of 2^-96.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BlockTag(pub [u8; 12]);

impl fmt::Debug for BlockTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}
