//! Single bits flipped in a file, where it holds data.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::compare::{STEP, fill};
use crate::error::{Error, Result};

/// Flips one bit in each of `count` places that hold data, evenly spread over the file. Gives back
/// how many there were.
pub(super) fn flip_bits(path: &Path, count: u64) -> Result<u64> {
    let file = File::options().read(true).write(true).open(path).map_err(Error::io(path))?;
    let used = used_steps(path)?;
    let count = count.min(used.len() as u64);
    let mut bytes = vec![0; STEP];
    for flip in 0..count as usize {
        let begin = used[flip * used.len() / count as usize] * STEP as u64;
        file.read_exact_at(&mut bytes, begin).map_err(Error::io(path))?;
        // Not always at the same distance from what a step may be aligned with.
        let anywhere = flip * 7919 % STEP;
        let mut order = (anywhere..STEP).chain(0..anywhere);
        let at = order.find(|at| bytes[*at] != 0).unwrap_or(anywhere);
        let flipped = [bytes[at] ^ (1 << (flip % 8))];
        file.write_all_at(&flipped, begin + at as u64).map_err(Error::io(path))?;
    }
    file.sync_all().map_err(Error::io(path))?;
    Ok(count)
}

/// Numbers of the steps that hold more than zeroes.
fn used_steps(path: &Path) -> Result<Vec<u64>> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut bytes = vec![0; STEP];
    let mut used = Vec::new();
    for number in 0.. {
        match fill(&mut file, &mut bytes).map_err(Error::io(path))? {
            STEP if bytes.iter().any(|byte| *byte != 0) => used.push(number),
            STEP => {}
            _ => break,
        }
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_flipped_in_data_and_holes_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut bytes = vec![0; 3 * STEP];
        bytes[STEP..2 * STEP].fill(7);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(flip_bits(&path, 10).unwrap(), 1);
        let flipped = std::fs::read(&path).unwrap();
        let changed: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] != flipped[*at]).collect();
        assert_eq!(changed, [STEP]);
    }
}
