//! Two files byte for byte.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// Read at once. Divides every image size that disks have.
pub(crate) const STEP: usize = 1 << 20;

/// Fails with the first place where the files differ, or with their lengths.
pub(crate) fn equal(one: &Path, other: &Path) -> Result<()> {
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

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(Error::io(path))
}

/// Reads until the buffer is full or the file ends.
pub(crate) fn fill(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
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
    fn another_byte_and_another_length_are_differences() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let mut bytes = vec![7; 3 * STEP];
        std::fs::write(&one, &bytes).unwrap();
        std::fs::write(&other, &bytes).unwrap();
        equal(&one, &other).unwrap();
        bytes[STEP + 5] = 8;
        std::fs::write(&other, &bytes).unwrap();
        let error = equal(&one, &other).unwrap_err().to_string();
        assert!(error.ends_with(&format!("differ at {}", STEP + 5)), "{error}");
        std::fs::write(&other, &bytes[..STEP]).unwrap();
        assert!(equal(&one, &other).is_err());
    }
}
