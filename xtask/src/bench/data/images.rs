//! Disk images as files: made from a tree, copied with changes, counted.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::bench::data::random::Random;
use crate::error::{Error, Result};
use crate::process::{command, quiet};

const IMAGE_BYTES: u64 = 5 << 30;

const BLOCK_BYTES: usize = 4096;

/// Bytes read at once; a multiple of a block.
const READ_BYTES: usize = 1 << 20;

/// One in so many blocks of `scatter` differs.
const SCATTER_ONE_IN: u64 = 50;

/// Bytes that differ in such a block: about a row or two of a database.
const SCATTER_BYTES: usize = 512;

/// An ext4 image that holds the tree.
pub(super) fn from_tree(tree: &Path, label: &str, image: &Path) -> Result<()> {
    let file = File::create(image).map_err(Error::io(image))?;
    file.set_len(IMAGE_BYTES).map_err(Error::io(image))?;
    let mut mke2fs = command("mke2fs");
    mke2fs.args(["-q", "-F", "-t", "ext4", "-b", "4096", "-m", "1", "-L", label]);
    mke2fs.args(["-E", "root_owner=0:0,lazy_itable_init=0", "-d"]).arg(tree).arg(image);
    quiet(&mut mke2fs)?;
    Ok(())
}

/// Copies an image with some bytes changed in one of [`SCATTER_ONE_IN`] blocks that hold data.
pub(super) fn scattered(image: &Path, seed: u64, copy: &Path) -> Result<()> {
    let mut random = Random::new(&format!("scatter-{seed}"));
    let target = File::create(copy).map_err(Error::io(copy))?;
    let mut offset = 0;
    for_each_block(image, |block| {
        let here = offset;
        offset += block.len() as u64;
        if is_zero(block) {
            return Ok(());
        }
        if random.below(SCATTER_ONE_IN) == 0 {
            let room = block.len().saturating_sub(SCATTER_BYTES) as u64;
            let start = random.below(room + 1) as usize;
            random.fill(block.get_mut(start..start + SCATTER_BYTES).unwrap_or_default());
        }
        target.write_all_at(block, here).map_err(Error::io(copy))
    })?;
    target.set_len(offset).map_err(Error::io(copy))
}

/// Bytes of blocks that are not all zero.
pub(super) fn nonzero_bytes(image: &Path) -> Result<u64> {
    let mut bytes = 0;
    for_each_block(image, |block| {
        bytes += if is_zero(block) { 0 } else { block.len() as u64 };
        Ok(())
    })?;
    Ok(bytes)
}

fn for_each_block(image: &Path, mut visit: impl FnMut(&mut [u8]) -> Result<()>) -> Result<()> {
    let mut file = File::open(image).map_err(Error::io(image))?;
    let mut piece = Vec::with_capacity(READ_BYTES);
    loop {
        piece.clear();
        let part = file.by_ref().take(READ_BYTES as u64);
        { part }.read_to_end(&mut piece).map_err(Error::io(image))?;
        if piece.is_empty() {
            return Ok(());
        }
        for block in piece.chunks_mut(BLOCK_BYTES) {
            visit(block)?;
        }
    }
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scatter_changes_a_fiftieth_of_the_data_and_no_holes() {
        let folder = tempfile::tempdir().unwrap();
        let (image, copy) = (folder.path().join("image"), folder.path().join("copy"));
        let mut bytes = vec![0; 4000 * BLOCK_BYTES];
        Random::new("image").fill(&mut bytes[..2000 * BLOCK_BYTES]);
        std::fs::write(&image, &bytes).unwrap();
        scattered(&image, 1, &copy).unwrap();
        let copied = std::fs::read(&copy).unwrap();
        assert_eq!(copied.len(), bytes.len());
        let blocks = bytes.chunks(BLOCK_BYTES).zip(copied.chunks(BLOCK_BYTES));
        let changed = blocks.filter(|(one, other)| one != other).count();
        assert!((15..80).contains(&changed), "{changed} of 2000 blocks changed");
        assert_eq!(nonzero_bytes(&image).unwrap(), 2000 * BLOCK_BYTES as u64);
        assert_eq!(nonzero_bytes(&copy).unwrap(), 2000 * BLOCK_BYTES as u64);
    }
}
