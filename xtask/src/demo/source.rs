//! What the demo protects: the Debian system on two days, or the user's own image twice.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::firmware::{Firmware, SECTOR};
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
        File::open(&image).map_err(Error::io(&image))?;
        let raw = match format(&image, tools)?.as_str() {
            "raw" => image.clone(),
            _ => convert(&image, tools, folder)?,
        };
        let name = image.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, images: [image.clone(), image], raw: [raw.clone(), raw], greeting: None })
    }

    /// What the second state boots with; nothing if it is no disk that anything could boot from.
    pub(super) fn firmware(&self) -> Result<Option<Firmware>> {
        let path = &self.raw[1];
        let file = File::open(path).map_err(Error::io(path))?;
        let mut sectors = Vec::with_capacity(2 * SECTOR);
        file.take(2 * SECTOR as u64).read_to_end(&mut sectors).map_err(Error::io(path))?;
        Ok(Firmware::of(&sectors))
    }

    /// Bytes of the larger state.
    pub(super) fn bytes(&self) -> Result<u64> {
        let bytes = |path: &PathBuf| fs::metadata(path).map(|meta| meta.len());
        let [first, second] = &self.raw;
        Ok(bytes(first).map_err(Error::io(first))?.max(bytes(second).map_err(Error::io(second))?))
    }
}

/// As QEMU knows it.
fn format(image: &Path, tools: &Tools) -> Result<String> {
    let info = quiet(tools.qemu_img().args(["info", "--output=json"]).arg(image))?;
    let info: serde_json::Value = serde_json::from_str(&info).unwrap_or_default();
    let format = info["format"].as_str().map(str::to_owned);
    format.ok_or_else(|| Error::Unexpected { from: "qemu-img".into(), what: info.to_string() })
}

fn convert(image: &Path, tools: &Tools, folder: &Path) -> Result<PathBuf> {
    let raw = folder.join("given.raw");
    quiet(tools.qemu_img().args(["convert", "-O", "raw"]).arg(image).arg(&raw))?;
    Ok(raw)
}
