//! From a passphrase to a key: Argon2id (RFC 9106), slow and hungry for memory by design.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize;

use crate::SealError;
use crate::secret::Secret;

/// Shortest passphrase, in bytes. Whether it is a good one, the one who asks for it must judge.
pub const PASSPHRASE_MIN: usize = 12;
/// Longest passphrase, in bytes.
pub const PASSPHRASE_MAX: usize = 1024;

const MEMORY_KIB: std::ops::RangeInclusive<u32> = 19 * 1024..=1024 * 1024;
const PASSES: std::ops::RangeInclusive<u32> = 2..=64;
const LANES: std::ops::RangeInclusive<u32> = 1..=16;

/// The cost of trying one passphrase. Within bounds that hold for reading too: below 19 MiB and
/// two passes it would protect nothing (the least that OWASP recommends), above 1 GiB a hostile
/// key block could keep an appliance from starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strength {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Default for Strength {
    /// 64 MiB and three passes (RFC 9106, second recommendation, with one lane: the appliance
    /// computes on one).
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 }
    }
}

impl Strength {
    /// [`SealError::Strength`] if a value is outside the bounds: 19 MiB to 1 GiB of memory, 2 to
    /// 64 passes, 1 to 16 lanes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, SealError> {
        let inside =
            MEMORY_KIB.contains(&memory_kib) && PASSES.contains(&passes) && LANES.contains(&lanes);
        if !inside {
            return Err(SealError::Strength { memory_kib, passes, lanes });
        }
        Ok(Self { memory_kib, passes, lanes })
    }

    /// Memory in KiB, passes, lanes: as a slot stores them.
    pub(crate) fn parts(self) -> [u32; 3] {
        [self.memory_kib, self.passes, self.lanes]
    }

    /// Stretches a passphrase: its UTF-8 bytes exactly as typed.
    pub(crate) fn stretch(self, passphrase: &str, salt: &[u8; 32]) -> Result<Secret, SealError> {
        let [memory_kib, passes, lanes] = self.parts();
        let refused = SealError::Strength { memory_kib, passes, lanes };
        let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| refused)?;
        let mut memory = Vec::new();
        memory.try_reserve_exact(params.block_count()).map_err(|_| SealError::NoMemory)?;
        memory.resize(params.block_count(), Block::new());
        let mut key = Secret::new([0; 32]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let done = argon2.hash_password_into_with_memory(
            passphrase.as_bytes(),
            salt,
            key.bytes_mut(),
            &mut memory,
        );
        memory.zeroize();
        done.map(|()| key).map_err(|_| refused)
    }
}

/// Whether a passphrase may be used for a new slot.
pub(crate) fn check(passphrase: &str) -> Result<(), SealError> {
    let bytes = passphrase.len();
    if bytes < PASSPHRASE_MIN {
        return Err(SealError::WeakPassphrase { min: PASSPHRASE_MIN });
    }
    if bytes > PASSPHRASE_MAX {
        return Err(SealError::TooLong { bytes, max: PASSPHRASE_MAX });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold() {
        assert!(Strength::new(19 * 1024, 2, 1).is_ok());
        assert!(Strength::new(1024 * 1024, 64, 16).is_ok());
        let outside =
            [(19 * 1024 - 1, 2, 1), (1024 * 1024 + 1, 2, 1), (65_536, 1, 1), (65_536, 65, 1)];
        for (memory, passes, lanes) in outside.into_iter().chain([(65_536, 3, 0), (65_536, 3, 17)])
        {
            assert!(Strength::new(memory, passes, lanes).is_err(), "{memory} {passes} {lanes}");
        }
        assert!(check("eleven byte").is_err());
        assert!(check("twelve bytes").is_ok());
    }

    #[test]
    fn keys_depend_on_passphrase_salt_and_every_parameter() {
        let keys = [
            Strength::new(19_456, 2, 1).unwrap().stretch("a", &[1; 32]).unwrap(),
            Strength::new(19_456, 2, 1).unwrap().stretch("b", &[1; 32]).unwrap(),
            Strength::new(19_456, 2, 1).unwrap().stretch("a", &[2; 32]).unwrap(),
            Strength::new(19_464, 2, 1).unwrap().stretch("a", &[1; 32]).unwrap(),
            Strength::new(19_456, 3, 1).unwrap().stretch("a", &[1; 32]).unwrap(),
            Strength::new(19_456, 2, 2).unwrap().stretch("a", &[1; 32]).unwrap(),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(keys[..at].iter().all(|other| other.bytes() != key.bytes()), "key {at}");
        }
    }
}
