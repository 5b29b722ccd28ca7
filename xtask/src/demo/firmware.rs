//! What a disk boots with, by what lies in its first two sectors.

/// Bytes of a sector.
pub(super) const SECTOR: usize = 512;

/// Where the first sector says that it is one that firmware may look at.
const SIGNATURE_AT: usize = 510;

/// The four entries of the partition table, and the place of the type in an entry.
const ENTRIES: std::ops::Range<usize> = 446..SIGNATURE_AT;
const ENTRY_BYTES: usize = 16;
const TYPE_AT: usize = 4;

/// Type of a partition that holds boot loaders for UEFI.
const EFI_SYSTEM: u8 = 0xef;

/// Firmware of a virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Firmware {
    Bios,
    Uefi,
}

impl Firmware {
    /// A disk with code in its first sector boots by it, another one with partitions by UEFI. A
    /// bare file system, or what is no disk at all, does not boot.
    pub(super) fn of(sectors: &[u8]) -> Option<Self> {
        let (first, second) = sectors.split_at_checked(SECTOR)?;
        if first[SIGNATURE_AT..] != [0x55, 0xaa] {
            return None;
        }
        if first[..440].iter().any(|byte| *byte != 0) {
            return Some(Self::Bios);
        }
        let mut entries = first[ENTRIES].chunks_exact(ENTRY_BYTES);
        let uefi = second.starts_with(b"EFI PART") || entries.any(|one| one[TYPE_AT] == EFI_SYSTEM);
        uefi.then_some(Self::Uefi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_disks_boot() {
        let mut disk = [0; 2 * SECTOR];
        assert_eq!(Firmware::of(&disk), None);
        assert_eq!(Firmware::of(&[]), None);
        assert_eq!(Firmware::of(&[7; 2 * SECTOR]), None);
        disk[SIGNATURE_AT..SECTOR].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(Firmware::of(&disk), None, "a table without anything in it");
        disk[ENTRIES.start + ENTRY_BYTES + TYPE_AT] = EFI_SYSTEM;
        assert_eq!(Firmware::of(&disk), Some(Firmware::Uefi));
        disk[ENTRIES.start + ENTRY_BYTES + TYPE_AT] = 0;
        disk[SECTOR..SECTOR + 8].copy_from_slice(b"EFI PART");
        assert_eq!(Firmware::of(&disk), Some(Firmware::Uefi));
        disk[0] = 0xeb;
        assert_eq!(Firmware::of(&disk), Some(Firmware::Bios));
    }
}
