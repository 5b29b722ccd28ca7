#!/usr/bin/env python3
"""Reads a Holdfast pool without Holdfast: lists its recovery points and gives volumes back,
and streams.

Written from appliance/format/FORMAT.md, whose tables it reads when it starts. It never writes to
a disk of the pool. Python 3.11 with python3-cryptography, python3-argon2, python3-lz4 and
python3-zstandard of Debian 12.

    holdfast_reader.py list DISK... (--passphrase-file F | --kit-file F)
    holdfast_reader.py restore DISK... --point ID [--volume N] --to FILE (--passphrase-file ...)
"""

import argparse
import json
import sys
import time

from keys import Keys, WrongKey, parse_kit, root_key
from pool import Pool
from structures import BLOCK, Damaged, load, load_list

CHUNK, LEAF, NODE, POINT = 1, 2, 3, 4
LEAF_BYTES = 4096 * BLOCK
FANOUT = 512
HOLE = 0xFFFF
CHUNKS_KEPT = 256


class Volume:
    """A volume of a recovery point, leaf by leaf."""

    def __init__(self, pool, keys, root, length):
        self.pool, self.keys, self.root, self.bytes = pool, keys, root, length
        self.chunks = {}

    def leaves(self):
        """Where each leaf begins that is not all zeroes, and its digest."""
        count = -(-self.bytes // LEAF_BYTES)
        level, reach = 1, FANOUT
        while reach < count:
            level, reach = level + 1, reach * FANOUT
        return self._below(self.root, level, 0)

    def _below(self, digest, level, start):
        refs, plain = self.pool.record(self.keys, digest, NODE)
        header = load("NodeHeader", plain)
        if header.level != level:
            raise Damaged("a manifest is not as deep as its volume")
        bitmap = int.from_bytes(plain[8:], "little")
        children = (child for child in range(header.children) if bitmap >> child & 1)
        step = LEAF_BYTES * FANOUT ** (level - 1)
        for child, below in zip(children, refs, strict=True):
            at = start + child * step
            if level == 1:
                yield at, below
            else:
                yield from self._below(below, level - 1, at)

    def pieces(self):
        """Offset and bytes of everything that is not a hole."""
        for at, digest in self.leaves():
            refs, plain = self.pool.record(self.keys, digest, LEAF)
            extents, _ = load_list("Extent", plain, 8, load("LeafHeader", plain).extents)
            for extent in extents:
                length = extent.blocks * BLOCK
                if extent.reference != HOLE:
                    chunk = self._chunk(refs[extent.reference])
                    start = extent.start * BLOCK
                    if start + length > len(chunk):
                        raise Damaged("a chunk is shorter than its manifest says")
                    yield at, chunk[start:start + length]
                at += length

    def _chunk(self, digest):
        if digest not in self.chunks:
            if len(self.chunks) >= CHUNKS_KEPT:
                self.chunks.clear()
            _, self.chunks[digest] = self.pool.record(self.keys, digest, CHUNK)
        return self.chunks[digest]


class Stream:
    """A stream of a recovery point, chunk by chunk."""

    def __init__(self, pool, keys, root, length):
        self.pool, self.keys, self.root, self.bytes = pool, keys, root, length

    def _leaves(self, digest):
        refs, plain = self.pool.record(self.keys, digest, NODE)
        for child in refs:
            if load("NodeHeader", plain).level == 1:
                yield child
            else:
                yield from self._leaves(child)

    def pieces(self):
        """Offset and bytes of every chunk."""
        at = 0
        for leaf in self._leaves(self.root):
            refs, plain = self.pool.record(self.keys, leaf, LEAF)
            if load("StreamLeafHeader", plain).chunks != len(refs):
                raise Damaged("a leaf lists more chunks than it refers to, or fewer")
            for number, digest in enumerate(refs):
                length = int.from_bytes(plain[8 + 4 * number:12 + 4 * number], "little")
                _, chunk = self.pool.record(self.keys, digest, CHUNK)
                if len(chunk) != length:
                    raise Damaged("a chunk is not as long as its manifest says")
                yield at, chunk
                at += length
        if at != self.bytes:
            raise Damaged("the stream is not as long as its recovery point says")


def opened(pool, keys, root, about):
    """What a recovery point describes: a volume or a stream."""
    kind = Stream if about.get("content") == "stream" else Volume
    return kind(pool, keys, root, about["bytes"])


def describe(pool, keys, point):
    """Roots and description of a recovery point."""
    refs, plain = pool.record(keys, point.record, POINT)
    return refs, json.loads(plain)


def list_points(pool, keys):
    for point in sorted(pool.points, key=lambda point: point.sequence):
        name = point.point.hex() if point.point else point.record.hex()
        try:
            _, description = describe(pool, keys, point)
        except Damaged as error:
            print(f"{name}  cannot be opened: {error}")
            continue
        created = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(description["created"]))
        print(f"{name}  {created} UTC  {description['system']}")
        for number, volume in enumerate(description["volumes"]):
            print(f"    volume {number}  {volume['name']}  {volume['bytes']} bytes")


