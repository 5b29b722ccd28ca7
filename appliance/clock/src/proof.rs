//! That somebody who can be trusted told the time, and when.
//!
//! `holdfast-timekeeper` writes it where only it may write, and whoever counts the pool's age reads
//! it. It is of one start of the machine, and counts for an hour: meanwhile the kernel's monotonic
//! clock says how much time has passed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use model::{Uptime, WallTime};

/// Where it is kept: in a folder that the service manager makes for the program that writes it.
pub const PROOF: &str = "/run/holdfast-time/proof";

/// For how many seconds it counts.
pub const FRESH: u64 = 3600;

/// Bytes that are read of it, at most.
const MOST: u64 = 256;

/// A moment whose time is known.
///
/// As text it is one line: the start of the machine as 32 hexadecimal digits, seconds since then,
/// and seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    pub boot: [u8; 16],
    /// Seconds that the machine had run.
    pub seconds: u64,
    /// The time then.
    pub time: WallTime,
}

/// What is there is no [`Proof`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofError;

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a start of the machine, seconds since then and seconds since 1970")
    }
}

impl std::error::Error for ProofError {}

impl Proof {
    /// The time at `now`; `None` if that is another start of the machine, before the proof, or too
    /// long after it.
    pub fn at(&self, now: Uptime) -> Option<WallTime> {
        let past = now.seconds.checked_sub(self.seconds)?;
        let counts = self.boot == now.boot && past <= FRESH;
        counts.then(|| WallTime(self.time.0.saturating_add(past)))
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let boot = u128::from_be_bytes(self.boot);
        write!(f, "{boot:032x} {} {}", self.seconds, self.time.0)
    }
}

impl FromStr for Proof {
    type Err = ProofError;

    fn from_str(text: &str) -> Result<Self, ProofError> {
        let mut words = text.split_whitespace();
        let mut word = || words.next().ok_or(ProofError);
        let boot = word()?;
        let bits = u128::from_str_radix(boot, 16).map_err(|_| ProofError)?;
        let seconds = word()?.parse().map_err(|_| ProofError)?;
        let time = WallTime(word()?.parse().map_err(|_| ProofError)?);
        let is_whole = boot.len() == 32 && words.next().is_none();
        let proof = Self { boot: bits.to_be_bytes(), seconds, time };
        is_whole.then_some(proof).ok_or(ProofError)
    }
}

/// The time at `now`, if what is at this path proves it.
pub(crate) fn proven(path: &Path, now: Uptime) -> Option<WallTime> {
    let read = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(MOST).read_to_string(&mut text)?;
        Ok(text)
    };
    read().ok()?.parse::<Proof>().ok()?.at(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: [u8; 16] = [0x0b; 16];

    fn at(seconds: u64) -> Uptime {
        Uptime { boot: BOOT, seconds, proven: None }
    }

    #[test]
    fn it_counts_for_an_hour_of_the_same_start() {
        let proof = Proof { boot: BOOT, seconds: 100, time: WallTime(5000) };
        assert_eq!(proof.at(at(100)), Some(WallTime(5000)));
        assert_eq!(proof.at(at(100 + FRESH)), Some(WallTime(5000 + FRESH)));
        assert_eq!(proof.at(at(101 + FRESH)), None);
        assert_eq!(proof.at(at(99)), None, "it has not been made yet");
        assert_eq!(proof.at(Uptime { boot: [1; 16], ..at(100) }), None);
        let late = Proof { time: WallTime(u64::MAX), ..proof };
        assert_eq!(late.at(at(200)), Some(WallTime(u64::MAX)));
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proof");
        assert_eq!(proven(&path, at(7)), None);
        let proof = Proof { boot: BOOT, seconds: 7, time: WallTime(1_800_000_000) };
        std::fs::write(&path, format!("{proof}\n")).unwrap();
        assert_eq!(proven(&path, at(8)), Some(WallTime(1_800_000_001)));
        assert_eq!(proof.to_string(), "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b 7 1800000000");
        for bad in [
            "",
            "0b0b 7 1800000000",
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b 7",
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b -7 1800000000",
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b 7 1800000000 9",
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b 7 99999999999999999999",
        ] {
            assert_eq!(bad.parse::<Proof>(), Err(ProofError), "{bad:?}");
        }
    }
}
