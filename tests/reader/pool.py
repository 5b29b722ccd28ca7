"""A pool: its segments, its recovery points, and records by their digest. FORMAT.md 10."""

import sys
from types import SimpleNamespace

from blake3 import blake3
from disk import Disk, assemble
from keys import read_key_block
from log import Log, load_group, split_sections, whole_blocks
from segments import Segment, scan
from structures import NO_SLOT, Damaged, check_head, load, load_list, numbers, size

OPENED, RECORDS, SEALED, EVENT, RETIRED, RELEASED, COPIED = 1, 2, 3, 4, 5, 6, 7
SEALED_ROW, RETIRED_ROW = 2, 3
POINT_EVENT, GONE_EVENT = 1, 6
EVENTS = {1: "PointRow", 8: "ClockRow", 9: "PolicyRow", 10: "ScrubRow"}
EVENTS |= dict.fromkeys(range(2, 8), "MarkRow")
POINT_KIND = 4


def load_catalog(body, at, end):
    """The recovery points in a checkpoint; events that may be skipped are skipped."""
    points = []
    while at < end:
        if body[at] in EVENTS:
            if body[at] == POINT_EVENT:
                points.append(load("PointRow", body, at))
            elif body[at] == GONE_EVENT:
                points = without(points, load("MarkRow", body, at).point)
            at += size(EVENTS[body[at]])
        elif body[at] >= 128:
            at += size("KeptEvent") + load("KeptEvent", body, at).bytes
        else:
            raise Damaged(f"event kind {body[at]} is not known to this reader")
    return points


def without(points, gone):
    return [point for point in points if point.point != gone]


def warn(text):
    print(text, file=sys.stderr)


