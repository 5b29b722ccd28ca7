"""From a passphrase or a recovery kit to the keys of segments; opening records. FORMAT.md 6."""

import argon2.low_level
import lz4.block
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blake3 import derive_key, keyed, blake3
from structures import Damaged, check_head, load, load_list

PASSPHRASE, KIT = 1, 2
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class WrongKey(Exception):
    """No slot opens with this passphrase or kit."""


def le(number, length):
    return number.to_bytes(length, "little")


def read_key_block(data, pool):
    """A key block with its lists, if it is intact and of this pool."""
    block = load("KeyBlock", data)
    header = load("KeyBlockHeader", block.header)
    check_head(header, "key block", b"HFKEYBLK", pool)
    if blake3(data[:-32]) != block.checksum:
        raise Damaged("key block is damaged")
    block.header = header
    block.covered = bytes(data[:-64])
    block.slots, _ = load_list("KeySlot", block.slots, 0, header.slot_count)
    block.tenants, _ = load_list("TenantEntry", block.tenants, 0, header.tenant_count)
    block.data_keys, _ = load_list("DataKeyEntry", block.data_keys, 0, header.data_key_count)
    return block


def multiply(a, b):
    """In the field of 32 elements modulo x^5 + x^2 + 1."""
    product = 0
    for bit in range(4, -1, -1):
        product <<= 1
        if product & 32:
            product ^= 0b100101
        if b >> bit & 1:
            product ^= a
    return product


def parse_kit(text):
    """The 32 bytes of a recovery kit as typed."""
    clear = [c.upper() for c in text if c.isalnum()]
    clear = ["0" if c == "O" else "1" if c in "IL" else c for c in clear]
    if len(clear) != 70 or any(c not in ALPHABET for c in clear):
        raise WrongKey("a recovery kit has 14 groups of 5 characters")
    digits, groups = [ALPHABET.index(c) for c in clear], []
    for group in range(14):
        *four, check = digits[5 * group:5 * group + 5]
        expected = group + 1
        for digit, factor in zip(four, (2, 4, 8, 16)):
            expected ^= multiply(digit, factor)
        if check != expected:
            raise WrongKey(f"group {group + 1} of the recovery kit is mistyped")
        groups.append(four[0] << 15 | four[1] << 10 | four[2] << 5 | four[3])
    bits = 0
    for group in groups[:13]:
        bits = bits << 20 | group
    secret = (bits >> 4).to_bytes(32, "big")
    check = derive_key("holdfast 2026-11 recovery kit checksum", secret)
    if bits & 15 or int.from_bytes(check[:3], "big") >> 4 != groups[13]:
        raise WrongKey("the recovery kit is mistyped in several groups")
    return secret


def stretch(passphrase, slot, salt):
    """Argon2id of a passphrase's bytes with the parameters of a slot."""
    inside = (19 * 1024 <= slot.memory_kib <= 1024 * 1024 and 2 <= slot.passes <= 64
              and 1 <= slot.lanes <= 16)
    if not inside:
        raise Damaged("a slot's Argon2 parameters are outside the bounds")
    return argon2.low_level.hash_secret_raw(
        passphrase, salt, slot.passes, slot.memory_kib, slot.lanes, 32,
        argon2.low_level.Type.ID, 0x13)


def unwrap(parent, wrapped, associated):
    """The key inside a WrappedKey, or None if the parent does not open it."""
    wrapped = load("WrappedKey", wrapped)
    key = derive_key("holdfast 2026-11 key wrap", parent + wrapped.salt)
    try:
        return AESGCM(key).decrypt(bytes(12), wrapped.sealed + wrapped.tag, associated)
    except InvalidTag:
        return None


def slot_secret(slot, passphrase, kit):
    """What opens a slot, made of what was given; None for slots of another kind."""
    if slot.kind == PASSPHRASE and passphrase is not None:
        return stretch(passphrase, slot, load("WrappedKey", slot.root_key).salt)
    if slot.kind == KIT and kit is not None:
        return kit
    return None


