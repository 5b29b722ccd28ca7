//! One reading of a volume, from its first byte to its last, on a thread of its own.
//!
//! Reading and digesting go on while the network is waited for; a few ranges ahead, no more.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::aligned::Aligned;
use crate::device::Device;
use crate::digests::{BLOCK, Digest, ZERO, blocks, digest_of};
use crate::error::Result;

/// Bytes that are read at a time: also the most that is sent in one request.
pub(crate) const RANGE: u64 = 4 << 20;

/// Ranges between the reader and the sender: with the one that each has in hand, 16 MiB.
const AHEAD: usize = 2;

/// A part of the volume as it was read.
#[derive(Debug)]
pub(crate) struct Range {
    /// Number of its first block.
    pub(crate) first: u64,
    /// One for each block.
    pub(crate) digests: Vec<Digest>,
    /// `None` where all of it is a hole.
    pub(crate) bytes: Option<Aligned>,
}

/// Begins a reading. It ends with the volume, with an error, or when nobody takes what it gives.
pub(crate) fn begin(device: Arc<Device>) -> mpsc::Receiver<Result<Range>> {
    let (to, ranges) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut offset = 0;
        while offset < device.bytes() {
            let range = read(&device, offset);
            let failed = range.is_err();
            if to.blocking_send(range).is_err() || failed {
                return;
            }
            offset += RANGE;
        }
    });
    ranges
}

fn read(device: &Device, offset: u64) -> Result<Range> {
    let length = RANGE.min(device.bytes() - offset);
    let first = offset / BLOCK;
    if device.next_data(offset) >= offset + length {
        let digests = vec![ZERO; blocks(length) as usize];
        return Ok(Range { first, digests, bytes: None });
    }
    let mut bytes = Aligned::new(length as usize);
    device.read(offset, bytes.bytes_mut())?;
    let digests = bytes.bytes().chunks(BLOCK as usize).map(digest_of).collect();
    Ok(Range { first, digests, bytes: Some(bytes) })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_reading_gives_every_block_once_and_holes_without_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let bytes = 3 * RANGE + BLOCK + 512;
        let file = File::create(&path).unwrap();
        file.set_len(bytes).unwrap();
        file.write_all_at(&[7; 100], 2 * RANGE).unwrap();
        file.write_all_at(&[8; 512], bytes - 512).unwrap();
        let mut ranges = begin(Arc::new(Device::open(&path).unwrap()));
        let mut digests = Vec::new();
        let mut filled = 0;
        while let Some(range) = ranges.blocking_recv() {
            let range = range.unwrap();
            assert_eq!(range.first, digests.len() as u64);
            filled += u64::from(range.bytes.is_some());
            digests.extend(range.digests);
        }
        assert_eq!(digests.len() as u64, blocks(bytes));
        let other: Vec<usize> =
            (0..digests.len()).filter(|block| digests[*block] != ZERO).collect();
        assert_eq!(other, [128, digests.len() - 1]);
        assert!(filled >= 2, "{filled}");
    }
}
