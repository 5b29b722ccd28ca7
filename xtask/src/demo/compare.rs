//! Two files byte for byte, and single bits flipped in one.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::error::{Error, Result};

/// Read at once. Divides every image size that disks have.
const STEP: usize = 1 << 20;

/// Fails with the first place where the files differ, or with their lengths.
pub(super) fn equal(one: &Path, other: &Path) -> Result<()> {
    let (mut left, mut right) = (open(one)?, open(other)?);
    let (mut left_bytes, mut right_bytes) = (vec![0; STEP], vec![0; STEP]);
    let mut offset = 0;
    loop {
        let left_length = fill(&mut left, &mut left_bytes).map_err(Error::io(one))?;
        let right_length = fill(&mut right, &mut right_bytes).map_err(Error::io(other))?;
        let (left, right) = (&left_bytes[..left_length], &right_bytes[..right_length]);
        if left != right {
            let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
            let at = offset + same as u64;
            let facts = format!("{} and {} differ at {at}", one.display(), other.display());
            return Err(Error::Broken { rule: "a restore gives back every byte".into(), facts });
        }
        if left_length == 0 {
            return Ok(());
        }
        offset += left_length as u64;
    }
}

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
    let mut file = open(path)?;
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

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(Error::io(path))
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_a_difference_and_holes_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let mut bytes = vec![0; 3 * STEP];
        bytes[STEP..2 * STEP].fill(7);
        std::fs::write(&one, &bytes).unwrap();
        std::fs::write(&other, &bytes).unwrap();
        equal(&one, &other).unwrap();

        assert_eq!(flip_bits(&other, 10).unwrap(), 1);
        let error = equal(&one, &other).unwrap_err().to_string();
        assert!(error.ends_with(&format!("differ at {STEP}")), "{error}");
    }

    #[test]
    fn a_shorter_file_is_a_difference() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        std::fs::write(&one, [1, 2, 3]).unwrap();
        std::fs::write(&other, [1, 2]).unwrap();
        assert!(equal(&one, &other).is_err());
    }
}
