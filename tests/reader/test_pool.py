#!/usr/bin/env python3
"""Pools that the `holdfast` command made, given back by the reader: byte for byte, also from one
disk of a mirror, from damaged disks, and from footers and log alone.

    HOLDFAST=target/release/holdfast python3 -m unittest discover tests/reader

Without HOLDFAST these tests are skipped.
"""

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

import holdfast_reader as reader
from disk import EDGE, Disk
from keys import WrongKey
from pool import Pool
from structures import Damaged

HOLDFAST = os.environ.get("HOLDFAST")
POOL_BYTES = 192 << 20
MIB = 1 << 20


def first_image():
    """Random bytes, text, zeroes, and an end that is no whole block."""
    source = random.Random(1)
    words = [source.randbytes(3).hex().encode() for _ in range(300)]
    text = b" ".join(source.choices(words, k=400_000))
    image = bytearray(38 * MIB + 1234)
    image[:2 * MIB] = source.randbytes(2 * MIB)
    image[5 * MIB:5 * MIB + len(text)] = text
    image[-2 * MIB:] = source.randbytes(2 * MIB)
    return image


def second_image():
    """The first with scattered writes, and longer."""
    source, image = random.Random(2), first_image()
    for _ in range(60):
        at = source.randrange(len(image) - 4096)
        image[at:at + 700] = source.randbytes(700)
    return image + source.randbytes(MIB) + bytes(777)


def make_pool(folder):
    """A mirror with three recovery points: two ingests of one system, a large hole of another."""
    disks = [str(folder / "disk0"), str(folder / "disk1")]
    joined, kit = ",".join(disks), folder / "kit"
    (folder / "pass").write_text("correct horse battery\n")
    (folder / "first").write_bytes(first_image())
    (folder / "second").write_bytes(second_image())
    with open(folder / "hole", "wb") as file:
        file.truncate(9 << 30)
        file.seek((8 << 30) + 40 * MIB + 5)
        file.write(b"x" * 9000)
    unlock = ["--passphrase-file", str(folder / "pass")]
    holdfast("pool", "create", "--yes", "--size", str(POOL_BYTES), "--kit-out", str(kit),
             *unlock, *disks)
    holdfast("kit", "prove", "--kit-file", str(kit), *disks)
    for system, image in (("web", "first"), ("web", "second"), ("db", "hole")):
        holdfast("ingest", "--pool", joined, "--system", system, *unlock, str(folder / image))


