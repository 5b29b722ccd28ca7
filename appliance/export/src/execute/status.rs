//! Block status: which parts of a range are holes.

use super::Session;
use super::read::add;
use crate::budget::Buffer;
use crate::image::{Content, Extent, Image, ImageError};
use crate::negotiate::ALLOCATION_CONTEXT;
use crate::wire::{
    CommandFlags, Errno, Request, STATUS_ENTRY, STATUS_HEAD, status_entry, status_head,
};

/// Extents of one reply at most; the client asks again for the rest.
const MAX_EXTENTS: usize = 4096;
/// How often the image is asked for one reply: bounds the time when its answers are short.
const MAX_QUESTIONS: usize = 1024;

/// The longest reply, in bytes.
pub(super) const MAX_REPLY: u32 = (STATUS_HEAD + MAX_EXTENTS * STATUS_ENTRY) as u32;

impl Session {
    pub(super) async fn status(&self, request: &Request) -> Result<Buffer, Errno> {
        let one = request.flags.has(CommandFlags::REQ_ONE);
        let most = if one { 1 } else { MAX_EXTENTS };
        let image = self.served.export.disk.image();
        let extents = extents(image, request.offset, u64::from(request.length), most)
            .await
            .map_err(|_| Errno::Io)?;
        let mut reply = self.served.budget.buffer(STATUS_HEAD + extents.len() * STATUS_ENTRY);
        let (head, entries) = reply.as_mut().split_at_mut(STATUS_HEAD);
        let count = extents.len() as u32;
        head.copy_from_slice(&status_head(request.cookie, ALLOCATION_CONTEXT, count));
        for (to, extent) in entries.chunks_exact_mut(STATUS_ENTRY).zip(&extents) {
            let length = u32::try_from(extent.length).map_err(|_| Errno::Io)?;
            to.copy_from_slice(&status_entry(length, extent.content == Content::Hole));
        }
        Ok(reply)
    }
}

/// The first extents of a range, alike ones joined; at least one, at most `most`.
async fn extents(
    image: &dyn Image,
    offset: u64,
    length: u64,
    most: usize,
) -> Result<Vec<Extent>, ImageError> {
    let mut joined = Vec::new();
    let mut covered = 0;
    for _ in 0..MAX_QUESTIONS {
        let before = covered;
        for extent in image.extents(offset + covered, length - covered).await? {
            let length = extent.length.min(length - covered);
            add(&mut joined, length, extent.content);
            covered += length;
        }
        if covered == before || covered == length || joined.len() > most {
            break;
        }
    }
    joined.truncate(most);
    if joined.is_empty() {
        // Always true, and the client goes on.
        joined.push(Extent { length, content: Content::Data });
    }
    Ok(joined)
}
