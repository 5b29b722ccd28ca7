//! Digests of the blocks of a volume, as a file has them: 32 bytes each, one after the other.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes of a block: what is compared and sent as one. A change of 4 KiB costs at most this.
pub(crate) const BLOCK: u64 = 64 << 10;

/// Bytes of the header of a file with digests.
pub(crate) const HEADER: u64 = 4096;

/// The digest of a block, or one of the words below. None of them is the BLAKE3 of anything that
/// will ever be found.
pub(crate) type Digest = [u8; 32];

/// In the file of an intake: the block is there as in the recovery point below. Also what a file
/// has where nothing was written.
pub(crate) const AS_BELOW: Digest = [0; 32];

/// It is not known what the box has there.
pub(crate) const UNKNOWN: Digest = [0xff; 32];

/// All bytes of the block are zero.
pub(crate) const ZERO: Digest = [0xfe; 32];

/// What a block is known by.
pub(crate) fn digest_of(block: &[u8]) -> Digest {
    if block.iter().all(|byte| *byte == 0) { ZERO } else { *blake3::hash(block).as_bytes() }
}

/// How many blocks a volume has.
pub(crate) fn blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK)
}

/// Reads digests from there on. Where the file ends they are [`AS_BELOW`].
pub(crate) fn read(file: &File, first: u64, count: usize) -> std::io::Result<Vec<Digest>> {
    let mut bytes = vec![0; count * size_of::<Digest>()];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, place(first) + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    let (digests, _) = bytes.as_chunks::<32>();
    Ok(digests.to_vec())
}

/// Writes digests from there on.
pub(crate) fn write(file: &File, first: u64, digests: &[Digest]) -> std::io::Result<()> {
    file.write_all_at(digests.as_flattened(), place(first))
}

fn place(block: u64) -> u64 {
    HEADER + block * size_of::<Digest>() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zeroes_are_told_whatever_their_number() {
        assert_eq!(digest_of(&[0; 512]), ZERO);
        assert_eq!(digest_of(&vec![0; BLOCK as usize]), ZERO);
        assert_ne!(digest_of(&[0, 1]), digest_of(&[1, 0]));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_the_rest_is_as_below(
            first in 0_u64..1000,
            digests in prop::collection::vec(any::<Digest>(), 0..50),
        ) {
            let file = tempfile::tempfile().unwrap();
            write(&file, first, &digests).unwrap();
            prop_assert_eq!(&read(&file, first, digests.len()).unwrap(), &digests);
            let after = read(&file, first + digests.len() as u64, 3).unwrap();
            prop_assert_eq!(after, vec![AS_BELOW; 3]);
        }

        #[test]
        fn equal_blocks_alone_have_equal_digests(left: Vec<u8>, right: Vec<u8>) {
            let both_zero = digest_of(&left) == ZERO && digest_of(&right) == ZERO;
            prop_assert_eq!(digest_of(&left) == digest_of(&right), left == right || both_zero);
        }
    }
}
