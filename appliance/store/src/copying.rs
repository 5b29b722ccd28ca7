//! Making the copy of one segment on a disk that has none, and looking whether it is right.
//!
//! A group of the segment goes from a disk that has it right to the one that lacks it, one after
//! the other and at most [`READS_IN_FLIGHT`] ahead. What no disk has right is put together from
//! the records that are; what is lost then is named.

use disk::{Buffer, SharedBuffer};
use format::segment::{GROUP_BYTES, SegmentTrailer};
use futures_util::{StreamExt, stream};
use model::{BLOCK, Digest, SegmentId};

use crate::members::{Member, lock};
use crate::pace::Pace;
use crate::planted::{Bug, planted};
use crate::resync::Claimed;
use crate::segments::{Segment, State};
use crate::store::Inner;
use crate::{Result, StoreError};

/// Groups, of at most 1 MiB each, that are read ahead of the one being written.
const READS_IN_FLIGHT: usize = 2;

/// A stretch of a copy: its start in the segment, its length and its hash.
type Part = (u32, usize, [u8; 32]);

/// What lies on the disk of a copy that is not right as a whole, and in which slot.
type Own<'a> = (&'a Member, u32);

/// What the copy of a segment consists of.
struct Plan {
    segment: Segment,
    pieces: Vec<Piece>,
    /// Behind the pieces, if the segment has one: where it starts, and its bytes.
    footer: Option<(u32, SharedBuffer)>,
    /// Nobody knows what should be there.
    unreadable: bool,
}

#[derive(Clone, Copy)]
struct Piece {
    start: u32,
    length: usize,
    /// Known for a segment with a footer.
    hash: Option<[u8; 32]>,
}

/// A copy that lies on the disk.
pub(crate) struct Made {
    pub(crate) segment: SegmentId,
    pub(crate) slot: u32,
    pub(crate) bytes: u64,
    parts: Vec<Part>,
    pub(crate) lost: Vec<Digest>,
    pub(crate) kept: bool,
    pub(crate) unreadable: bool,
}

impl Inner {
    /// Puts a copy of a segment on a disk, or finds that the one in slot `found` is right.
    pub(crate) async fn copy(
        &self,
        segment: Segment,
        number: usize,
        found: Option<u32>,
        claimed: &mut Claimed<'_>,
        pace: &mut Pace<'_>,
    ) -> Result<Made> {
        let member = claimed.member;
        let plan = self.plan_copy(segment, number).await;
        if let Some(slot) = found
            && let Some(parts) = self.expected(&plan)
            && self.are_there(member, slot, &parts, pace, true).await
        {
            return Ok(plan.made(slot, parts, Vec::new(), true));
        }
        let slot = match found {
            Some(slot) => slot,
            None => {
                let reserve = self.reserve();
                let slot = lock(&member.free).take(reserve).ok_or(StoreError::Full)?;
                claimed.slots.push(slot);
                slot
            }
        };
        let own = found.map(|slot| (member, slot));
        let (parts, lost) = self.write_copy(&plan, member, number, (slot, own), pace).await?;
        Ok(plan.made(slot, parts, lost, false))
    }

    /// What the copy consists of: groups by their hashes, where there is a footer.
    async fn plan_copy(&self, segment: Segment, number: usize) -> Plan {
        let room = self.geometry.segment_bytes();
        let (body_end, trailer) = match &segment.state {
            State::Sealed { body_end, trailer, .. } => (*body_end, Some(*trailer)),
            State::Unsealed { body_end, .. } => (*body_end, None),
            State::Open(_) => (0, None),
        };
        let Some(trailer) = trailer else {
            let pieces = pieces(body_end.next_multiple_of(BLOCK as u32), &[]);
            return Plan { segment, pieces, footer: None, unreadable: false };
        };
        let footer = match self.whole_footer(&segment, &trailer, number).await {
            Some(footer) => Some(footer),
            None => self.remake_footer(&segment, &trailer).await.ok(),
        };
        let groups = footer.as_ref().and_then(|footer| groups_of(footer, self.pool_id));
        match (footer, groups) {
            (Some(footer), Some(groups)) => {
                let pieces = pieces(body_end.next_multiple_of(BLOCK as u32), &groups);
                let footer = Some((room - footer.len() as u32, footer));
                Plan { segment, pieces, footer, unreadable: false }
            }
            _ => Plan { segment, pieces: pieces(room, &[]), footer: None, unreadable: true },
        }
    }

    /// What must lie on the disk, if all of it is known beforehand.
    fn expected(&self, plan: &Plan) -> Option<Vec<Part>> {
        let (start, footer) = plan.footer.as_ref()?;
        let known = |piece: &Piece| Some((piece.start, piece.length, piece.hash?));
        let mut parts = plan.pieces.iter().map(known).collect::<Option<Vec<_>>>()?;
        parts.push((*start, footer.len(), *blake3::hash(footer).as_bytes()));
        Some(parts)
    }