def root_key(block, pool, passphrase=None, kit=None):
    """The root key, by whichever slot opens."""
    for slot in block.slots:
        secret = slot_secret(slot, passphrase, kit)
        if secret is None:
            continue
        associated = pool + b"\1" + le(slot.number, 4) + le(slot.kind, 2)
        root = unwrap(secret, slot.root_key, associated)
        if root is None:
            continue
        authenticator = derive_key("holdfast 2026-11 key block authenticator", root)
        if keyed(authenticator, block.covered) != block.authenticator:
            raise Damaged("the key block was changed by somebody without the root key")
        return root
    raise WrongKey("no slot opens with this key")


class Keys:
    """All keys of a pool, once a slot was opened."""

    def __init__(self, block, pool, root):
        self.pool = pool
        self.tenant_keys, self.data_keys, self._ciphers = {}, {}, {}
        for entry in block.tenants:
            key = unwrap(root, entry.key, pool + b"\2" + entry.tenant)
            if key is None:
                raise Damaged("a tenant's key does not open")
            self.tenant_keys[entry.tenant] = key
        for entry in block.data_keys:
            parent = self.tenant_keys[entry.tenant]
            key = unwrap(parent, entry.key, pool + b"\3" + entry.tenant + le(entry.id, 4))
            if key is None:
                raise Damaged("a data key does not open")
            self.data_keys[entry.tenant, entry.id] = key

    def cipher(self, info):
        """The cipher of a segment."""
        if info.segment not in self._ciphers:
            data_key = self.data_keys.get((info.tenant, info.data_key))
            if data_key is None:
                raise Damaged("the key of a segment is not in the key block")
            key, commitment = segment_key(data_key, info.salt)
            if commitment != info.commitment:
                raise Damaged("the key of a segment is another than it was written with")
            self._ciphers[info.segment] = AESGCM(key)
        return self._ciphers[info.segment]

    def open(self, info, entry, number, stored):
        """References and plaintext of a record from its stored bytes."""
        cut = 32 * entry.refs
        refs, sealed = stored[:cut], stored[cut:]
        associated = associated_data(self.pool, info, entry, refs)
        try:
            envelope = self.cipher(info).decrypt(nonce(number), bytes(sealed), associated)
        except InvalidTag:
            raise Damaged("a record is not what was sealed") from None
        return [refs[at:at + 32] for at in range(0, cut, 32)], open_envelope(envelope)


def segment_key(data_key, salt):
    """Key and commitment of a segment."""
    commitment = derive_key("holdfast 2026-11 segment key commitment", data_key + salt)[:16]
    return derive_key("holdfast 2026-11 segment key", data_key + salt), commitment


def nonce(number):
    return le(number, 8) + bytes(4)


def associated_data(pool, info, entry, refs):
    head = pool + info.tenant + bytes([entry.kind, info.suite]) + le(1, 2)
    return head + entry.digest + bytes(refs)


def digest(tenant_key, kind, refs, plain):
    """The name of a record."""
    digest_key = derive_key("holdfast 2026-11 tenant digest key", tenant_key)
    kind_key = derive_key("holdfast 2026-11 digest key of a record kind",
                          digest_key + bytes([kind]))
    if kind == 1:
        return keyed(kind_key, plain)
    return keyed(kind_key, le(len(refs), 4) + b"".join(refs) + plain)


def open_envelope(envelope):
    """The plaintext inside an envelope."""
    codec, length = envelope[0], int.from_bytes(envelope[1:4], "little")
    payload = envelope[4:]
    if codec == 0:
        plain = payload
    elif codec == 1:
        plain = lz4.block.decompress(payload, uncompressed_size=length)
    elif codec == 2:
        plain = zstandard.ZstdDecompressor().decompress(payload, max_output_size=length)
    else:
        raise Damaged(f"codec {codec} is not known to this reader")
    if len(plain) != length:
        raise Damaged("a record is shorter or longer than it says")
    return plain
