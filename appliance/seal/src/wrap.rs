//! Wrapping: one key sealed under another.
//!
//! Each wrap has its own key, derived from the parent and a random 256-bit salt, so its nonce may
//! be zero. The associated data says what is wrapped: a wrapped key that was moved to another
//! pool, tenant, slot or number does not open.

use format::keyring::WrappedKey;
use model::{DataKeyId, PoolId, TenantId};

use crate::aead::{Aead, AesGcm};
use crate::secret::Secret;
use crate::{Random, SealError};

const CONTEXT: &str = "holdfast 2026-11 key wrap";
const NONCE: [u8; 12] = [0; 12];

/// What is wrapped. The first byte of its associated data stands for the kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The root key, in a slot: by number and kind.
    Root {
        slot: u32,
        kind: u16,
    },
    Tenant(TenantId),
    Data(TenantId, DataKeyId),
}

impl Purpose {
    fn associated(self, pool: PoolId) -> Vec<u8> {
        let mut data = pool.0.to_vec();
        match self {
            Self::Root { slot, kind } => {
                data.push(1);
                data.extend_from_slice(&slot.to_le_bytes());
                data.extend_from_slice(&kind.to_le_bytes());
            }
            Self::Tenant(tenant) => {
                data.push(2);
                data.extend_from_slice(&tenant.0);
            }
            Self::Data(tenant, id) => {
                data.push(3);
                data.extend_from_slice(&tenant.0);
                data.extend_from_slice(&id.0.to_le_bytes());
            }
        }
        data
    }
}

/// A fresh salt for a wrap.
pub(crate) fn salt(random: Random<'_>) -> [u8; 32] {
    let mut salt = [0; 32];
    random(&mut salt);
    salt
}

/// Wraps `key`. The salt must be fresh: see [`salt`].
pub(crate) fn wrap(
    parent: &Secret,
    salt: [u8; 32],
    pool: PoolId,
    purpose: Purpose,
    key: &Secret,
) -> Result<WrappedKey, SealError> {
    let cipher = AesGcm::new(&Secret::derive(CONTEXT, &[parent.bytes(), &salt]));
    let mut sealed = *key.bytes();
    let tag = cipher.seal(&NONCE, &purpose.associated(pool), &mut sealed)?;
    Ok(WrappedKey { salt, sealed, tag })
}

/// Unwraps a key. [`SealError::WrongKey`] if `parent` is not what it was wrapped by, or anything
/// about it was changed.
pub(crate) fn unwrap(
    parent: &Secret,
    pool: PoolId,
    purpose: Purpose,
    wrapped: &WrappedKey,
) -> Result<Secret, SealError> {
    let cipher = AesGcm::new(&Secret::derive(CONTEXT, &[parent.bytes(), &wrapped.salt]));
    let mut key = Secret::new(wrapped.sealed);
    cipher
        .open(&NONCE, &purpose.associated(pool), key.bytes_mut(), &wrapped.tag)
        .map_err(|_| SealError::WrongKey)?;
    Ok(key)
}
