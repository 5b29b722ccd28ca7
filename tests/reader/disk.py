"""One disk of a pool: its geometry and its superblocks. FORMAT.md 4 and 10."""

import os
import sys
from types import SimpleNamespace

from blake3 import blake3
from structures import BLOCK, Damaged, Newer, VERSION, load, size

CELL, EDGE = 32768, 131072
KEY_BLOCK = 32768


class Disk:
    """A disk or image, opened for reading."""

    def __init__(self, path):
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY)
        self.bytes = os.lseek(self.descriptor, 0, os.SEEK_END)
        self.copies = self._superblocks()
        if not self.copies:
            raise Damaged(f"{path} is not a Holdfast disk")
        self.newest = self.copies[0]

    def read(self, offset, length):
        """Bytes of the disk; what is behind its end is damage."""
        pieces, missing = [], length
        while missing:
            piece = os.pread(self.descriptor, missing, offset + length - missing)
            if not piece:
                raise Damaged(f"{self.path} ends before byte {offset + length}")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def close(self):
        os.close(self.descriptor)

    def _superblocks(self):
        """Valid superblocks, newest generation first."""
        copies = []
        for slot in range(4):
            total = copies[0].disk_bytes if copies else self.bytes
            try:
                offset = edge(total, slot) + slot % 2 * CELL
                copies.append(read_superblock(self.read(offset, BLOCK), slot))
            except Newer:
                raise
            except Damaged:
                continue
        return sorted(copies, key=lambda copy: -copy.generation)

    def of_generation(self, generation):
        """This disk's superblock of a generation, if it has one."""
        found = [copy for copy in self.copies if copy.generation == generation]
        return found[0] if found else None

    def key_blocks(self):
        """The bytes of the four key blocks."""
        total = self.newest.disk_bytes
        for slot in range(4):
            yield self.read(edge(total, slot) + (2 + slot % 2) * CELL, KEY_BLOCK)

    def log_offset(self, copy):
        super_ = self.newest
        return EDGE if copy == 0 else super_.disk_bytes - EDGE - super_.log_bytes

    def slot_offset(self, slot):
        return EDGE + self.newest.log_bytes + slot * self.newest.segment_bytes

    def slots(self):
        """Number of slots."""
        super_ = self.newest
        return (super_.disk_bytes - 2 * EDGE - 2 * super_.log_bytes) // super_.segment_bytes

    def in_slot(self, slot, offset, length):
        """Bytes of a segment or part."""
        if slot >= self.slots() or offset + length > self.newest.segment_bytes:
            raise Damaged("a place outside the slots")
        return self.read(self.slot_offset(slot) + offset, length)


def edge(total, slot):
    """Where the head or the tail begins."""
    return 0 if slot < 2 else total - EDGE


def read_superblock(block, slot):
    """The superblock in a block that was read from the place with this number."""
    found = load("Superblock", block)
    if found.magic != b"HOLDFAST" or blake3(block[:480]) != found.checksum:
        raise Damaged("no superblock here, or a damaged one")
    if found.version > VERSION or found.incompat:
        raise Newer(f"superblock has version {found.version} and features {found.incompat:#x}; "
                    f"this reader knows version {VERSION} without features")
    if found.slot != slot:
        raise Damaged("superblock is misplaced")
    step = size("Member")
    rows = [load("Member", found.members, at * step) for at in range(found.member_count)]
    found.member_rows = rows
    return found


def assemble(disks):
    """The disks that may be read from, by member number, and the newest superblock."""
    newest = max((disk.newest for disk in disks), key=lambda own: own.generation)
    members = {}
    for disk in disks:
        own = disk.newest
        row = newest.member_rows[own.member] if own.member < newest.member_count else None
        if own.pool_id != newest.pool_id or row is None or row.disk_id != own.disk_id:
            raise Damaged(f"{disk.path} does not belong to this pool")
        missing = row.state == 2 and own.disk_id != newest.disk_id
        if missing and own.member_rows[newest.member].state == 2:
            raise Damaged("the disks went on without each other")
        if missing or own.generation < row.generation:
            print(f"{disk.path} is stale and left out", file=sys.stderr)
            continue
        members[own.member] = disk
    return SimpleNamespace(members=members, newest=newest)
