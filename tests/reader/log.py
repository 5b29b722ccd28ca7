"""The log of a pool: its records in order, and what proves that none is missing. FORMAT.md 10."""

from blake3 import blake3
from structures import BLOCK, Damaged, check_head, load, load_list, size

LARGEST_PAYLOAD = 1 << 20


class Log:
    """The rings of all disks of a pool."""

    def __init__(self, disks, pool, ring):
        self.disks, self.pool, self.ring = disks, pool, ring

    def run(self, position, previous, last, epoch):
        """The records from a position on, each of which continues the one before."""
        while record := self._next(position, previous, last, epoch):
            yield record
            position = record.position + whole_blocks(record.bytes)
            previous, last, epoch = record.hash, record.sequence, record.epoch

    def proved_behind(self, position, last):
        """The highest sequence that headers behind the end of the run prove durable."""
        largest = whole_blocks(size("LogHeader") + LARGEST_PAYLOAD)
        most = min(self.ring // 8 // BLOCK * BLOCK, largest)
        proved = 0
        for disk, copy in self._copies():
            for at in range(position, position + min(3 * most, self.ring), BLOCK):
                try:
                    header = self._header(self._read(disk, copy, at, BLOCK), at)
                except Damaged:
                    continue
                if header.sequence > last:
                    proved = max(proved, header.durable_up_to)
        return proved

    def everything(self):
        """All records that the rings still hold, in order, wherever a run would begin."""
        found = {}
        for disk, copy in self._copies():
            for at in range(0, self.ring, BLOCK):
                head = load("LogHeader", self._read(disk, copy, at, BLOCK))
                if head.magic != b"HFLOGREC" or head.position % self.ring != at:
                    continue
                try:
                    found[head.sequence] = self._record(disk, copy, head.position)
                except Damaged:
                    continue
        return [found[sequence] for sequence in sorted(found)]

    def _copies(self):
        return [(disk, copy) for disk in self.disks for copy in (0, 1)]

    def _read(self, disk, copy, position, length):
        return disk.read(disk.log_offset(copy) + position % self.ring, length)

    def _next(self, position, previous, last, epoch):
        next_lap = -(-position // self.ring) * self.ring
        for start in dict.fromkeys((position, next_lap)):
            for disk, copy in self._copies():
                try:
                    record = self._record(disk, copy, start)
                except Damaged:
                    continue
                if record.previous == previous and record.sequence > last and record.epoch >= epoch:
                    return record
        return None

    def _header(self, data, position):
        header = load("LogHeader", data)
        check_head(header, "log record", b"HFLOGREC", self.pool)
        if blake3(data[:176])[:16] != header.checksum or header.position != position:
            raise Damaged("log record is damaged or misplaced")
        header.bytes = size("LogHeader") + header.payload_bytes
        return header

    def _record(self, disk, copy, position):
        record = self._header(self._read(disk, copy, position, BLOCK), position)
        fits = position % self.ring + record.bytes <= self.ring
        if record.payload_bytes > LARGEST_PAYLOAD or not fits:
            raise Damaged("log record is longer than it may be")
        data = self._read(disk, copy, position, record.bytes)
        record.payload = data[size("LogHeader"):]
        if blake3(data[:144] + record.payload) != record.hash:
            raise Damaged("log record is damaged")
        return record


def whole_blocks(length):
    return -(-length // BLOCK) * BLOCK


def load_group(data, at):
    """A group with its entries, and where it ends."""
    group = load("GroupHeader", data, at)
    entries, end = load_list("Entry", data, at + size("GroupHeader"), group.count)
    return group, entries, end


def split_sections(payload):
    """Kind and body of each section of a commit; none of a close record."""
    at = 0
    while at < len(payload):
        head = load("SectionHeader", payload, at)
        at += size("SectionHeader")
        if at + head.bytes > len(payload):
            raise Damaged("a section is cut off")
        yield head.kind, payload[at:at + head.bytes]
        at += head.bytes
