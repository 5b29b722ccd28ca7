//! Which format an image file has.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of a sector: where footers stand, and all of a file that its magic needs.
pub(super) const SECTOR: usize = 512;

/// First words of a VMDK descriptor, in any case.
const DESCRIPTOR: &[u8] = b"# disk descriptorfile";

/// A format of disk images that is not just the bytes of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// QEMU.
    Qcow2,
    /// VMware.
    Vmdk,
    /// Hyper-V.
    Vhdx,
    /// Virtual PC and older Hyper-V.
    Vhd,
    /// VirtualBox.
    Vdi,
}

impl ImageFormat {
    /// The format by magic numbers; `None` when there is none.
    pub(super) fn detect(file: &File) -> io::Result<Option<Self>> {
        let size = file.metadata()?.len();
        let mut head = [0; SECTOR];
        let length = size.min(SECTOR as u64) as usize;
        let head = head.get_mut(..length).unwrap_or_default();
        file.read_exact_at(head, 0)?;
        Ok(Self::of(head, &footer(file)?))
    }

    /// The format that a file's name promises: a file that was cut off may have lost its magic.
    /// Flat files of a VMDK are named like it and have none.
    pub(super) fn promised(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "qcow2" => Some(Self::Qcow2),
            "vhdx" => Some(Self::Vhdx),
            "vhd" => Some(Self::Vhd),
            "vdi" => Some(Self::Vdi),
            _ => None,
        }
    }

    fn of(head: &[u8], footer: &[u8]) -> Option<Self> {
        let starts = |magic: &[u8]| head.starts_with(magic);
        if starts(b"QFI\xfb") {
            Some(Self::Qcow2)
        } else if starts(b"KDMV") || starts(b"COWD") || is_descriptor(head) {
            Some(Self::Vmdk)
        } else if starts(b"vhdxfile") {
            Some(Self::Vhdx)
        } else if head.get(64..68) == Some(&0xbeda_107f_u32.to_le_bytes()) {
            Some(Self::Vdi)
        } else if starts(b"conectix") || footer.starts_with(b"conectix") {
            Some(Self::Vhd)
        } else {
            None
        }
    }

    /// What `qemu-nbd` calls the format.
    pub(super) fn driver(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Vmdk => "vmdk",
            Self::Vhdx => "vhdx",
            Self::Vhd => "vpc",
            Self::Vdi => "vdi",
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Qcow2 => "qcow2",
            Self::Vmdk => "VMDK",
            Self::Vhdx => "VHDX",
            Self::Vhd => "VHD",
            Self::Vdi => "VDI",
        })
    }
}

/// The last sector, where a VHD has its footer; zeroes when the file has no whole sector.
pub(super) fn footer(file: &File) -> io::Result<[u8; SECTOR]> {
    let mut footer = [0; SECTOR];
    if let Some(at) = file.metadata()?.len().checked_sub(SECTOR as u64) {
        file.read_exact_at(&mut footer, at)?;
    }
    Ok(footer)
}

pub(super) fn is_descriptor(head: &[u8]) -> bool {
    let start = head.get(..DESCRIPTOR.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(DESCRIPTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_their_magic() {
        let mut vdi = [0; SECTOR];
        vdi[64..68].copy_from_slice(&[0x7f, 0x10, 0xda, 0xbe]);
        let none = [0; SECTOR];
        for (head, footer, format) in [
            (&b"QFI\xfb"[..], none, Some(ImageFormat::Qcow2)),
            (b"KDMV", none, Some(ImageFormat::Vmdk)),
            (b"# Disk DescriptorFile\n", none, Some(ImageFormat::Vmdk)),
            (b"vhdxfile", none, Some(ImageFormat::Vhdx)),
            (&vdi, none, Some(ImageFormat::Vdi)),
            (b"conectix", none, Some(ImageFormat::Vhd)),
            (b"", std::array::from_fn(|at| b"conectix"[at % 8]), Some(ImageFormat::Vhd)),
            (b"QFI", none, None),
            (b"", none, None),
        ] {
            assert_eq!(ImageFormat::of(head, &footer), format, "{head:?}");
        }
    }
}
