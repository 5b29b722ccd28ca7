//! What the demo protects: the Debian system on two days, or the user's own image twice.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::guest::Firmware;
use super::tools::Tools;
use super::{database, system};
use crate::error::{Error, Result};
use crate::process::quiet;

/// A disk in two states.
#[derive(Debug)]
pub(super) struct Source {
    /// Name of the protected system.
    pub(super) name: String,
    /// What is ingested first and second.
    pub(super) images: [PathBuf; 2],
    /// What a restore must equal: the same in the raw format.
    pub(super) raw: [PathBuf; 2],
    /// What the serial line shows when the second state has booted, if that is known.
    pub(super) greeting: Option<String>,
}

impl Source {
    pub(super) fn debian() -> Result<Self> {
        let days = system::ready()?;
        let greeting = Some(database::text_of_day_2());
        Ok(Self { name: "webshop".into(), images: days.clone(), raw: days, greeting })
    }

    /// `folder` takes a raw copy if `image` is in another format.
    pub(super) fn of_image(image: &Path, tools: &Tools, folder: &Path) -> Result<Self> {
        let image = std::path::absolute(image).map_err(Error::io(image))?;
        let raw = if is_raw(&image)? { image.clone() } else { convert(&image, tools, folder)? };
        let name = image.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, images: [image.clone(), image], raw: [raw.clone(), raw], greeting: None })
    }

    /// A disk with code in its first sector boots by it; another one needs UEFI.
    pub(super) fn firmware(&self) -> Result<Firmware> {
        let code: [u8; 440] = first_bytes(&self.raw[1])?;
        let is_empty = code.iter().all(|byte| *byte == 0);
        Ok(if is_empty { Firmware::Uefi } else { Firmware::Bios })
    }
}

fn is_raw(image: &Path) -> Result<bool> {
    let first: [u8; 8] = first_bytes(image)?;
    let others: [&[u8]; 4] = [b"QFI\xfb", b"KDMV", b"vhdxfile", b"conectix"];
    Ok(!others.iter().any(|magic| first.starts_with(magic)))
}

fn first_bytes<const N: usize>(path: &Path) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let file = File::open(path).map_err(Error::io(path))?;
    file.read_exact_at(&mut bytes, 0).map_err(Error::io(path))?;
    Ok(bytes)
}

fn convert(image: &Path, tools: &Tools, folder: &Path) -> Result<PathBuf> {
    let raw = folder.join("given.raw");
    quiet(tools.qemu_img().args(["convert", "-O", "raw"]).arg(image).arg(&raw))?;
    Ok(raw)
}
