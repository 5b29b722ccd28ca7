//! Images to export in tests: one in memory, one in a file.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{SeekFrom, seek};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::{BoxFuture, Content, Extent, Image, ImageError};

/// Holes are reported in this unit, in bytes.
const UNIT: u64 = 4096;

/// An image in memory. What is zero is a hole.
#[derive(Debug)]
pub(crate) struct MemoryImage(pub(crate) Vec<u8>);

impl MemoryImage {
    /// Data and holes in turn, in runs of different lengths; the same for the same size.
    pub(crate) fn patterned(size: usize) -> Self {
        let mut bytes = vec![0; size];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut at = 0;
        while at < size {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let length = 4096 * (1 + (state >> 60) as usize * 3);
            let end = size.min(at + length);
            if state >> 40 & 3 != 0 {
                for byte in &mut bytes[at..end] {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    *byte = (state >> 56) as u8 | 1;
                }
            }
            at = end;
        }
        Self(bytes)
    }
}

impl Image for MemoryImage {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read<'a>(
        &'a self,
        offset: u64,
        buffer: &'a mut [u8],
    ) -> BoxFuture<'a, Result<(), ImageError>> {
        let offset = offset as usize;
        buffer.copy_from_slice(&self.0[offset..offset + buffer.len()]);
        Box::pin(std::future::ready(Ok(())))
    }

    fn extents(&self, offset: u64, length: u64) -> BoxFuture<'_, Result<Vec<Extent>, ImageError>> {
        let unit_end = (offset / UNIT + 1) * UNIT;
        let length = length.min(unit_end - offset);
        let bytes = &self.0[offset as usize..(offset + length) as usize];
        let is_hole = bytes.iter().all(|byte| *byte == 0);
        let content = if is_hole { Content::Hole } else { Content::Data };
        Box::pin(std::future::ready(Ok(vec![Extent { length, content }])))
    }
}

/// A raw image in a file; its holes are the file's.
#[derive(Debug)]
pub(crate) struct FileImage {
    file: Arc<File>,
    size: u64,
}

impl FileImage {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), size })
    }

    async fn read_later(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let (file, length) = (self.file.clone(), buffer.len());
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, offset).map(|()| bytes)
        });
        buffer.copy_from_slice(&read.await??);
        Ok(())
    }

    fn extents_now(&self, offset: u64, length: u64) -> io::Result<Vec<Extent>> {
        let end = offset + length;
        let mut extents = Vec::new();
        let mut at = offset;
        while at < end {
            let data = match seek(&self.file, SeekFrom::Data(at)) {
                Ok(data) => data.min(end),
                Err(Errno::NXIO) => end,
                Err(other) => return Err(other.into()),
            };
            if data > at {
                extents.push(Extent { length: data - at, content: Content::Hole });
            }
            if data < end {
                let hole = seek(&self.file, SeekFrom::Hole(data))?.min(end);
                extents.push(Extent { length: hole - data, content: Content::Data });
                at = hole;
            } else {
                at = end;
            }
        }
        Ok(extents)
    }
}

impl Image for FileImage {
    fn size(&self) -> u64 {
        self.size
    }

    fn read<'a>(
        &'a self,
        offset: u64,
        buffer: &'a mut [u8],
    ) -> BoxFuture<'a, Result<(), ImageError>> {
        Box::pin(async move {
            let mut slices = [IoSliceMut::new(buffer)];
            match preadv2(&self.file, &mut slices, offset, ReadWriteFlags::NOWAIT) {
                Ok(count) if count == buffer.len() => Ok(()),
                _ => self.read_later(offset, buffer).await.map_err(|e| ImageError::new(offset, e)),
            }
        })
    }

    fn extents(&self, offset: u64, length: u64) -> BoxFuture<'_, Result<Vec<Extent>, ImageError>> {
        let extents = self.extents_now(offset, length);
        Box::pin(std::future::ready(extents.map_err(|e| ImageError::new(offset, e))))
    }
}