    async fn write_copy(
        &self,
        plan: &Plan,
        member: &Member,
        number: usize,
        (slot, own): (u32, Option<Own<'_>>),
        pace: &mut Pace<'_>,
    ) -> Result<(Vec<Part>, Vec<Digest>)> {
        let (mut parts, mut lost) = (Vec::new(), Vec::new());
        let reads = plan
            .pieces
            .iter()
            .map(|piece| async move { (piece, self.read_source(plan, piece, number, own).await) });
        let mut reads = stream::iter(reads).buffered(READS_IN_FLIGHT);
        loop {
            let begun = pace.begin(self);
            let Some((piece, read)) = reads.next().await else { break };
            let (bytes, missing) = read?;
            lost.extend(missing);
            parts.push((piece.start, piece.length, *blake3::hash(&bytes).as_bytes()));
            write_part(member, slot, piece.start, bytes.freeze()).await?;
            pace.end(begun, self, piece.length).await;
        }
        if let Some((start, footer)) = &plan.footer {
            let begun = pace.begin(self);
            parts.push((*start, footer.len(), *blake3::hash(footer).as_bytes()));
            write_part(member, slot, *start, footer.clone()).await?;
            pace.end(begun, self, footer.len()).await;
        }
        Ok((parts, lost))
    }

    /// The bytes of a piece from a disk that has them right, at last from the copy itself that is
    /// made right; else what can be put together from records of all disks, and the digests of
    /// those that none has.
    async fn read_source(
        &self,
        plan: &Plan,
        piece: &Piece,
        number: usize,
        own: Option<Own<'_>>,
    ) -> Result<(Buffer, Vec<Digest>)> {
        let others = self.members.readers().filter(|(other, _)| *other != number);
        let others = others.filter_map(|(other, _)| self.holder(&plan.segment, other));
        let own = own.filter(|_| piece.hash.is_some());
        for (source, slot) in others.chain(own) {
            let buffer = self.piece_buffer(piece.length).await;
            let read = source.disk.read(source.segment_offset(slot, piece.start), buffer).await;
            let right = |bytes: &Buffer| match piece.hash {
                Some(hash) => blake3::hash(bytes).as_bytes() == &hash,
                None => plan.unreadable,
            };
            match read {
                Ok(bytes) if right(&bytes) || planted(Bug::CopyUnverified) => {
                    return Ok((bytes, Vec::new()));
                }
                _ => {}
            }
        }
        if plan.unreadable {
            return Ok((Buffer::zeroed(piece.length), Vec::new()));
        }
        self.salvage(&plan.segment, piece.start, piece.length).await
    }

    async fn piece_buffer(&self, length: usize) -> Buffer {
        if length > self.buffers().slab_bytes() {
            return Buffer::zeroed(length);
        }
        let mut buffer = self.buffers().acquire().await;
        buffer.truncate(length);
        buffer
    }

    /// Whether these parts lie in a slot. They count as copies made, or did so when they were.
    async fn are_there(
        &self,
        member: &Member,
        slot: u32,
        parts: &[Part],
        pace: &mut Pace<'_>,
        counts: bool,
    ) -> bool {
        for (start, length, hash) in parts {
            let begun = pace.begin(self);
            let buffer = self.piece_buffer(*length).await;
            let read = member.disk.read(member.segment_offset(slot, *start), buffer).await;
            if !read.is_ok_and(|bytes| blake3::hash(&bytes).as_bytes() == hash) {
                return false;
            }
            pace.end(begun, self, if counts { *length } else { 0 }).await;
        }
        true
    }

    /// Flushes copies and reads them back: a disk that does not give what it took has failed.
    pub(crate) async fn make_durable(
        &self,
        member: &Member,
        made: &[Made],
        pace: &mut Pace<'_>,
    ) -> Result<()> {
        let left = || StoreError::LeftBehind { disk: member.disk.name().to_owned() };
        if made.iter().any(|made| !made.kept) && member.disk.flush().await.is_err() {
            member.fail();
            return Err(left());
        }
        for made in made.iter().filter(|made| !made.kept) {
            if !self.are_there(member, made.slot, &made.parts, pace, false).await {
                member.fail();
                return Err(left());
            }
        }
        Ok(())
    }
}

impl Plan {
    fn made(self, slot: u32, parts: Vec<Part>, lost: Vec<Digest>, kept: bool) -> Made {
        let (segment, unreadable) = (self.segment.place.info.segment, self.unreadable);
        let bytes = self.segment.stored_bytes();
        Made { segment, slot, bytes, parts, lost, kept, unreadable }
    }
}

async fn write_part(member: &Member, slot: u32, start: u32, bytes: SharedBuffer) -> Result<()> {
    let written = member.disk.write(member.segment_offset(slot, start), bytes).await;
    written.map_err(|_| {
        member.fail();
        StoreError::LeftBehind { disk: member.disk.name().to_owned() }
    })
}

/// The groups of a body, with their hashes as far as they are known.
fn pieces(end: u32, groups: &[[u8; 32]]) -> Vec<Piece> {
    let starts = (0..end).step_by(GROUP_BYTES).enumerate();
    let piece = |(group, start): (usize, u32)| {
        let length = (end - start).min(GROUP_BYTES as u32) as usize;
        Piece { start, length, hash: groups.get(group).copied() }
    };
    starts.map(piece).collect()
}

/// The group hashes of a footer that was checked.
fn groups_of(footer: &[u8], pool_id: model::PoolId) -> Option<Vec<[u8; 32]>> {
    let trailer = SegmentTrailer::decode(footer.last_chunk::<BLOCK>()?, pool_id).ok()?;
    let from = trailer.groups_offset.checked_sub(trailer.entries_offset)? as usize;
    let bytes = footer.get(from..from.checked_add(trailer.groups as usize * 32)?)?;
    Some(bytes.chunks_exact(32).filter_map(|hash| hash.try_into().ok()).collect())
}
