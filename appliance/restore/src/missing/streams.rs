//! What damage has cost a stream.

use model::Digest;
use record::{RecordError, Result, Stream, StreamLeaf};

use super::{Broken, Survey, VolumeRange, note};
use crate::stream::read;

/// Chunks that are opened at once, at most: 8 MiB of the longest.
const OPENED: usize = 32;

impl Survey<'_> {
    /// Looks at all of a stream. Where a leaf or a node is lost, nobody knows how many bytes are:
    /// all from there on count as missing.
    pub(super) async fn stream(
        &mut self,
        stream: &Stream,
        number: usize,
        broken: &mut Broken,
    ) -> Result<()> {
        let (mut leaves, mut start) = (stream.leaves(), 0);
        loop {
            if self.progress.stopped() {
                return Err(RecordError::Interrupted);
            }
            let next = leaves.next(&mut self.reader).await;
            let digest = next.as_ref().ok().copied().flatten();
            let leaf = match next {
                Ok(Some(digest)) => StreamLeaf::read(&mut self.reader, &digest).await,
                Ok(None) if start == stream.bytes() => return Ok(()),
                Ok(None) => Err(RecordError::Shape),
                Err(error) => Err(error),
            };
            let Ok(leaf) = leaf else {
                let bytes = stream.bytes().saturating_sub(start);
                broken.more |=
                    !note(&mut broken.missing, VolumeRange { volume: number, start, bytes });
                return Ok(());
            };
            if digest.is_some_and(|digest| self.whole.contains(&digest)) {
                start += leaf.bytes();
                continue;
            }
            let before = broken.missing.clone();
            for chunks in leaf.chunks.chunks(OPENED) {
                self.chunks(chunks, number, &mut start, broken).await?;
            }
            if broken.more {
                return Ok(());
            }
            if broken.missing == before {
                digest.into_iter().for_each(|digest| self.remember(digest));
            }
        }
    }

    async fn chunks(
        &mut self,
        chunks: &[(Digest, u32)],
        volume: usize,
        start: &mut u64,
        broken: &mut Broken,
    ) -> Result<()> {
        // One that is damaged is found by opening all; which one, by opening each.
        let fails = !self.range.is_empty() && read(&mut self.reader, chunks).await.is_err();
        for chunk in chunks {
            let bytes = u64::from(chunk.1);
            let known = !self.lost.contains(&chunk.0)
                && self.reader.access().store().contains(&chunk.0).await?;
            if !known || fails && read(&mut self.reader, &[*chunk]).await.is_err() {
                let gone = VolumeRange { volume, start: *start, bytes };
                broken.more |= !note(&mut broken.missing, gone);
            }
            *start += bytes;
        }
        Ok(())
    }
}