def holdfast(*arguments):
    command = [HOLDFAST, "--quiet", "--json", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{arguments}: {done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else None


@unittest.skipUnless(HOLDFAST, "HOLDFAST does not name the command")
class Pools(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="holdfast-reader-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        make_pool(cls.folder)

    def open(self, disks=("disk0", "disk1"), folder=None, kit=True, **options):
        """Pool and keys; what the reader warns of is kept in `self.warnings`."""
        folder = folder or self.folder
        with contextlib.redirect_stderr(io.StringIO()) as warnings:
            pool = Pool([folder / disk for disk in disks], **options)
        self.addCleanup(pool.close)
        self.warnings = warnings.getvalue()
        kit_file, pass_file = self.folder / "kit", self.folder / "pass"
        args = SimpleNamespace(kit_file=kit_file if kit else None, passphrase_file=pass_file)
        return pool, reader.unlock(pool, args)

    def assert_given_back(self, pool, keys, images=("first", "second")):
        described = {}
        for point in pool.points:
            refs, about = reader.describe(pool, keys, point)
            described[about["volumes"][0]["bytes"]] = (refs[0], point)
        for name in images:
            image = (self.folder / name).read_bytes()
            volume = reader.Volume(pool, keys, described[len(image)][0], len(image))
            found = bytearray(len(image) + 4096)
            for at, data in volume.pieces():
                found[at:at + len(data)] = data
            self.assertTrue(found[:len(image)] == image, f"{name} differs")

    @contextlib.contextmanager
    def copy(self):
        """A copy of the disks to damage."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            for disk in ("disk0", "disk1"):
                subprocess.run(["cp", "--sparse=always", self.folder / disk, folder], check=True)
            yield Path(folder)

    def disk(self, folder):
        disk = Disk(folder / "disk0")
        self.addCleanup(disk.close)
        return disk

    def test_every_point_is_listed_as_the_command_lists_it(self):
        pool, _ = self.open()
        joined = ",".join(str(self.folder / disk) for disk in ("disk0", "disk1"))
        listed = holdfast("points", "--pool", joined,
                          "--passphrase-file", str(self.folder / "pass"))
        expected = sorted(str(point["point"]) for point in listed["points"])
        self.assertEqual(sorted(point.point.hex() for point in pool.points), expected)

    def test_points_that_are_gone_are_not_listed_and_removed_ones_are(self):
        with self.copy() as folder:
            on = ["--pool", f"{folder}/disk0,{folder}/disk1", "--kit-file", f"{self.folder}/kit"]
            ids = [point["point"] for point in holdfast("points", *on)["points"]]
            holdfast("policy", "set", *on, "--all-systems", "--delay", "0", "--daily", "3")
            holdfast("points", "remove", *on, ids[0])
            holdfast("expire", *on)
            holdfast("points", "hold", *on, ids[1])
            holdfast("policy", "set", *on, "--all-systems", "--delay", "9d")
            holdfast("points", "remove", *on, "--yes", ids[2])
            pool, keys = self.open(folder=folder)
            self.assertEqual([point.point.hex() for point in pool.points], ids[1:])
            self.assert_given_back(pool, keys, images=["second"])

    def test_a_stream_comes_back(self):
        with self.copy() as folder:
            on = ["--pool", f"{folder}/disk0,{folder}/disk1", "--kit-file", f"{self.folder}/kit"]
            holdfast("ingest", *on, "--system", "dump", "--stream", "--",
                     "cat", str(self.folder / "first"), str(self.folder / "second"))
            pool, keys = self.open(folder=folder)
            point = max(pool.points, key=lambda point: point.sequence)
            refs, about = reader.describe(pool, keys, point)
            stream = reader.opened(pool, keys, refs[0], about["volumes"][0])
            found = b"".join(data for _, data in stream.pieces())
            both = (self.folder / "first").read_bytes() + (self.folder / "second").read_bytes()
            self.assertTrue(found == both, "the stream differs")

    def test_volumes_come_back_with_kit_and_with_passphrase(self):
        for kit in (True, False):
            self.assert_given_back(*self.open(kit=kit))
        self.assertEqual(self.warnings, "")

    def test_a_large_hole_stays_a_hole(self):
        pool, _ = self.open()
        point = max(pool.points, key=lambda point: point.logical_bytes)
        target = self.folder / "out"
        args = ["restore", str(self.folder / "disk0"), "--point", point.point.hex(),
                "--to", str(target), "--kit-file", str(self.folder / "kit")]
        with contextlib.redirect_stdout(io.StringIO()):
            reader.main(args)
        self.assertEqual(target.stat().st_size, 9 << 30)
        self.assertLess(target.stat().st_blocks * 512, MIB)
        with open(target, "rb") as file:
            file.seek((8 << 30) + 40 * MIB)
            self.assertEqual(file.read(9010), bytes(5) + b"x" * 9000 + bytes(5))

    def test_either_disk_alone_is_enough(self):
        for disk in ("disk0", "disk1"):
            self.assert_given_back(*self.open(disks=[disk]))

    def test_footers_and_log_alone_are_enough(self):
        self.assert_given_back(*self.open(from_footers=True))

    def test_record_checksums_hold(self):
        pool, keys = self.open(disks=["disk0"], check_records=True)
        self.assert_given_back(pool, keys, images=["first"])

    def test_a_lost_head_and_a_lost_log_copy_do_no_harm(self):
        with self.copy() as folder:
            log_bytes = self.disk(folder).newest.log_bytes
            with open(folder / "disk0", "r+b") as file:
                file.write(bytes(EDGE + log_bytes))
            self.assert_given_back(*self.open(["disk0"], folder), images=["second"])

    def test_the_superblocks_before_the_newest_are_enough(self):
        with self.copy() as folder:
            newest = self.disk(folder).newest.generation
            with open(folder / "disk0", "r+b") as file:
                for at in (0, POOL_BYTES - EDGE):
                    file.seek(at + newest % 2 * 32768)
                    file.write(b"damaged" * 70)
            self.assert_given_back(*self.open(["disk0"], folder))

    def test_damaged_records_come_from_the_other_disk(self):
        with self.copy() as folder:
            disk = self.disk(folder)
            with open(folder / "disk0", "r+b") as file:
                for at in range(disk.slot_offset(0) + 4096, disk.slot_offset(10), 999_983):
                    file.seek(at)
                    file.write(b"damaged" * 700)
            self.assert_given_back(*self.open(folder=folder))
            with self.assertRaises(Damaged):
                self.assert_given_back(*self.open(["disk0"], folder))

    def test_a_wrong_kit_opens_nothing(self):
        pool, _ = self.open()
        with self.assertRaises(WrongKey):
            reader.root_key(pool.key_block(), pool.id, kit=bytes(32))


if __name__ == "__main__":
    unittest.main()
