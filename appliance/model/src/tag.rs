use std::fmt;

use crate::hex::write_hex;

/// Keyed hash of one block of a volume: equal for equal blocks of a tenant. It is no name that may
/// stand in the clear: whoever sees tags of chosen blocks can work out the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BlockTag(pub [u8; 12]);

impl fmt::Debug for BlockTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}
