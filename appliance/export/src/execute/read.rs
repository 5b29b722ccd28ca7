//! Reads: the disk's bytes are read straight to their place in the reply.

use super::Session;
use crate::budget::Buffer;
use crate::image::{Content, Extent, Image, ImageError};
use crate::stats::Counters;
use crate::wire::{
    CommandFlags, DATA_HEAD, Errno, HOLE_CHUNK, Request, data_head, hole_chunk, simple_head,
};

/// Reads of at least this many bytes leave out holes. For smaller ones, asking for holes costs more
/// than sending zeroes.
const SPARSE_READ: u32 = 64 << 10;
/// Holes of at least this many bytes are left out: each is a chunk more for the client to parse.
const SPARSE_HOLE: u64 = 32 << 10;

impl Session {
    pub(super) async fn read(&self, request: &Request) -> Result<Buffer, Errno> {
        Counters::add(&self.served.counters.bytes_read, u64::from(request.length));
        if !self.structured {
            return self.read_simple(request).await;
        }
        if request.length == 0 {
            return Ok(self.success(request));
        }
        if request.length < SPARSE_READ || request.flags.has(CommandFlags::DF) {
            return self.read_whole(request).await;
        }
        let image = self.served.export.disk.image();
        let pieces = pieces(image, request.offset, u64::from(request.length)).await;
        match &pieces.map_err(|_| Errno::Io)?[..] {
            [Extent { content: Content::Data, .. }] => self.read_whole(request).await,
            pieces => self.read_pieces(request, pieces).await,
        }
    }

    /// The one form without structured replies: head, then all bytes.
    async fn read_simple(&self, request: &Request) -> Result<Buffer, Errno> {
        let head = simple_head(request.cookie, None);
        self.read_behind(&head, request).await
    }

    /// One chunk of data.
    async fn read_whole(&self, request: &Request) -> Result<Buffer, Errno> {
        let head = data_head(request.cookie, true, request.offset, request.length);
        self.read_behind(&head, request).await
    }

    async fn read_behind(&self, head: &[u8], request: &Request) -> Result<Buffer, Errno> {
        let mut reply = self.served.budget.buffer(head.len() + request.length as usize);
        let (to, data) = reply.as_mut().split_at_mut(head.len());
        to.copy_from_slice(head);
        let read = self.served.export.disk.image().read(request.offset, data).await;
        read.map_err(|_| Errno::Io)?;
        Ok(reply)
    }

    /// A chunk for each piece.
    async fn read_pieces(&self, request: &Request, pieces: &[Extent]) -> Result<Buffer, Errno> {
        let mut reply = self.served.budget.buffer(pieces.iter().map(reply_size).sum());
        let mut rest = reply.as_mut();
        let mut offset = request.offset;
        for (number, piece) in pieces.iter().enumerate() {
            let last = number + 1 == pieces.len();
            // Pieces of a request are no longer than it is.
            let length = u32::try_from(piece.length).map_err(|_| Errno::Io)?;
            let (chunk, behind) = rest.split_at_mut(reply_size(piece));
            if piece.content == Content::Hole {
                chunk.copy_from_slice(&hole_chunk(request.cookie, last, offset, length));
            } else {
                let (head, data) = chunk.split_at_mut(DATA_HEAD);
                head.copy_from_slice(&data_head(request.cookie, last, offset, length));
                let read = self.served.export.disk.image().read(offset, data).await;
                read.map_err(|_| Errno::Io)?;
            }
            rest = behind;
            offset += piece.length;
        }
        Ok(reply)
    }
}

fn reply_size(piece: &Extent) -> usize {
    match piece.content {
        Content::Hole => HOLE_CHUNK,
        Content::Data => DATA_HEAD + piece.length as usize,
    }
}

/// Cuts a range into holes that are worth a chunk and data in between, alternating.
async fn pieces(image: &dyn Image, offset: u64, length: u64) -> Result<Vec<Extent>, ImageError> {
    let mut pieces: Vec<Extent> = Vec::new();
    let mut covered = 0;
    while covered < length {
        let extents = image.extents(offset + covered, length - covered).await?;
        let before = covered;
        for extent in extents {
            let length = extent.length.min(length - covered);
            let worth = extent.content == Content::Hole && length >= SPARSE_HOLE;
            add(&mut pieces, length, if worth { Content::Hole } else { Content::Data });
            covered += length;
        }
        if covered == before {
            // Nothing is known of the rest: it is read.
            add(&mut pieces, length - covered, Content::Data);
            break;
        }
    }
    Ok(pieces)
}

/// Adds a piece, as a part of the last one if that is alike.
pub(super) fn add(pieces: &mut Vec<Extent>, length: u64, content: Content) {
    match pieces.last_mut() {
        _ if length == 0 => {}
        Some(last) if last.content == content => last.length += length,
        _ => pieces.push(Extent { length, content }),
    }
}
