//! The images that everything is measured on: whole disks of two real systems and their changes.
//!
//! | image      | what                                                                       |
//! |------------|----------------------------------------------------------------------------|
//! | `day0`     | ext4 with Debian packages, a SQLite database, a log, incompressible files  |
//! | `day1`     | the same file system a day on: upgrades, new packages, rows changed, log   |
//! | `scatter`  | `day0` with 512 bytes changed in 2 % of its blocks, at random              |
//! | `machine2` | another system: shared base, other packages, other data                    |
//! | `random`   | incompressible                                                             |
//!
//! A folder with all of them and a `MANIFEST` is used as it is; anything missing is generated,
//! which takes root, some minutes and a Debian mirror. What is generated is the same for a seed and
//! a state of the mirror, up to where the kernel places blocks: compare figures of one folder only.

mod contents;
mod generate;
pub(super) mod history;
mod images;
pub(super) mod random;
mod trees;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

const NAMES: [&str; 5] = ["day0", "day1", "scatter", "machine2", "random"];

const MANIFEST: &str = "MANIFEST";

/// An image and how much of it is data.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) path: PathBuf,
    /// In 4 KiB blocks that are not all zero.
    pub(super) nonzero_bytes: u64,
}

#[derive(Debug)]
pub(super) struct Data {
    folder: PathBuf,
    nonzero_bytes: BTreeMap<String, u64>,
}

impl Data {
    pub(super) fn open_or_generate(folder: &Path, seed: u64) -> Result<Self> {
        let complete = || NAMES.iter().all(|name| folder.join(file_name(name)).is_file());
        if !folder.join(MANIFEST).is_file() || !complete() {
            generate::all(folder, seed)?;
        }
        let folder = std::path::absolute(folder).map_err(Error::io(folder))?;
        let manifest = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&manifest).map_err(Error::io(&manifest))?;
        Ok(Self { folder, nonzero_bytes: nonzero_bytes(&text) })
    }

    /// A folder to work beside, for rows that need no images.
    pub(super) fn without_images(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let folder = std::path::absolute(folder).map_err(Error::io(folder))?;
        Ok(Self { folder, nonzero_bytes: BTreeMap::new() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn image(&self, name: &str) -> Result<Image> {
        let file_name = file_name(name);
        let nonzero = self.nonzero_bytes.get(&file_name).ok_or_else(|| Error::Unexpected {
            from: self.folder.join(MANIFEST).display().to_string(),
            what: format!("no nonzero4k of {file_name}"),
        })?;
        Ok(Image { path: self.folder.join(file_name), nonzero_bytes: *nonzero })
    }
}

fn file_name(name: &str) -> String {
    format!("{name}.img")
}

/// A line per image: its file name, then `key=value` words of which one counts.
fn nonzero_bytes(manifest: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let file_name = words.next()?.to_owned();
        let bytes = words.find_map(|word| word.strip_prefix("nonzero4k="))?.parse().ok()?;
        Some((file_name, bytes))
    };
    manifest.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_gives_the_data_of_each_image() {
        let text = "seed=1 size_mib=4096\nday0.img apparent=9 nonzero4k=8192 sha256=ab\n";
        let expected = BTreeMap::from([("day0.img".to_owned(), 8192)]);
        assert_eq!(nonzero_bytes(text), expected);
    }
}
