//! Sizes: the block, and amounts of bytes as people read them.

use std::fmt;

/// The unit of every transfer to a disk and of every cut in a disk image, in bytes.
pub const BLOCK: usize = 4096;

/// [`BLOCK`] for offsets.
pub const BLOCK_U64: u64 = BLOCK as u64;

/// How many whole blocks hold `bytes` bytes.
pub fn blocks_for(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK_U64)
}

/// An amount of bytes, shown in the decimal units that disks are sold in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
        if self.0 < 1000 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1000.0;
        let mut unit = 0;
        while value >= 999.95 && unit + 1 < UNITS.len() {
            value /= 1000.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS.get(unit).copied().unwrap_or("EB"))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads `64M`, `1.5GiB`, `4096` or `2T`: a bare letter means the binary unit, as in `truncate`;
/// `kB`, `MB`, `GB` and `TB` are decimal.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().ok()?;
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "K" | "k" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    let bytes = number * factor as f64;
    (bytes.is_finite() && bytes >= 0.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(Bytes(999).to_string(), "999 B");
        assert_eq!(Bytes(5_368_709_120).to_string(), "5.4 GB");
        assert_eq!(Bytes(999_960).to_string(), "1.0 MB");
    }

    #[test]
    fn amounts_parse_with_binary_and_decimal_units() {
        assert_eq!(parse_bytes("64M"), Some(64 << 20));
        assert_eq!(parse_bytes("1.5GiB"), Some(3 << 29));
        assert_eq!(parse_bytes("2 GB"), Some(2_000_000_000));
        assert_eq!(parse_bytes("-1"), None);
        assert_eq!(parse_bytes("12 parsecs"), None);
    }
}
