//! Seeded pseudo-random numbers: SplitMix64 (Steele, Lea, Flood 2014), which is fast, passes for
//! incompressible and needs eight bytes of state.

#[derive(Debug, Clone)]
pub(in crate::bench) struct Random {
    state: u64,
}

impl Random {
    /// Different text gives a different stream; the seed is hashed by FNV-1a.
    pub(in crate::bench) fn new(seed: &str) -> Self {
        let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self { state: seed.bytes().fold(0xcbf2_9ce4_8422_2325, fnv) }
    }

    pub(in crate::bench) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which must not be 0. The bias is less than `end` in 2^64.
    pub(in crate::bench) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(in crate::bench) fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes()[..part.len()]);
        }
    }

    /// One of `items`, which must not be empty.
    pub(super) fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        let place = self.below(items.len() as u64) as usize;
        items.get(place).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_belongs_to_the_seed() {
        let first = |seed: &str| Random::new(seed).next();
        assert_eq!(first("a"), first("a"));
        assert_ne!(first("a"), first("b"));
    }

    #[test]
    fn all_bytes_are_filled_with_all_values() {
        let mut bytes = vec![0; 100_003];
        Random::new("fill").fill(&mut bytes);
        let mut counts = [0_u32; 256];
        for byte in &bytes {
            counts[usize::from(*byte)] += 1;
        }
        assert!(counts.iter().all(|count| (250..550).contains(count)), "{counts:?}");
    }
}
