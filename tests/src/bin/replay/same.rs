//! A target of restores that compares instead of keeping.

use std::sync::Mutex;

use disk::SharedBuffer;
use record::Result;
use restore::Target;

/// Takes a volume and compares it with what it should be.
#[derive(Debug)]
pub(crate) struct Same<'a> {
    image: &'a [u8],
    /// Where the first range that differs begins.
    differs: Mutex<Option<u64>>,
}

impl<'a> Same<'a> {
    pub(crate) fn new(image: &'a [u8]) -> Self {
        Self { image, differs: Mutex::default() }
    }

    /// Where a range begins that is not as in the image; of what never came nothing is said.
    pub(crate) fn differs(&self) -> Option<u64> {
        *self.differs.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn compare(&self, offset: u64, length: usize, same: impl FnOnce(&[u8]) -> bool) -> u64 {
        let rest = self.image.get(offset as usize..).unwrap_or_default();
        if !rest.get(..length).is_some_and(same) {
            let mut differs = self.differs.lock().unwrap_or_else(|error| error.into_inner());
            *differs = Some(differs.map_or(offset, |first| first.min(offset)));
        }
        length as u64
    }
}

impl Target for Same<'_> {
    fn put(
        &self,
        _number: u64,
        offset: u64,
        length: usize,
        bytes: SharedBuffer,
        _runs: &[(u32, u32)],
    ) -> Result<u64> {
        Ok(self.compare(offset, length, |image| bytes.get(..length) == Some(image)))
    }

    fn put_hole(&self, _number: u64, offset: u64, length: usize) -> Result<u64> {
        Ok(self.compare(offset, length, |image| image.iter().all(|byte| *byte == 0)))
    }

    fn finish(&self) -> Result<()> {
        Ok(())
    }
}
