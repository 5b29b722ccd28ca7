//! Headers of disk images that name other files: they are refused before any reader of images
//! sees them.
//!
//! Every input names another file in some way, however damaged the rest is, so no other program is
//! ever started; inputs where that cannot be told are left out.

use std::fs;
use std::path::PathBuf;

use disk::sim::SimRng;
use ingest::{Backing, ImageSource, SourceError};
use tempfile::TempDir;

use crate::mutate::{mutate, number};
use crate::target::Reader;

/// Bytes of a sector.
const SECTOR: usize = 512;

const PARENT: &[u8] = b"\nparentFileNameHint=\"base.vmdk\"\n";

/// Input: an image file.
pub(crate) struct Images {
    path: PathBuf,
    _folder: TempDir,
}

impl Images {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary files");
        Self { path: folder.path().join("image"), _folder: folder }
    }
}

impl Reader for Images {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let mut image = match rng.below(4) {
            0 => qcow2(rng),
            1 => vmdk(rng),
            2 => descriptor(),
            _ => vhd(),
        };
        mutate(rng, &mut image);
        image
    }

    fn read(&mut self, input: &[u8]) {
        if !names_another(input) {
            return;
        }
        // Some file systems flush a file that is emptied and written again.
        let _ = fs::remove_file(&self.path);
        fs::write(&self.path, input).expect("there is room");
        match ImageSource::open(&self.path, Backing::Refuse) {
            Err(SourceError::Linked { names, .. }) => assert!(names.chars().count() <= 200),
            Err(SourceError::Differencing { .. }) => {}
            other => panic!("given to the reader of images: {other:?}"),
        }
    }
}

/// Whether an image surely depends on another file, by as little of its format as possible.
fn names_another(image: &[u8]) -> bool {
    let text = |from: usize| image.get(from..).is_some_and(names_parent);
    let sector = image.get(28..36).and_then(|field| field.first_chunk::<8>());
    if image.starts_with(b"QFI\xfb") {
        image.get(8..20).is_some_and(|name| name.iter().any(|byte| *byte != 0))
    } else if image.starts_with(b"KDMV") {
        let sector = sector.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let at = sector.checked_mul(SECTOR as u64).and_then(|at| usize::try_from(at).ok());
        sector > 0 && at.is_some_and(text)
    } else if image.starts_with(b"# Disk DescriptorFile") {
        text(0)
    } else {
        image.starts_with(b"conectix") && image.get(60..64) == Some(&[0, 0, 0, 4])
    }
}

/// Whether the parent's line stands somewhere in a descriptor.
fn names_parent(text: &[u8]) -> bool {
    text.windows(PARENT.len()).any(|window| window == PARENT)
}

fn qcow2(rng: &mut SimRng) -> Vec<u8> {
    let mut image = b"QFI\xfb\0\0\0\x03".to_vec();
    image.extend(number(rng, 104, 140).to_be_bytes());
    image.extend((number(rng, 9, 140) as u32).to_be_bytes());
    image.resize(104, 0);
    image.extend(b"/etc/shadow and what follows");
    image
}

fn vmdk(rng: &mut SimRng) -> Vec<u8> {
    let mut image = b"KDMV".to_vec();
    image.resize(28, 0);
    let sector = if rng.below(4) == 0 { number(rng, 1, 3) } else { 1 };
    image.extend(sector.to_le_bytes());
    image.resize(SECTOR, 0);
    image.extend(descriptor());
    image
}

fn descriptor() -> Vec<u8> {
    let extent = b"# Disk DescriptorFile\nRW 16384 FLAT \"disk-flat.vmdk\" 0\n";
    [&extent[..], PARENT, b"ddb.adapterType = \"ide\"\n"].concat()
}

fn vhd() -> Vec<u8> {
    let mut image = b"conectix".to_vec();
    image.resize(60, 0);
    image.extend(4_u32.to_be_bytes());
    image.resize(2 * SECTOR, 0);
    image
}
