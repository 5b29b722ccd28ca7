"""Segments: where they lie, and their entries from footers or from the log. FORMAT.md 5 and 11."""

from blake3 import blake3
from log import load_group, split_sections
from structures import BLOCK, NO_SLOT, Damaged, check_head, load, load_list, numbers, size

OPENED, RECORDS = 1, 2


class Segment:
    """A segment with its slot on each member, and its entries as soon as somebody needs them."""

    def __init__(self, info, slots, entries=None, trailer=None):
        self.info = load("SegmentInfo", info)
        self.info_bytes, self.slots = info, slots
        self.entries, self.trailer = entries, trailer

    def copies(self, disks):
        """Disks that hold it, with its slot."""
        for at, disk in disks.items():
            if self.slots[at] != NO_SLOT:
                yield disk, self.slots[at]

    def load_entries(self, disks, pool):
        """Reads the footer that the checkpoint names, from whichever disk has it intact."""
        for disk, slot in self.copies(disks):
            try:
                trailer, entries = read_footer(disk, slot, pool)
            except Damaged:
                continue
            if trailer.checksum == self.trailer and trailer.info == self.info_bytes:
                self.entries = entries
                return
        raise Damaged(f"the footer of segment {self.info.segment} is damaged on every disk")


def read_footer(disk, slot, pool):
    """Trailer and entries of the segment in a slot."""
    last = disk.newest.segment_bytes - BLOCK
    block = disk.in_slot(slot, last, BLOCK)
    trailer = load("SegmentTrailer", block)
    check_head(trailer, "segment trailer", b"HFTRAILR", pool)
    length = trailer.records * size("Entry")
    if blake3(block[:352]) != trailer.checksum or trailer.entries_offset + length > last:
        raise Damaged("segment trailer is damaged")
    data = disk.in_slot(slot, trailer.entries_offset, length)
    if blake3(data) != trailer.entries_hash:
        raise Damaged("the entries of a segment are damaged")
    return trailer, load_list("Entry", data, 0, trailer.records)[0]


def read_header(disk, slot, pool):
    """The bytes of the SegmentInfo in the header of the segment in a slot."""
    block = disk.in_slot(slot, 0, BLOCK)
    header = load("SegmentHeader", block)
    check_head(header, "segment header", b"HFSEGMNT", pool)
    if blake3(block[:224]) != header.checksum:
        raise Damaged("segment header is damaged")
    return header.info


def scan(disks, pool, log):
    """All segments that slots and rings show, without any checkpoint."""
    segments = {}
    for at, disk in disks.items():
        for slot in range(disk.slots()):
            try:
                info = read_header(disk, slot, pool)
                trailer, entries = read_footer(disk, slot, pool)
            except Damaged:
                continue
            if info == trailer.info:
                fresh = Segment(info, [NO_SLOT] * 4, entries)
                segments.setdefault(fresh.info.segment, fresh).slots[at] = slot
    return scan_log(disks, pool, log) | segments


def scan_log(disks, pool, log):
    """Segments whose opening the rings still tell, with the entries that they tell."""
    opened = {}
    for record in log.everything():
        for kind, body in split_sections(record.payload):
            if kind == OPENED:
                place = load("SegmentPlace", body)
                segment = Segment(place.info, numbers(place.slots), entries=[])
                if keep_current_slots(segment, disks, pool):
                    opened[segment.info.segment] = segment
            elif kind == RECORDS:
                note_group(opened, body)
    return opened


def keep_current_slots(segment, disks, pool):
    """Leaves out slots that hold something else by now; whether any is left."""
    for at, disk in disks.items():
        try:
            current = read_header(disk, segment.slots[at], pool) == segment.info_bytes
        except Damaged:
            current = False
        if not current:
            segment.slots[at] = NO_SLOT
    return any(True for _ in segment.copies(disks))


def note_group(opened, body):
    """Puts the entries of a group in their places; what is unknown before them stays None."""
    group, entries, _ = load_group(body, 0)
    segment = opened.get(group.segment)
    if segment is not None:
        end = group.first_record + group.count
        segment.entries += [None] * max(0, end - len(segment.entries))
        segment.entries[group.first_record:end] = entries
