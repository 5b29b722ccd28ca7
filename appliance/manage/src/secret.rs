//! Passwords, tokens and codes: how they are made, and what is kept of them.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{ManageError, Result};

/// Memory of one hash in KiB, passes and lanes: what OWASP's cheat sheet on storing passwords
/// asks of Argon2id at least (19 MiB, 2, 1).
const COST: (u32, u32, u32) = (19 << 10, 2, 1);

/// Characters of a password.
pub(crate) const PASSWORD: std::ops::RangeInclusive<usize> = 12..=256;

/// Digits of codes that people type: RFC 4648's without those that look like others.
const DIGITS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// A text that nobody is to see: it is wiped, and printed as nothing.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is kept of a password. It says nothing of it without trying.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hash {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

impl Hash {
    /// Takes 19 MiB and some tens of milliseconds.
    pub(crate) fn of(password: &Secret) -> Result<Self> {
        let (memory_kib, passes, lanes) = COST;
        let mut hash = Self { memory_kib, passes, lanes, salt: random()?, hash: [0; 32] };
        // The cost is a constant that the algorithm takes.
        hash.hash = hash.compute(password).unwrap_or_default();
        Ok(hash)
    }

    /// Whether it is of this password.
    pub(crate) fn is_of(&self, password: &Secret) -> bool {
        let computed = self.compute(password);
        computed.is_some_and(|computed| same(&computed, &self.hash))
    }

    fn compute(&self, password: &Secret) -> Option<[u8; 32]> {
        // What is read from the state may cost no more than what is written to it.
        let params = Params::new(self.memory_kib.min(COST.0), self.passes, self.lanes, Some(32));
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.ok()?);
        let mut hash = [0; 32];
        argon2.hash_password_into(password.expose().as_bytes(), &self.salt, &mut hash).ok()?;
        Some(hash)
    }
}

/// Whether both are the same, in a time that says nothing of where they differ.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

pub(crate) fn random<const BYTES: usize>() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(ManageError::Random)?;
    Ok(bytes)
}

/// A token of 256 bits, in hexadecimal digits.
pub(crate) fn token() -> Result<Secret> {
    let bytes: [u8; 32] = random()?;
    Ok(Secret::new(blake3::Hash::from_bytes(bytes).to_hex().to_string()))
}

/// What is kept of a token. It has all the entropy that there is, so one pass is enough.
pub(crate) fn trace(token: &str) -> [u8; 32] {
    blake3::derive_key("holdfast manage 2026 token", token.as_bytes())
}

/// A code for people to type: twelve digits of five bits each.
pub(crate) fn code() -> Result<Secret> {
    let bytes: [u8; 12] = random()?;
    let mut code = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(DIGITS[usize::from(byte % 32)]));
    }
    Ok(Secret::new(code))
}

/// What was typed, without what people put between digits.
pub(crate) fn plain_code(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let right = Secret::new("correct horse battery".to_owned());
        let hash = Hash::of(&right).unwrap();
        assert!(hash.is_of(&right));
        assert!(!hash.is_of(&Secret::new("correct horse batterz".to_owned())));
        assert_ne!(hash.hash, Hash::of(&right).unwrap().hash);
        let shown = format!("{hash:?} {right:?}");
        assert!(!shown.contains("horse") && !shown.contains(&format!("{:?}", hash.salt)));
    }

    #[test]
    fn codes_can_be_typed_in_any_way() {
        let code = code().unwrap();
        assert_eq!(code.expose().len(), 14);
        let typed = code.expose().to_lowercase().replace('-', " ");
        assert_eq!(plain_code(&typed), plain_code(code.expose()));
        assert_ne!(token().unwrap().expose(), token().unwrap().expose());
    }
}
