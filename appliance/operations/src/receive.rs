//! Take a disk in that somebody has written, as a recovery point.

use std::error::Error;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use export::{Content, Image, Overlay};
use ingest::{Dirty, Hint, Recheck, Source};
use model::{Consistency, PointId};
use record::{Progress, TenantAccess};
use tokio::runtime::Handle;

use crate::{Failure, Ingest, Ingested, OpenPool};

/// What was written, and what it is.
#[derive(Debug)]
pub struct Receive {
    /// Name of the protected system.
    pub system: String,
    /// Name of the volume.
    pub volume: String,
    /// The recovery point that it was written above; `None` if that was a blank disk.
    pub base: Option<PointId>,
    /// Identity of the new recovery point.
    pub point: PointId,
    /// What whoever wrote it says about its moment.
    pub consistency: Consistency,
}

impl Receive {
    /// Takes the disk in; nobody writes to it any more. Above a recovery point only what was
    /// written is read.
    pub fn run(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        (overlay, handle): (Arc<Overlay>, Handle),
        progress: &Progress,
    ) -> Result<Ingested, Failure> {
        let dirty = || Dirty::new(overlay.held());
        let ingest = Ingest {
            parent: self.base.map(|base| base.to_string()),
            hint: self.base.map(|_| Hint { dirty: dirty(), recheck: Recheck::Nothing }),
            point: Some(self.point),
            consistency: self.consistency,
            ..Ingest::of(&self.system, &self.volume, "what was written")
        };
        ingest.run(pool, access, &Written { overlay: overlay.clone(), handle }, progress)
    }
}

/// A disk that was written, as a source.
#[derive(Debug)]
struct Written {
    overlay: Arc<Overlay>,
    /// Reads run there as tasks of their own: the threads that they need then are as urgent as the
    /// runtime's, not as whoever reads.
    handle: Handle,
}

impl Written {
    fn ask<T: Send + 'static, E: Into<Box<dyn Error + Send + Sync>> + Send + 'static>(
        &self,
        asked: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> io::Result<T> {
        let answered = self.handle.block_on(self.handle.spawn(asked));
        answered.map_err(io::Error::other)?.map_err(io::Error::other)
    }
}

impl Source for Written {
    fn name(&self) -> String {
        self.overlay.path().display().to_string()
    }

    fn size(&self) -> u64 {
        self.overlay.size()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let (overlay, mut bytes) = (self.overlay.clone(), vec![0; buffer.len()]);
        let read = async move { overlay.read(offset, &mut bytes).await.map(|()| bytes) };
        buffer.copy_from_slice(&self.ask(read)?);
        Ok(())
    }

    fn data(&self, range: Range<u64>) -> io::Result<Option<Range<u64>>> {
        let mut at = range.start;
        while at < range.end {
            let (overlay, length) = (self.overlay.clone(), range.end - at);
            let extents = self.ask(async move { overlay.extents(at, length).await })?;
            if extents.is_empty() {
                return Ok(Some(at..range.end));
            }
            for extent in extents {
                let end = at.saturating_add(extent.length).min(range.end);
                if extent.content == Content::Data {
                    return Ok(Some(at..end));
                }
                at = end;
            }
        }
        Ok(None)
    }
}
