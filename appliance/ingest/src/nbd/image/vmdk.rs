//! The descriptor of a VMDK: text that names the files which hold the disk.
//!
//! It is a file of its own or stands inside a sparse image, at a place that the header tells.
//! Layout from VMware's "Virtual Disk Format 5.0" technical note.

use std::fs::File;
use std::io;

use super::format::is_descriptor;
use super::header::{Finding, read_up_to};

/// Bytes of a descriptor that the reader looks at.
const MAX_DESCRIPTOR: usize = 1 << 20;

/// Bytes of a sector, the unit of the header of a sparse image.
const SECTOR: u64 = 512;

/// First words of the lines that name a file of the disk.
const ACCESSES: [&str; 3] = ["RW", "RDONLY", "NOACCESS"];

pub(super) fn find(file: &File) -> io::Result<Finding> {
    let text = read_up_to(file, descriptor_at(file)?, MAX_DESCRIPTOR)?;
    Ok(look(&text))
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
    for line in String::from_utf8_lossy(descriptor).split(['\n', '\r', '\0']).map(str::trim) {
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

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = look(&bytes);
        }
    }
}
