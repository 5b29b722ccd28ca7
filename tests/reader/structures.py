"""The fixed structures, read from the tables of FORMAT.md when the program starts.

A table row `| offset | size | field | ... |` under a heading `### Name` is all that is needed: sizes
1, 2, 4 and 8 are numbers, everything else is bytes. So the document is what this reader runs on;
a mistake in it is a mistake here.
"""

import re
from pathlib import Path
from types import SimpleNamespace

BLOCK = 4096
NO_SLOT = 0xFFFFFFFF
VERSION = 1


class Damaged(Exception):
    """Bytes that are not what the document says they are."""


class Newer(Damaged):
    """Intact, and written by a Holdfast that knows more than this reader."""


def find_document():
    """FORMAT.md beside this file, or where it lies in the source tree."""
    here = Path(__file__).resolve().parent
    places = [here / "FORMAT.md", here / "../../appliance/format/FORMAT.md"]
    for place in places:
        if place.exists():
            return place.read_text(encoding="utf-8")
    raise SystemExit("FORMAT.md is not beside this program")


def parse(document):
    """Structures by name: a list of (field, offset, size) each."""
    tables, name = {}, None
    for line in document.splitlines():
        if line.startswith("### "):
            name = line[4:].strip()
        row = re.match(r"\| (\d+) \| (\d+) \| (\w+) \|", line)
        if row and name:
            field = (row[3], int(row[1]), int(row[2]))
            tables.setdefault(name, []).append(field)
    return tables


TABLES = parse(find_document())


def size(name):
    """Bytes of a structure."""
    _, offset, length = TABLES[name][-1]
    return offset + length


def load(name, data, at=0):
    """The structure at this place, with its fields as attributes."""
    if at < 0 or at + size(name) > len(data):
        raise Damaged(f"{name} is cut off")
    fields = {}
    for field, offset, length in TABLES[name]:
        piece = bytes(data[at + offset:at + offset + length])
        number = length in (1, 2, 4, 8) and field != "magic"
        fields[field] = int.from_bytes(piece, "little") if number else piece
    return SimpleNamespace(**fields)


def load_list(name, data, at, count):
    """As many of a structure as `count` says, end to end; and where they end."""
    step = size(name)
    if count < 0 or at + count * step > len(data):
        raise Damaged(f"a list of {name} is cut off")
    return [load(name, data, at + number * step) for number in range(count)], at + count * step


def numbers(data):
    """A row of u32."""
    return [int.from_bytes(data[at:at + 4], "little") for at in range(0, len(data), 4)]


def check_head(structure, name, magic, pool=None):
    """Refuses what is something else, newer, or another pool's."""
    if structure.magic != magic:
        raise Damaged(f"no {name} here")
    if structure.version > VERSION:
        raise Damaged(f"{name} has version {structure.version}; this reader knows {VERSION}")
    if pool is not None and structure.pool_id != pool:
        raise Damaged(f"{name} belongs to another pool")
