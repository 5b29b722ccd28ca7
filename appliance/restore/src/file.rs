//! A volume into an empty file that somebody else has opened.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use disk::SharedBuffer;
use model::BLOCK;
use record::{RecordError, Result};

use crate::target::Target;

/// An empty file: each range is written where it belongs, and what holds zeroes is left out.
#[derive(Debug)]
pub struct FileTarget {
    name: String,
    file: File,
    bytes: u64,
}

impl FileTarget {
    /// `file` is a regular one without content that takes writes anywhere, not at its end only. At
    /// the end it has `bytes`.
    pub fn new(name: &str, file: File, bytes: u64) -> Self {
        Self { name: name.to_owned(), file, bytes }
    }

    fn outside(&self, error: std::io::Error) -> RecordError {
        RecordError::Outside { name: self.name.clone(), source: Arc::new(error) }
    }
}

impl Target for FileTarget {
    fn put(
        &self,
        _number: u64,
        offset: u64,
        length: usize,
        bytes: SharedBuffer,
        runs: &[(u32, u32)],
    ) -> Result<u64> {
        let mut written = 0;
        for (start, blocks) in runs {
            let from = *start as usize * BLOCK;
            // The last block of a volume may be a part of one.
            let to = (from + *blocks as usize * BLOCK).min(length);
            let data = bytes.get(from..to).unwrap_or_default();
            let done = self.file.write_all_at(data, offset + from as u64);
            done.map_err(|error| self.outside(error))?;
            written += data.len() as u64;
        }
        Ok(written)
    }

    fn put_hole(&self, _number: u64, _offset: u64, _length: usize) -> Result<u64> {
        Ok(0)
    }

    fn finish(&self) -> Result<()> {
        let done = self.file.set_len(self.bytes).and_then(|()| self.file.sync_all());
        // Who shares the file goes on behind the volume.
        let done = done.and_then(|()| (&self.file).seek(SeekFrom::Start(self.bytes)));
        done.map(|_| ()).map_err(|error| self.outside(error))
    }
}
