//! Inputs that are kept: what earlier versions wrote, what other people's programs write, and what
//! once was a finding. They are read as they are, and damaged like any other input.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder for each target, in it a file for each input.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");

/// What is kept for a target, in the order of the files' names.
///
/// # Panics
/// When a file cannot be read: what is kept is part of the tests.
pub(crate) fn inputs(target: &str) -> Vec<Vec<u8>> {
    let Ok(folder) = fs::read_dir(folder(target)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a file of the corpus")).collect()
}

/// Keeps an input under a name.
pub(crate) fn keep(target: &str, name: &str, input: &[u8]) -> std::io::Result<PathBuf> {
    let folder = folder(target);
    fs::create_dir_all(&folder)?;
    let file = folder.join(name);
    fs::write(&file, input)?;
    Ok(file)
}

fn folder(target: &str) -> PathBuf {
    Path::new(CORPUS).join(target)
}
