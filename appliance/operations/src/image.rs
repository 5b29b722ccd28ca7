//! A recovery point's volume as the disk of an export.

use export::{BoxFuture, Content, Extent, Image, ImageError};
use restore::{RestorePoint, VolumeImage};

use crate::Failure;

/// A volume to be read here and there, with so many bytes of cache. A stream is none.
pub fn volume_image(
    point: &RestorePoint,
    number: usize,
    cache: usize,
) -> Result<VolumeImage, Failure> {
    VolumeImage::new(point, number, cache).ok_or_else(|| match point.stream(number) {
        Some(_) => {
            let what = format!("recovery point {} is a stream, which no disk is", point.point.id);
            Failure::new(what, "restore it to a file, or to - for the program that reads it")
        }
        None => {
            let what = format!("the recovery point has no volume {number}");
            Failure::new(what, "see `holdfast points`")
        }
    })
}

/// A volume of a recovery point as the NBD server sees it.
#[derive(Debug)]
pub struct PointImage(pub VolumeImage);

impl Image for PointImage {
    fn size(&self) -> u64 {
        self.0.bytes()
    }

    fn read<'a>(
        &'a self,
        offset: u64,
        buffer: &'a mut [u8],
    ) -> BoxFuture<'a, Result<(), ImageError>> {
        Box::pin(async move {
            self.0.read(offset, buffer).await.map_err(|error| ImageError::new(offset, error))
        })
    }

    fn extents(&self, offset: u64, length: u64) -> BoxFuture<'_, Result<Vec<Extent>, ImageError>> {
        Box::pin(async move {
            let mut extents = Vec::new();
            let mut at = offset;
            while at < offset + length && extents.len() < EXTENTS_MAX {
                let extent = self.0.extent(at, offset + length - at).await;
                let extent = extent.map_err(|error| ImageError::new(at, error))?;
                let content = if extent.hole { Content::Hole } else { Content::Data };
                extents.push(Extent { length: extent.length, content });
                at += extent.length.max(1);
            }
            Ok(extents)
        })
    }
}

/// Extents in one answer: a client asks on from where they end.
const EXTENTS_MAX: usize = 1024;

/// Least and most memory that an export takes for opened chunks if nobody says how much.
const CACHE_RANGE: (u64, u64) = (64 << 20, 8 << 30);

/// A quarter of the memory that is free: the machine that boots from the export needs the rest.
pub fn default_cache() -> u64 {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    (kib.unwrap_or(0) * 1024 / 4).clamp(CACHE_RANGE.0, CACHE_RANGE.1)
}
