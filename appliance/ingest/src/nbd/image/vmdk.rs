//! The descriptor of a VMDK: text that names the files which hold the disk.
//!
//! It is a file of its own or stands inside a sparse image, at a place that the header tells.
//! Layout from VMware's "Virtual Disk Format 5.0" technical note.

use std::fs::File;
use std::io;
use std::path::Path;

use super::format::is_descriptor;
use super::header::{Finding, read_up_to};

/// Bytes of a descriptor that the reader looks at.
const MAX_DESCRIPTOR: usize = 1 << 20;

/// Bytes of a sector, the unit of the header of a sparse image.
const SECTOR: u64 = 512;

/// First words of the lines that name a file of the disk.
const ACCESSES: [&str; 3] = ["RW", "RDONLY", "NOACCESS"];

pub(super) fn find(file: &File) -> io::Result<Finding> {
    Ok(look(&descriptor(file)?))
}

/// What is missing of the flat files in the image's folder, in words.
pub(super) fn missing(file: &File, folder: &Path) -> io::Result<Option<String>> {
    let descriptor = descriptor(file)?;
    for line in lines(&String::from_utf8_lossy(&descriptor)) {
        let Some((name, needed)) = flat_extent(line) else { continue };
        let bytes = folder.join(name).metadata()?.len();
        if bytes < needed {
            return Ok(Some(format!("{name} has {bytes} bytes and needs {needed}")));
        }
    }
    Ok(None)
}

/// The name of a flat file and how many bytes it must have.
fn flat_extent(line: &str) -> Option<(&str, u64)> {
    let (front, rest) = line.split_once('"')?;
    let (name, offset) = rest.split_once('"')?;
    let mut words = front.split_whitespace().skip(1);
    let sectors: u64 = words.next()?.parse().ok()?;
    let kind = words.next()?;
    let flat = ["FLAT", "VMFS"].iter().any(|known| kind.eq_ignore_ascii_case(known));
    let offset: u64 = offset.trim().parse().unwrap_or(0);
    flat.then(|| (name, sectors.saturating_add(offset).saturating_mul(SECTOR)))
}

fn descriptor(file: &File) -> io::Result<Vec<u8>> {
    read_up_to(file, descriptor_at(file)?, MAX_DESCRIPTOR)
}

fn lines(descriptor: &str) -> impl Iterator<Item = &str> {
    descriptor.split(['\n', '\r', '\0']).map(str::trim)
}

/// Where the descriptor starts, in bytes. At the end of everything when there is none.
fn descriptor_at(file: &File) -> io::Result<u64> {
    let head = read_up_to(file, 0, 36)?;
    if is_descriptor(&head) {
        return Ok(0);
    }
    let sector = head.get(28..36).and_then(|field| field.first_chunk::<8>());
    let sector = sector.filter(|_| head.starts_with(b"KDMV")).map_or(0, |b| u64::from_le_bytes(*b));
    Ok(if sector == 0 { u64::MAX } else { sector.saturating_mul(SECTOR) })
}

/// Finds the first name in a descriptor that may lead out of the image's folder.
fn look(descriptor: &[u8]) -> Finding {
    for line in lines(&String::from_utf8_lossy(descriptor)) {
        if line.to_ascii_lowercase().starts_with("parentfilenamehint") {
            return Finding::Names(line.to_owned());
        }
        let access = line.split_whitespace().next().unwrap_or_default();
        if !ACCESSES.iter().any(|known| access.eq_ignore_ascii_case(known)) {
            continue;
        }
        let name = line.split('"').nth(1).unwrap_or_default();
        if !is_plain(name) {
            return Finding::Names(name.to_owned());
        }
    }
    Finding::Alone
}

/// Whether a name stays in the folder, and is not one of the reader's own protocols. Extents of
/// zeroes have no name.
fn is_plain(name: &str) -> bool {
    !name.contains(['/', '\\', ':']) && name != ".."
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_found() {
        let line = |line: &str| look(format!("# Disk DescriptorFile\n{line}\n").as_bytes());
        assert_eq!(line("RW 16384 FLAT \"disk-flat.vmdk\" 0"), Finding::Alone);
        assert_eq!(line("RW 16384 ZERO"), Finding::Alone);
        for name in ["/etc/shadow", "../other.vmdk", "nbd:unix:s", "json:{}", "a\\b", ".."] {
            let extent = format!("rw 16384 FLAT \"{name}\" 0");
            assert_eq!(line(&extent), Finding::Names(name.to_owned()));
        }
        let hint = "parentFileNameHint=\"base.vmdk\"";
        assert_eq!(line(hint), Finding::Names(hint.to_owned()));
    }

    #[test]
    fn flat_files_say_how_long_they_are() {
        let extent = flat_extent("RW 2048 FLAT \"a disk-flat.vmdk\" 128");
        assert_eq!(extent, Some(("a disk-flat.vmdk", (2048 + 128) * SECTOR)));
        assert_eq!(flat_extent("RW 7 vmfs \"a\""), Some(("a", 7 * SECTOR)));
        assert_eq!(flat_extent("RW 2048 SPARSE \"a.vmdk\""), None);
        assert_eq!(flat_extent("RW 2048 ZERO"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = look(&bytes);
            let _ = flat_extent(&String::from_utf8_lossy(&bytes));
        }
    }
}
