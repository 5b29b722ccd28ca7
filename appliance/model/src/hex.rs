//! Hexadecimal text of ids and digests: how people and logs name them.

use std::fmt;

/// Why a text is not the hexadecimal form of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HexError {
    /// The text has another number of digits than the id.
    Length { expected: usize, found: usize },
    /// The character at this place is not a hexadecimal digit.
    Digit { at: usize },
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(f, "{expected} hexadecimal digits expected, {found} found")
            }
            Self::Digit { at } => write!(f, "character {} is not a hexadecimal digit", at + 1),
        }
    }
}

impl std::error::Error for HexError {}

pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

pub(crate) fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    if text.len() != 2 * N {
        return Err(HexError::Length { expected: 2 * N, found: text.len() });
    }
    let mut bytes = [0; N];
    for (at, character) in text.chars().enumerate() {
        let digit = character.to_digit(16).ok_or(HexError::Digit { at })? as u8;
        if let Some(byte) = bytes.get_mut(at / 2) {
            *byte = *byte << 4 | digit;
        }
    }
    Ok(bytes)
}
