"""BLAKE3 in plain Python: hash, keyed hash and key derivation, 32 bytes of output.

After the specification (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020), section 2. A few
hundred KiB a second: enough to derive keys and check structures, slow for data.
"""

import struct

CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
KEYED_HASH, DERIVE_KEY_CONTEXT, DERIVE_KEY_MATERIAL = 16, 32, 64

BLOCK = 64
CHUNK = 1024
MASK = 0xFFFFFFFF

IV = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
    0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
COLUMNS_AND_DIAGONALS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)


def _schedule():
    """For each of the seven rounds: the places of four words, and the two words they mix in."""
    order, rounds = tuple(range(16)), []
    for _ in range(7):
        pairs = zip(COLUMNS_AND_DIAGONALS, order[0::2], order[1::2])
        rounds.append([(*places, x, y) for places, x, y in pairs])
        order = tuple(order[at] for at in PERMUTATION)
    return [step for steps in rounds for step in steps]


SCHEDULE = _schedule()


def _compress(value, block, counter, length, flags):
    """The chaining value behind one block."""
    words = struct.unpack("<16I", block)
    v = [*value, *IV[:4], counter & MASK, counter >> 32, length, flags]
    for a, b, c, d, x, y in SCHEDULE:
        va, vb, vc, vd = v[a], v[b], v[c], v[d]
        va = (va + vb + words[x]) & MASK
        vd ^= va
        vd = (vd >> 16 | vd << 16) & MASK
        vc = (vc + vd) & MASK
        vb ^= vc
        vb = (vb >> 12 | vb << 20) & MASK
        va = (va + vb + words[y]) & MASK
        vd ^= va
        vd = (vd >> 8 | vd << 24) & MASK
        vc = (vc + vd) & MASK
        vb ^= vc
        v[a], v[b], v[c], v[d] = va, (vb >> 7 | vb << 25) & MASK, vc, vd
    return tuple(v[at] ^ v[at + 8] for at in range(8))


def _chunk(key, data, counter, flags, root):
    """The chaining value of one chunk of at most 1024 bytes."""
    value, last = key, max(0, (len(data) - 1) // BLOCK)
    for number in range(last + 1):
        block = data[number * BLOCK:(number + 1) * BLOCK]
        extra = CHUNK_START if number == 0 else 0
        if number == last:
            extra |= CHUNK_END | root
        value = _compress(value, block.ljust(BLOCK, b"\0"), counter, len(block), flags | extra)
    return value


def _tree(key, data, counter, flags, root=0):
    """The chaining value of a subtree; the left one holds the largest power of two of chunks."""
    if len(data) <= CHUNK:
        return _chunk(key, data, counter, flags, root)
    left = 1 << ((len(data) - 1) // CHUNK).bit_length() - 1
    values = (
        *_tree(key, data[:left * CHUNK], counter, flags),
        *_tree(key, data[left * CHUNK:], counter + left, flags),
    )
    return _compress(key, struct.pack("<16I", *values), 0, BLOCK, flags | PARENT | root)


def _digest(key, data, flags):
    return struct.pack("<8I", *_tree(key, memoryview(data).tobytes(), 0, flags, ROOT))


def blake3(data):
    """The hash of some bytes."""
    return _digest(IV, data, 0)


def keyed(key, data):
    """The hash of some bytes under a key of 32 bytes."""
    return _digest(struct.unpack("<8I", key), data, KEYED_HASH)


def derive_key(context, material):
    """A key derived from material; the context says what for."""
    context_key = _digest(IV, context.encode(), DERIVE_KEY_CONTEXT)
    return _digest(struct.unpack("<8I", context_key), material, DERIVE_KEY_MATERIAL)
