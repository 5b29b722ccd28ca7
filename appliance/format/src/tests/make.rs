//! Values to test with: arbitrary ones, and valid ones made of arbitrary parts.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::checkpoint::{Checkpoint, CheckpointPlace, SegmentRow};
use crate::event::{
    ClockRow, EVENT_CLEARED, EVENT_CLOCK, EVENT_POINT, EVENT_POLICY, EVENT_REMOVED, EVENT_SCRUB,
    Event, MarkRow, PointRow, PolicyRow, ScrubRow,
};
use crate::geometry::Geometry;
use crate::keyring::{DataKeyEntry, KeyBlock, KeySlot, TenantEntry};
use crate::layout::Fixed;
use crate::log::{
    Commit, CopiedSegment, EntryGroup, GroupHeader, LogPlace, ReleasedSegment, RetiredSegment,
    SealedSegment, SegmentPlace,
};
use crate::segment::{Entry, SegmentInfo};
use crate::superblock::{Member, Superblock};
use model::{DiskId, Epoch, PoolId, SegmentId, Sequence};

/// Any value of a fixed structure: every pattern of its bytes is one.
pub(super) fn fixed<T: Fixed + std::fmt::Debug>() -> impl Strategy<Value = T> {
    vec(any::<u8>(), T::SIZE).prop_map(|bytes| T::load(&bytes))
}

pub(super) fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=most)
}

pub(super) fn geometry() -> impl Strategy<Value = Geometry> {
    let blocks = (8_u64..=64, 16_u64..=300, 6_u64..=3000, 0_u64..8);
    blocks.prop_map(|(segment, log, slots, rest)| {
        let disk = 64 + 2 * log + slots * segment + rest;
        Geometry::new(disk * 4096, log * 4096, segment as u32 * 4096).unwrap()
    })
}

/// A superblock as a writer may make it, for any of the slots.
pub(super) fn superblock() -> impl Strategy<Value = Superblock> {
    let ids = (fixed::<PoolId>(), fixed::<DiskId>(), geometry());
    let rest = (1_u8..=4, any::<u8>(), any::<bool>(), fixed::<[Member; 4]>(), fixed::<[u64; 9]>());
    (ids, rest).prop_map(|((pool, disk, geometry), (count, member, closed, members, numbers))| {
        let [generation, epoch, slot, bytes, position, sequence, ro_compat, compat, hash] = numbers;
        Superblock {
            member: member % count,
            member_count: count,
            closed: closed.into(),
            ro_compat,
            compat,
            generation,
            epoch: Epoch(epoch),
            checkpoint_slot: slot as u32,
            checkpoint_bytes: bytes as u32,
            checkpoint_hash: *blake3::hash(&hash.to_le_bytes()).as_bytes(),
            replay_position: position,
            replay_sequence: Sequence(sequence),
            members,
            ..Superblock::new(pool, disk, &geometry)
        }
    })
}

pub(super) fn group() -> impl Strategy<Value = EntryGroup> {
    let parts = (fixed::<GroupHeader>(), 0_u32..60_000, vec(fixed::<Entry>(), 0..20));
    parts.prop_map(|(header, first_record, entries)| {
        let count = entries.len() as u32;
        EntryGroup { header: GroupHeader { first_record, count, ..header }, entries }
    })
}

pub(super) fn commit() -> impl Strategy<Value = Commit> {
    let opened = vec(fixed::<SegmentPlace>(), 0..4);
    let sealed = vec(fixed::<SealedSegment>(), 0..4);
    let retired = vec(fixed::<RetiredSegment>(), 0..3);
    let moved =
        (retired, vec(fixed::<ReleasedSegment>(), 0..3), vec(fixed::<CopiedSegment>(), 0..3));
    (opened, vec(group(), 0..4), sealed, vec(bytes(300), 0..4), moved).prop_map(
        |(opened, groups, sealed, events, (retired, released, copied))| Commit {
            opened,
            groups,
            sealed,
            events,
            retired,
            released,
            copied,
        },
    )
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let marks = EVENT_REMOVED..=EVENT_CLEARED;
    prop_oneof![
        fixed::<PointRow>().prop_map(|row| Event::Point(PointRow { kind: EVENT_POINT, ..row })),
        (fixed::<MarkRow>(), marks).prop_map(|(row, kind)| Event::Mark(MarkRow { kind, ..row })),
        fixed::<ClockRow>().prop_map(|row| Event::Clock(ClockRow { kind: EVENT_CLOCK, ..row })),
        fixed::<PolicyRow>().prop_map(|row| Event::Policy(PolicyRow { kind: EVENT_POLICY, ..row })),
        fixed::<ScrubRow>().prop_map(|row| Event::Scrub(ScrubRow { kind: EVENT_SCRUB, ..row })),
    ]
}

pub(super) fn log_place() -> impl Strategy<Value = LogPlace> {
    (fixed::<PoolId>(), fixed::<[u64; 4]>(), fixed::<[u8; 32]>()).prop_map(
        |(pool_id, [epoch, sequence, position, durable], previous)| LogPlace {
            pool_id,
            epoch: Epoch(epoch),
            sequence: Sequence(sequence),
            position,
            durable_up_to: Sequence(durable),
            previous,
        },
    )
}

pub(super) fn checkpoint() -> impl Strategy<Value = Checkpoint<'static>> {
    let lists = (vec(fixed::<SegmentRow>(), 0..6), vec(group(), 0..4));
    (any::<u64>(), lists, bytes(500), bytes(500)).prop_map(
        |(next, (segments, groups), index, catalog)| Checkpoint {
            next_segment: SegmentId(next),
            segments,
            groups,
            index: index.into(),
            catalog: catalog.into(),
        },
    )
}

pub(super) fn checkpoint_place() -> impl Strategy<Value = CheckpointPlace> {
    (fixed::<PoolId>(), fixed::<[u64; 3]>()).prop_map(|(pool_id, [generation, epoch, replay])| {
        CheckpointPlace {
            pool_id,
            generation,
            epoch: Epoch(epoch),
            replay_sequence: Sequence(replay),
        }
    })
}

pub(super) fn key_block() -> impl Strategy<Value = KeyBlock> {
    let lists = (
        vec(fixed::<KeySlot>(), 0..=16),
        vec(fixed::<TenantEntry>(), 0..=48),
        vec(fixed::<DataKeyEntry>(), 0..=160),
    );
    (fixed::<PoolId>(), any::<u64>(), any::<u32>(), lists, fixed::<[u8; 32]>()).prop_map(
        |(pool_id, generation, next_slot, (slots, tenants, data_keys), authenticator)| KeyBlock {
            pool_id,
            generation,
            next_slot,
            slots,
            tenants,
            data_keys,
            authenticator,
        },
    )
}

/// What a footer is built from: pool, segment, end of the body, entries, group hashes.
pub(super) type FooterParts = (PoolId, SegmentInfo, u32, Vec<Entry>, Vec<[u8; 32]>);

pub(super) fn footer_parts() -> impl Strategy<Value = FooterParts> {
    let entries = vec(fixed::<Entry>(), 0..200);
    (fixed(), fixed(), any::<u32>(), entries, vec(fixed(), 0..65))
}