class Pool:
    """A pool opened for reading, from its checkpoint and log or from its footers alone."""

    def __init__(self, paths, from_footers=False, check_records=False):
        found = assemble([Disk(path) for path in paths])
        self.disks, self.newest = found.members, found.newest
        self.id = self.newest.pool_id
        self.check_records = check_records
        self.log = Log(list(self.disks.values()), self.id, self.newest.log_bytes)
        self.segments, self.points = {}, []
        if from_footers:
            self._rebuild()
        else:
            self._open()
        self.index = {}
        self._build_index()

    def close(self):
        for disk in self.disks.values():
            disk.close()

    def _build_index(self):
        for segment in self.segments.values():
            if segment.entries is None:
                try:
                    segment.load_entries(self.disks, self.id)
                except Damaged as error:
                    warn(error)
            for number, entry in enumerate(segment.entries or ()):
                if entry is not None:
                    places = self.index.setdefault(entry.digest, [])
                    places.append((segment, number, entry))

    def _rebuild(self):
        self.segments = scan(self.disks, self.id, self.log)
        entries = [(number, entry) for number, segment in sorted(self.segments.items())
                   for entry in segment.entries if entry is not None]
        self.points = [SimpleNamespace(point=None, record=entry.digest, sequence=number)
                       for number, entry in entries if entry.kind == POINT_KIND]

    def _open(self):
        newest, damage = self.newest.generation, Damaged("no superblock names a checkpoint")
        for generation in (newest, newest - 1):
            owns = {at: disk.of_generation(generation) for at, disk in self.disks.items()}
            owns = {at: own for at, own in owns.items() if own}
            if not owns:
                continue
            try:
                self._load_checkpoint(owns)
            except Damaged as error:
                warn(f"the checkpoint of generation {generation}: {error}")
                damage = error
                continue
            self._replay(next(iter(owns.values())))
            return
        raise damage

    # The checkpoint.

    def _load_checkpoint(self, owns):
        one = next(iter(owns.values()))
        slots = {at: own.checkpoint_slot for at, own in owns.items()}
        first = self._part(slots, one.checkpoint_bytes, one.checkpoint_hash)
        head = load("CheckpointHead", first)
        check_head(head, "checkpoint", b"HFCHKPNT", self.id)
        parts, at = load_list("PartPlace", first, size("CheckpointHead"), head.parts)
        body = first[at:]
        for part in parts:
            slots = dict(enumerate(numbers(part.slots)))
            body += self._part(slots, part.bytes, part.hash)
        if len(body) != head.body_bytes:
            raise Damaged("the checkpoint is shorter or longer than it says")
        self._take_body(head, body)

    def _part(self, slots, length, expected):
        """A part of a checkpoint, from whichever disk has it intact."""
        for at, disk in self.disks.items():
            try:
                data = disk.in_slot(slots.get(at, NO_SLOT), 0, length)
            except Damaged:
                continue
            if blake3(data) == expected:
                return data
        raise Damaged("a part is damaged on every disk")

    def _take_body(self, head, body):
        rows, at = load_list("SegmentRow", body, 0, head.segments)
        self.segments = {}
        for row in rows:
            if row.state == RETIRED_ROW:
                continue
            sealed = row.state == SEALED_ROW
            entries, trailer = (None, row.trailer) if sealed else ([], None)
            segment = Segment(row.info, numbers(row.slots), entries, trailer)
            self.segments[segment.info.segment] = segment
        for _ in range(head.groups):
            group, entries, at = load_group(body, at)
            self.segments[group.segment].entries = entries
        at += head.index_bytes
        self.points = load_catalog(body, at, at + head.catalog_bytes)

    # The log.

    def _replay(self, start):
        position, last = start.replay_position, start.replay_sequence - 1
        proved, hashes = last, {start.replay_previous}
        for record in self.log.run(position, start.replay_previous, last, start.epoch):
            self._apply(record)
            position = record.position + whole_blocks(record.bytes)
            last, proved = record.sequence, max(proved, record.durable_up_to)
            hashes.add(record.hash)
        proved = max(proved, self.log.proved_behind(position, last))
        if proved > last or self.newest.replay_previous not in hashes:
            warn(f"log record {last + 1} was durable and is damaged in every copy: "
                 "what came after it is not shown")

    def _apply(self, record):
        """Takes over a commit. The order is that of kinds, whatever that of sections."""
        for kind, body in sorted(split_sections(record.payload), key=lambda section: section[0]):
            if kind == OPENED:
                place = load("SegmentPlace", body)
                segment = Segment(place.info, numbers(place.slots), entries=[])
                self.segments[segment.info.segment] = segment
            elif kind == RECORDS:
                self._apply_group(body)
            elif kind == EVENT:
                self._apply_event(record, body)
            elif kind == RETIRED:
                self.segments.pop(load("RetiredSegment", body).segment, None)
            elif kind == COPIED:
                copy = load("CopiedSegment", body)
                if copy.segment in self.segments:
                    self.segments[copy.segment].slots[copy.member] = copy.slot
            elif kind not in (SEALED, RELEASED):
                raise Damaged(f"section kind {kind} is not known to this reader")

    def _apply_group(self, body):
        group, entries, _ = load_group(body, 0)
        segment = self.segments.get(group.segment)
        if segment is None:
            raise Damaged("the log names a segment that was never opened")
        if segment.entries is None or len(segment.entries) > group.first_record:
            return
        if len(segment.entries) < group.first_record:
            raise Damaged("the log lacks entries of a segment")
        segment.entries += entries

    def _apply_event(self, record, body):
        if body[0] == POINT_EVENT:
            point = load("PointRow", body)
            point.sequence = record.sequence
            self.points.append(point)
        elif body[0] == GONE_EVENT:
            self.points = without(self.points, load("MarkRow", body).point)
        elif body[0] < 128 and body[0] not in EVENTS:
            raise Damaged(f"event kind {body[0]} is not known to this reader")

    # Keys and records.

    def key_block(self):
        """The newest intact key block of any disk."""
        found = []
        for disk in self.disks.values():
            for data in disk.key_blocks():
                try:
                    found.append(read_key_block(data, self.id))
                except Damaged:
                    continue
        if not found:
            raise Damaged("the key block is damaged on every disk")
        return max(found, key=lambda block: block.header.generation)

    def record(self, keys, digest, kind):
        """References and plaintext of a record, from whichever copy opens."""
        damage = Damaged(f"no record {digest.hex()}")
        for segment, number, entry in self.index.get(digest, ()):
            if entry.kind != kind:
                continue
            for disk, slot in segment.copies(self.disks):
                try:
                    stored = disk.in_slot(slot, entry.offset, entry.length)
                    if self.check_records and blake3(stored)[:16] != entry.checksum:
                        raise Damaged(f"record {digest.hex()} has a wrong checksum")
                    return keys.open(segment.info, entry, number, stored)
                except Damaged as error:
                    damage = error
        raise damage
