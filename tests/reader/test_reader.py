#!/usr/bin/env python3
"""The reader's parts against the examples of FORMAT.md and published vectors.

    python3 -m unittest discover tests/reader
"""

import re
import unittest
from pathlib import Path
from types import SimpleNamespace

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import blake3
import keys
from disk import read_superblock
from log import load_group, split_sections
from pool import load_catalog
from structures import BLOCK, Damaged, Newer, find_document, load, load_list, size

DOCUMENT = find_document()


def example(name, length):
    """The bytes of a hexadecimal example; lines that are left out are zero."""
    block = re.search(rf"```hex {name}\n(.*?)```", DOCUMENT, re.S)[1]
    data = bytearray(length)
    for line in block.splitlines():
        at, text = line.split(":")
        piece = bytes.fromhex(text)
        data[int(at, 16):int(at, 16) + len(piece)] = piece
    return bytes(data)


def word(text):
    return blake3.blake3(text.encode())


def polyval(point, data):
    """RFC 8452, section 3: numbers are polynomials, the lowest bit first."""
    modulus = 1 << 128 | 1 << 127 | 1 << 126 | 1 << 121 | 1
    point = int.from_bytes(point, "little")
    total = 0
    for at in range(0, len(data), 16):
        total ^= int.from_bytes(data[at:at + 16], "little")
        product = 0
        for bit in range(128):
            product ^= (total << bit) * (point >> bit & 1)
        # Divided by x^128 along the way.
        for bit in range(128):
            product ^= (modulus << bit) * (product >> bit & 1)
        total = product >> 128
    return total.to_bytes(16, "little")


class Blake3(unittest.TestCase):
    """Vectors of the BLAKE3 specification."""

    def test_vectors(self):
        data = bytes(at % 251 for at in range(31744))
        self.assertEqual(
            blake3.blake3(data).hex(),
            "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47")
        self.assertEqual(
            blake3.keyed(b"whats the Elvish word for friend", data[:1]).hex(),
            "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b")
        context = "BLAKE3 2019-12-27 16:29:52 test vectors context"
        self.assertEqual(
            blake3.derive_key(context, data[:1025]).hex(),
            "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb")


class Structures(unittest.TestCase):

    def test_superblock(self):
        block = example("superblock", BLOCK)
        found = read_superblock(block, 3)
        self.assertEqual((found.generation, found.epoch, found.member), (7, 3, 1))
        self.assertEqual((found.disk_bytes, found.log_bytes), (64 << 20, 1 << 20))
        self.assertEqual((found.checkpoint_slot, found.replay_position), (5, 28672))
        self.assertEqual(found.pool_id, word("pool")[:16])
        self.assertEqual(found.member_rows[1].disk_id, word("disk 1")[:16])
        self.assertEqual(found.replay_previous, word("log record 11"))
        with self.assertRaises(Damaged):
            read_superblock(block, 2)
        with self.assertRaises(Damaged):
            read_superblock(block[:100] + b"\1" + block[101:], 3)

    def test_superblocks_of_a_newer_holdfast(self):
        block = example("superblock", BLOCK)

        def signed(at):
            changed = block[:at] + b"\2" + block[at + 1:480]
            return changed + blake3.blake3(changed) + block[512:]

        for version_or_incompat in (8, 16):
            with self.assertRaises(Newer):
                read_superblock(signed(version_or_incompat), 3)
        for ro_compat_or_compat in (24, 32):
            self.assertEqual(read_superblock(signed(ro_compat_or_compat), 3).generation, 7)

    def test_catalog_with_events_of_a_newer_holdfast(self):
        sections = dict(split_sections(example("log record", BLOCK)[size("LogHeader"):616]))
        kept = bytes([200, 0, 0, 0, 3, 0, 0, 0]) + bytes(8) + bytes([200, 1, 2])
        catalog = b"index" + sections[4] + sections[4] + kept + kept
        points = load_catalog(catalog, 5, len(catalog))
        self.assertEqual([point.added_bytes for point in points], [123456789] * 2)
        with self.assertRaises(Damaged):
            load_catalog(b"\x0b" + kept, 0, 1 + len(kept))
        self.assertEqual(load_catalog(b"\2" + bytes(55) + kept, 0, 56 + len(kept)), [])
        for kind, left in ((2, 1), (6, 0)):
            mark = bytes([kind]) + bytes(7) + points[0].point + bytes(32)
            marked = sections[4] + mark + kept
            self.assertEqual(len(load_catalog(marked, 0, len(marked))), left)

    def test_log_record(self):
        data = example("log record", BLOCK)
        header = load("LogHeader", data)
        self.assertEqual((header.sequence, header.durable_up_to), (12, 11))
        payload = data[size("LogHeader"):][:header.payload_bytes]
        self.assertEqual(len(payload) + size("LogHeader"), 616)
        self.assertEqual(blake3.blake3(data[:176])[:16], header.checksum)
        self.assertEqual(blake3.blake3(data[:144] + payload), header.hash)
        sections = dict(split_sections(payload))
        self.assertEqual(list(sections), [1, 2, 3, 4])
        place = load("SegmentPlace", sections[1])
        info = load("SegmentInfo", place.info)
        self.assertEqual((info.segment, info.salt), (4, word("salt")))
        group, entries, end = load_group(sections[2], 0)
        self.assertEqual((group.segment, group.body_end), (4, 4132))
        self.assertEqual((len(entries), end), (1, len(sections[2])))
        self.assertEqual(entries[0].checksum, word("thirty-six bytes of a sealed payload")[:16])
        self.assertEqual(load("SealedSegment", sections[3]).trailer, word("trailer"))
        self.assertEqual(load("PointRow", sections[4]).added_bytes, 123456789)

    def test_leaf_and_node(self):
        leaf = example("leaf", 88)
        header = load("LeafHeader", leaf)
        extents, end = load_list("Extent", leaf, 8, header.extents)
        self.assertEqual(end + 12 * header.tags, len(leaf))
        found = [(extent.blocks, extent.reference, extent.start) for extent in extents]
        self.assertEqual(found, [(1, 0, 0), (4000, 65535, 0), (2, 1, 5), (1, 0, 2)])
        node = example("node", 11)
        header = load("NodeHeader", node)
        self.assertEqual((header.level, header.children), (1, 20))
        bits = int.from_bytes(node[8:], "little")
        self.assertEqual([c for c in range(20) if bits >> c & 1], list(range(0, 20, 3)))


