//! The fingerprint of a certificate: by it, and by nothing else in it, a peer is known.

use std::fmt;
use std::str::FromStr;

use crate::hex::{HexError, parse_hex, write_hex};

/// SHA-256 of a certificate in DER, as `openssl x509 -fingerprint -sha256` shows it. It is no
/// secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = HexError;

    /// Reads 64 hexadecimal digits, with or without colons between the bytes.
    fn from_str(text: &str) -> Result<Self, HexError> {
        let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
        parse_hex(&digits).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_as_openssl_shows_it() {
        let plain = "0a".repeat(32);
        let shown = vec!["0A"; 32].join(":");
        let read: Fingerprint = shown.parse().unwrap();
        assert_eq!((read.to_string(), plain.parse()), (plain.clone(), Ok(read)));
        assert!(plain[2..].parse::<Fingerprint>().is_err());
    }
}
