//! Which codec a range is compressed with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use seal::Codec;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Zstandard while the source is slower than the workers, LZ4 while they are what waits.
    #[default]
    Auto,
    Lz4,
    Zstd,
}

/// How the time of all workers went, over the latest ranges.
#[derive(Debug)]
pub(crate) struct Pace {
    compression: Compression,
    waiting: AtomicU64,
    working: AtomicU64,
}

/// Working time, in nanoseconds, over which old measurements lose half of their weight.
const MEMORY: u64 = 400_000_000;

impl Pace {
    pub(crate) fn new(compression: Compression) -> Self {
        Self { compression, waiting: AtomicU64::new(0), working: AtomicU64::new(0) }
    }

    /// Notes one range: how long its worker waited for the source, how long it worked on it.
    pub(crate) fn note(&self, waiting: Duration, working: Duration) {
        let waited = self.waiting.fetch_add(waiting.as_nanos() as u64, Ordering::Relaxed);
        let worked = self.working.fetch_add(working.as_nanos() as u64, Ordering::Relaxed);
        if waited + worked > 2 * MEMORY {
            // Two workers halving at once forget a little more: no harm.
            self.waiting.store(waited / 2, Ordering::Relaxed);
            self.working.store(worked / 2, Ordering::Relaxed);
        }
    }

    /// The codec for the next range. Zstandard takes about twice the time of LZ4, so it is free
    /// when workers wait longer than they work.
    pub(crate) fn codec(&self) -> Codec {
        match self.compression {
            Compression::Lz4 => Codec::Lz4,
            Compression::Zstd => Codec::Zstd,
            Compression::Auto => {
                let waiting = self.waiting.load(Ordering::Relaxed);
                if waiting > self.working.load(Ordering::Relaxed) {
                    Codec::Zstd
                } else {
                    Codec::Lz4
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_follows_what_waits() {
        let pace = Pace::new(Compression::Auto);
        assert_eq!(pace.codec(), Codec::Lz4, "nothing is known yet");
        let (long, short) = (Duration::from_millis(90), Duration::from_millis(10));
        (0..30).for_each(|_| pace.note(long, short));
        assert_eq!(pace.codec(), Codec::Zstd, "the source is slow");
        (0..60).for_each(|_| pace.note(short, long));
        assert_eq!(pace.codec(), Codec::Lz4, "the source became fast");
    }
}