class Sealing(unittest.TestCase):

    def test_example(self):
        block = re.search(r"```sealing\n(.*?)```", DOCUMENT, re.S)[1]
        values = dict(re.split(r"\s+= ", line, maxsplit=1) for line in block.splitlines())
        value = {name: bytes.fromhex(text) for name, text in values.items()}
        key, commitment = keys.segment_key(value["data key"], value["salt"])
        self.assertEqual(key, value["segment key"])
        self.assertEqual(commitment, value["commitment"])
        digest = keys.digest(value["tenant key"], 1, [], b"holdfast")
        self.assertEqual(digest, value["digest"])
        info = SimpleNamespace(tenant=value["tenant"], suite=1)
        entry = SimpleNamespace(kind=1, digest=digest, refs=0)
        associated = keys.associated_data(value["pool_id"], info, entry, b"")
        self.assertEqual(associated, value["associated data"])
        self.assertEqual(keys.nonce(5), value["nonce"])
        envelope = AESGCM(key).decrypt(keys.nonce(5), value["stored bytes"], associated)
        self.assertEqual(envelope, value["envelope"])
        self.assertEqual(keys.open_envelope(envelope), b"holdfast")
        point = blake3.derive_key("holdfast 2026-11 block tag point", value["tag seed"])[:16]
        cipher = blake3.derive_key("holdfast 2026-11 block tag cipher", value["tag seed"])
        hashed = polyval(point, bytes(range(256)) * 16)
        encryptor = Cipher(algorithms.AES(cipher), modes.ECB()).encryptor()
        self.assertEqual(encryptor.update(hashed), value["block value"])

    def test_wrap(self):
        parent, salt, secret = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
        wrap_key = blake3.derive_key("holdfast 2026-11 key wrap", parent + salt)
        sealed = AESGCM(wrap_key).encrypt(bytes(12), secret, b"what")
        self.assertEqual(keys.unwrap(parent, salt + sealed, b"what"), secret)
        self.assertIsNone(keys.unwrap(parent, salt + sealed, b"other"))


class Contexts(unittest.TestCase):
    """What keys are derived for: the same words in the document, in the code, and here."""

    def found_in(self, folder, pattern):
        texts = [path.read_text(encoding="utf-8") for path in folder.rglob(pattern)]
        return {context for text in texts
                for context in re.findall(r'"(holdfast \d{4}-\d\d [a-z ]+)"', text)}

    def test_the_document_has_all_contexts(self):
        here = Path(__file__).resolve().parent
        documented = set(re.findall(r"holdfast \d{4}-\d\d [a-z ]+", DOCUMENT))
        used = self.found_in(here, "*.py")
        self.assertGreater(len(used), 5)
        self.assertLessEqual(used, documented)
        for crate in ("seal", "chunk"):
            source = here / "../../appliance" / crate / "src"
            if source.exists():
                self.assertLessEqual(self.found_in(source, "*.rs"), documented)


class Kit(unittest.TestCase):

    def setUp(self):
        self.text = re.search(r"000GC-[0-9A-Z-]+", DOCUMENT)[0]

    def test_printed_kit(self):
        for typed in (self.text, self.text.lower().replace("-", " "), self.text.replace("0", "o")):
            self.assertEqual(keys.parse_kit(typed), bytes(range(32)))

    def test_mistyped_kit(self):
        wrong = self.text[:8] + "Z" + self.text[9:]
        with self.assertRaisesRegex(keys.WrongKey, "group 2 "):
            keys.parse_kit(wrong)


if __name__ == "__main__":
    unittest.main()
