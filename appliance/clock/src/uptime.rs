//! How long the machine has run, and the clock on the wall.

use std::path::Path;

use model::{Uptime, WallTime};
use nix::time::{ClockId, clock_gettime};

use crate::proof::{PROOF, proven};

/// A random UUID that the kernel makes at each start.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How long this machine has run, by the kernel's monotonic clock, and what time that is if it is
/// proven. That clock stands still while the machine sleeps: the kernel knows how long that was
/// from a clock that can be set.
///
/// Without /proc nobody knows which start of the machine this is, and no time has passed: the pool
/// ages later.
pub fn uptime() -> Uptime {
    let unknown = Uptime { boot: [0; 16], seconds: 0, proven: None };
    let Some(boot) = std::fs::read_to_string(BOOT_ID).ok().and_then(|text| parse(&text)) else {
        return unknown;
    };
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).ok();
    let seconds = time.and_then(|time| u64::try_from(time.tv_sec()).ok());
    seconds.map_or(unknown, |seconds| {
        let uptime = Uptime { boot, seconds, proven: None };
        Uptime { proven: proven(Path::new(PROOF), uptime), ..uptime }
    })
}

/// The box's clock.
pub fn now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    WallTime(since.map_or(0, |since| since.as_secs()))
}

fn parse(uuid: &str) -> Option<[u8; 16]> {
    let digits: String = uuid.trim().chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32).map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_told_apart_by_the_kernels_uuid() {
        let boot = parse("00112233-4455-6677-8899-aabbccddeeff\n");
        assert_eq!(boot.map(|boot| (boot[0], boot[1], boot[15])), Some((0, 0x11, 0xff)));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_machine_that_runs_has_an_uptime_that_does_not_go_back() {
        let (first, second) = (uptime(), uptime());
        assert_eq!(first.boot, second.boot);
        assert!(second.seconds >= first.seconds);
    }
}
