//! The examples of FORMAT.md are what the code writes. A failing test prints what would be right.

use crate::event::{self, PointRow};
use crate::geometry::Geometry;
use crate::layout::Fixed;
use crate::log::{
    Commit, EntryGroup, GroupHeader, LogHeader, LogPlace, NO_SLOT, SealedSegment, SegmentPlace,
    encode_log_record,
};
use crate::manifest::{self, Extent, HOLE, LeafRows};
use crate::segment::{Entry, SegmentInfo, record_checksum};
use crate::superblock::{MEMBER_ACTIVE, Member, Superblock};
use model::{
    BlockTag, DataKeyId, Digest, DiskId, Epoch, PointId, PoolId, SegmentId, Sequence, SystemId,
    TenantId, WallTime,
};

use super::document::DOCUMENT;

/// The first 16 bytes of the hash of a word: ids that look like ids and can be made again.
fn id(word: &str) -> [u8; 16] {
    <[u8; 16]>::load(blake3::hash(word.as_bytes()).as_bytes())
}

fn hash(word: &str) -> [u8; 32] {
    *blake3::hash(word.as_bytes()).as_bytes()
}

/// A mirror of two disks of 64 MiB, of which this is the second.
pub(super) fn superblock() -> Superblock {
    let geometry = Geometry::new(64 << 20, 1 << 20, 1 << 20).unwrap();
    let row = |disk| Member {
        disk_id: DiskId(id(disk)),
        state: MEMBER_ACTIVE,
        reserved: [0; 7],
        generation: 0,
    };
    let none = Member::load(&[0; Member::SIZE]);
    Superblock {
        member: 1,
        member_count: 2,
        generation: 7,
        epoch: Epoch(3),
        checkpoint_slot: 5,
        checkpoint_bytes: 440,
        checkpoint_hash: hash("checkpoint"),
        replay_position: 28_672,
        replay_sequence: Sequence(12),
        replay_previous: hash("log record 11"),
        members: [row("disk 0"), row("disk 1"), none, none],
        ..Superblock::new(PoolId(id("pool")), DiskId(id("disk 1")), &geometry)
    }
}

/// The record that goes on where [`superblock`] says.
pub(super) fn log_place() -> LogPlace {
    LogPlace {
        pool_id: PoolId(id("pool")),
        epoch: Epoch(3),
        sequence: Sequence(12),
        position: 28_672,
        durable_up_to: Sequence(11),
        previous: hash("log record 11"),
    }
}

fn commit() -> Commit {
    let info = SegmentInfo {
        segment: SegmentId(4),
        epoch: Epoch(3),
        tenant: TenantId(id("tenant")),
        data_key: DataKeyId(1),
        kind: 1,
        suite: 1,
        reserved: 0,
        salt: hash("salt"),
        commitment: id("commitment"),
    };
    let entry = Entry {
        digest: Digest(hash("digest")),
        offset: 4096,
        length: 36,
        refs: 0,
        kind: 1,
        reserved: [0; 5],
        checksum: record_checksum(b"thirty-six bytes of a sealed payload"),
    };
    let header = GroupHeader {
        segment: SegmentId(4),
        first_record: 0,
        count: 1,
        body_end: 4132,
        reserved: 0,
    };
    Commit {
        opened: vec![SegmentPlace { info, slots: [2, 6, NO_SLOT, NO_SLOT] }],
        groups: vec![EntryGroup { header, entries: vec![entry] }],
        sealed: vec![SealedSegment { segment: SegmentId(3), trailer: hash("trailer") }],
        events: vec![event::Event::Point(point()).encode()],
        ..Commit::default()
    }
}

fn point() -> PointRow {
    PointRow {
        kind: event::EVENT_POINT,
        content: event::CONTENT_VOLUMES,
        volumes: 2,
        reserved: 0,
        point: PointId(id("point")),
        tenant: TenantId(id("tenant")),
        system: SystemId(id("system")),
        record: Digest(hash("record")),
        sequence: Sequence(0),
        created: WallTime(1_795_288_443),
        logical_bytes: 64 << 30,
        added_bytes: 123_456_789,
        age: 0,
        changed_bytes: 0,
        dense_bytes: 0,
        signals: 0,
        reserved2: [0; 15],
    }
}

/// Lines of 16 bytes with their offset; lines of zeroes are left out.
fn dump(bytes: &[u8]) -> String {
    let lines = (0..).step_by(16).zip(bytes.chunks(16));
    lines
        .filter(|(_, line)| line.iter().any(|byte| *byte != 0))
        .map(|(at, line)| {
            let line: String = line.iter().map(|byte| format!(" {byte:02x}")).collect();
            format!("{at:04x}:{line}\n")
        })
        .collect()
}

/// What stands in the document's block of this name.
fn block(name: &str) -> String {
    let lines = DOCUMENT.lines().skip_while(|line| *line != format!("```hex {name}")).skip(1);
    lines.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect()
}

fn assert_documented(name: &str, bytes: &[u8]) {
    let right = dump(bytes);
    assert!(block(name) == right, "the example {name} would be:\n{right}");
}

#[test]
fn the_superblock() {
    assert_documented("superblock", &superblock().encode(3)[..Superblock::SIZE]);
}

#[test]
fn the_log_record() {
    let record = encode_log_record(&log_place(), Some(&commit()));
    let end = LogHeader::SIZE + commit().payload_bytes();
    assert_documented("log record", &record.bytes[..end]);
}

#[test]
fn the_leaf_and_the_node() {
    let extent = |blocks, reference, start| Extent { blocks, reference, start, reserved: 0 };
    let extents = vec![extent(1, 0, 0), extent(4000, HOLE, 0), extent(2, 1, 5), extent(1, 0, 2)];
    let tags = (1..=4).map(|number| BlockTag([0x10 * number; 12])).collect();
    assert_documented("leaf", &manifest::encode_leaf(&LeafRows { extents, tags }));
    let present: Vec<bool> = (0..20).map(|child| child % 3 == 0).collect();
    assert_documented("node", &manifest::encode_node(1, &present));
}