def find_point(pool, wanted):
    """The recovery point whose id, or whose record's digest, begins with this."""
    found = [point for point in pool.points
             if (point.point or point.record).hex().startswith(wanted.lower())]
    if len(found) != 1:
        raise Damaged(f"{len(found)} recovery points begin with {wanted}")
    return found[0]


def find_volume(names, wanted):
    """The number of a volume by its name or number; of the only one if none is wanted."""
    if wanted in names:
        return names.index(wanted)
    if wanted is not None and wanted.isdecimal() and int(wanted) < len(names):
        return int(wanted)
    if wanted is None and len(names) == 1:
        return 0
    raise Damaged(f"name one volume with --volume: {', '.join(names)}")


def restore(pool, keys, args):
    refs, description = describe(pool, keys, find_point(pool, args.point))
    number = find_volume([volume["name"] for volume in description["volumes"]], args.volume)
    about = description["volumes"][number]
    volume = opened(pool, keys, refs[number], about)
    with open(args.to, "wb") as file:
        for at, data in volume.pieces():
            file.seek(at)
            file.write(data[:max(0, volume.bytes - at)])
        file.truncate(volume.bytes)
    print(f"{about['name']}: {volume.bytes} bytes written to {args.to}")


def unlock(pool, args):
    passphrase, kit = None, None
    if args.kit_file:
        with open(args.kit_file, encoding="utf-8") as file:
            kit = parse_kit("".join(line for line in file if not line.startswith("#")))
    else:
        with open(args.passphrase_file, "rb") as file:
            passphrase = file.readline().rstrip(b"\r\n")
    block = pool.key_block()
    return Keys(block, pool.id, root_key(block, pool.id, passphrase, kit))


def arguments(given):
    parser = argparse.ArgumentParser(description="Reads a Holdfast pool without Holdfast.")
    parser.add_argument("verb", choices=("list", "restore"))
    parser.add_argument("disks", nargs="+", metavar="DISK")
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--passphrase-file", help="its first line is the passphrase")
    key.add_argument("--kit-file", help="lines that begin with # are passed over")
    parser.add_argument("--point", help="id of a recovery point, or its beginning")
    parser.add_argument("--volume", help="name or number of the volume; the only one without")
    parser.add_argument("--to", help="file to write the volume to")
    parser.add_argument("--from-footers", action="store_true",
                        help="ignore checkpoints and log; look at every slot")
    parser.add_argument("--check-records", action="store_true",
                        help="also compare the checksum of each record (slow)")
    args = parser.parse_args(given)
    if args.verb == "restore" and not (args.point and args.to):
        parser.error("restore needs --point and --to")
    return args


def main(given=None):
    args = arguments(given)
    try:
        pool = Pool(args.disks, args.from_footers, args.check_records)
        keys = unlock(pool, args)
        if args.verb == "list":
            list_points(pool, keys)
        else:
            restore(pool, keys, args)
    except (Damaged, WrongKey, OSError) as error:
        sys.exit(f"holdfast_reader: {error}")


if __name__ == "__main__":
    main()
