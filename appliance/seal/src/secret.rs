//! Keys, as types that cannot be taken for one another, are erased when dropped and never shown.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Random;

/// 256 secret bits.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes over a key that is already secret.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new random key.
    pub(crate) fn random(random: Random<'_>) -> Self {
        let mut secret = Self([0; 32]);
        random(&mut secret.0);
        secret
    }

    /// The BLAKE3 key derivation over the parts, which the caller gives lengths that never vary
    /// in one context. The context strings are part of the format.
    pub(crate) fn derive(context: &'static str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher.update(part);
        }
        let mut hash = hasher.finalize();
        let secret = Self(*hash.as_bytes());
        hash.zeroize();
        hasher.zeroize();
        secret
    }

    /// The key itself.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

macro_rules! key {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub(crate) Secret);

        impl $name {
            /// Takes over a key that is already secret.
            pub fn new(bytes: [u8; 32]) -> Self {
                Self(Secret::new(bytes))
            }

            pub(crate) fn secret(&self) -> &Secret {
                &self.0
            }
        }
    )*};
}

key! {
    /// The key of a pool. Slots wrap it, and it wraps the tenants' keys.
    RootKey,
    /// The key of a tenant. It wraps the data keys, and what must not change when they are
    /// rotated is derived from it.
    TenantKey,
    /// What segment keys of one tenant are derived from until it is rotated.
    DataKey,
    /// The key of one segment.
    SegmentKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_key() {
        let text = format!("{:?} {:?}", RootKey::new([0xAB; 32]), Secret::new([171; 32]));
        assert_eq!(text, "RootKey(Secret(..)) Secret(..)");
    }

    #[test]
    fn derivation_is_the_blake3_one() {
        let secret = Secret::derive("context", &[b"ab", b"c"]);
        assert_eq!(secret.bytes(), &blake3::derive_key("context", b"abc"));
    }
}
