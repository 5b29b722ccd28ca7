//! Room that an overlay leaves to whoever else writes to its file system: an engine that cannot
//! keep its jobs any more because a client filled an overlay would be worth nothing.

use std::fs::File;
use std::io;

use rustix::fs::fstatvfs;

/// The part of a file system that is left to others.
const PART: u64 = 16;

/// No more than this is, in bytes.
const MOST: u64 = 1 << 30;

/// Refuses `bytes` more when what is free then would be too little.
pub(super) fn check(file: &File, bytes: u64) -> io::Result<()> {
    let room = fstatvfs(file)?;
    let whole = room.f_blocks.saturating_mul(room.f_frsize);
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    match leaves_enough(whole, free, bytes) {
        true => Ok(()),
        false => Err(io::ErrorKind::StorageFull.into()),
    }
}

fn leaves_enough(whole: u64, free: u64, bytes: u64) -> bool {
    free.saturating_sub(bytes) >= (whole / PART).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sixteenth_stays_and_never_more_than_a_gibibyte() {
        let gib = 1 << 30;
        assert!(leaves_enough(16 * gib, 2 * gib, gib));
        assert!(!leaves_enough(16 * gib, 2 * gib, gib + 1));
        assert!(leaves_enough(4096 * gib, 2 * gib, gib), "a large file system");
        assert!(!leaves_enough(160, 9, 0), "what is taken already gives none");
    }
}
