//! The key block: every wrapped key of a pool, and the slots that open them.
//!
//! A slot holds the root key wrapped by something that a person or a machine has: a passphrase, a
//! recovery kit. The root key wraps one key per tenant, that wraps the tenant's data keys. Nothing
//! here is secret by itself. The whole block is written anew for each change, in fixed areas, so
//! that what is removed is gone from the bytes; without its wrapped key a tenant's data is lost
//! for good, which is how it is erased.
//!
//! The checksum shows damage. The authenticator, keyed by the root key, shows that somebody
//! without that key changed something; it can only be checked once a slot was opened.

use model::{DataKeyId, PoolId, TenantId, WallTime};

use crate::FormatError;
use crate::bytes::{Taker, put};
use crate::layout::{Fixed, Table, layout, place};
use crate::superblock::FORMAT_VERSION;

/// Bytes of a key block.
pub const KEY_BLOCK_BYTES: usize = 32_768;
/// Most slots: people and machines that can open a pool.
pub const MAX_SLOTS: usize = 16;
/// Most tenants of a pool.
pub const MAX_TENANTS: usize = 48;
/// Most data keys of all tenants: three rotations of each before old ones must be retired.
pub const MAX_DATA_KEYS: usize = 160;
/// Bytes of a slot's label.
pub const LABEL_BYTES: usize = 32;

const MAGIC: [u8; 8] = *b"HFKEYBLK";
const NAME: &str = "key block";
const RESERVED_BYTES: usize = KEY_BLOCK_BYTES
    - KeyBlockHeader::SIZE
    - MAX_SLOTS * KeySlot::SIZE
    - MAX_TENANTS * TenantEntry::SIZE
    - MAX_DATA_KEYS * DataKeyEntry::SIZE
    - 2 * 32;

layout! {
    /// Start of a key block.
    pub struct KeyBlockHeader = "KeyBlockHeader", 128 bytes {
        magic: [u8; 8],
        version: u16,
        slot_count: u16,
        tenant_count: u16,
        data_key_count: u16,
        pool_id: PoolId,
        /// Counts the changes; of two copies the higher one is newer.
        generation: u64,
        /// The number of the next slot.
        next_slot: u32,
        reserved: [u8; 84],
    }
}

layout! {
    /// A 256-bit key, sealed with AES-256-GCM under a key derived from its parent and the salt.
    pub struct WrappedKey = "WrappedKey", 80 bytes {
        salt: [u8; 32],
        sealed: [u8; 32],
        tag: [u8; 16],
    }
}

layout! {
    /// One way to the root key.
    pub struct KeySlot = "KeySlot", 256 bytes {
        /// Never used again after the slot is removed.
        number: u32,
        /// A [`SlotKind`] by number.
        kind: u16,
        reserved: u16,
        /// Argon2id of a passphrase: memory. Zero for other kinds, as the next two.
        memory_kib: u32,
        passes: u32,
        lanes: u32,
        created_at: WallTime,
        /// When the root key was last unwrapped as a test; 0 never.
        proved_at: WallTime,
        /// UTF-8, filled up with zero bytes.
        label: [u8; LABEL_BYTES],
        root_key: WrappedKey,
        reserved2: [u8; 108],
    }
}

layout! {
    /// The key of a tenant, wrapped by the root key.
    pub struct TenantEntry = "TenantEntry", 128 bytes {
        tenant: TenantId,
        /// The data key that new segments use.
        current: DataKeyId,
        /// The highest data key number given out, so that none is given out twice.
        newest: DataKeyId,
        key: WrappedKey,
        reserved: [u8; 24],
    }
}

layout! {
    /// A data key, wrapped by its tenant's key.
    pub struct DataKeyEntry = "DataKeyEntry", 128 bytes {
        tenant: TenantId,
        id: DataKeyId,
        reserved: u32,
        created_at: WallTime,
        key: WrappedKey,
        reserved2: [u8; 16],
    }
}

/// What opens a slot. The numbers stand on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum SlotKind {
    /// A passphrase that somebody remembers, stretched by Argon2id.
    Passphrase = 1,
    /// A recovery kit: 256 random bits on paper.
    Kit = 2,
    /// The appliance's TPM.
    Tpm = 3,
    /// A public key of the MSP.
    Escrow = 4,
}

impl SlotKind {
    /// The kind that has this number, if any.
    pub fn from_number(number: u16) -> Option<Self> {
        [Self::Passphrase, Self::Kit, Self::Tpm, Self::Escrow]
            .into_iter()
            .find(|kind| *kind as u16 == number)
    }
}

/// All wrapped keys of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBlock {
    pub pool_id: PoolId,
    pub generation: u64,
    pub next_slot: u32,
    /// At most [`MAX_SLOTS`].
    pub slots: Vec<KeySlot>,
    /// At most [`MAX_TENANTS`].
    pub tenants: Vec<TenantEntry>,
    /// At most [`MAX_DATA_KEYS`].
    pub data_keys: Vec<DataKeyEntry>,
    /// Keyed hash over everything before it, as [`Self::covered`] gives it.
    pub authenticator: [u8; 32],
}

impl KeyBlock {
    /// The areas of the block.
    pub const TABLE: Table = Table {
        name: "KeyBlock",
        size: KEY_BLOCK_BYTES,
        fields: &place([
            ("header", KeyBlockHeader::SIZE),
            ("slots", MAX_SLOTS * KeySlot::SIZE),
            ("tenants", MAX_TENANTS * TenantEntry::SIZE),
            ("data_keys", MAX_DATA_KEYS * DataKeyEntry::SIZE),
            ("reserved", RESERVED_BYTES),
            ("authenticator", 32),
            ("checksum", 32),
        ]),
    };

    /// The [`KEY_BLOCK_BYTES`] to write.
    ///
    /// # Panics
    /// If a list is longer than its area: the caller's mistake.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.covered();
        put(&mut bytes, &self.authenticator);
        let checksum = *blake3::hash(&bytes).as_bytes();
        put(&mut bytes, &checksum);
        bytes
    }

    /// What the authenticator covers: all bytes before it.
    ///
    /// # Panics
    /// If a list is longer than its area: the caller's mistake.
    pub fn covered(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(KEY_BLOCK_BYTES);
        put(&mut bytes, &self.header());
        put_area(&mut bytes, &self.slots, MAX_SLOTS);
        put_area(&mut bytes, &self.tenants, MAX_TENANTS);
        put_area(&mut bytes, &self.data_keys, MAX_DATA_KEYS);
        put(&mut bytes, &[0_u8; RESERVED_BYTES]);
        bytes
    }

    /// Reads a key block. The authenticator is not checked here: that takes the root key.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let absent = FormatError::Absent { structure: NAME };
        if bytes.len() != KEY_BLOCK_BYTES || !bytes.starts_with(&MAGIC) {
            return Err(absent);
        }
        let (covered, checksum) = bytes.split_last_chunk::<32>().ok_or(absent)?;
        if blake3::hash(covered).as_bytes() != checksum {
            return Err(FormatError::Damaged { structure: NAME });
        }
        let mut taker = Taker::new(covered, NAME);
        let header: KeyBlockHeader = taker.value()?;
        if header.version > FORMAT_VERSION {
            let (found, supported) = (header.version, FORMAT_VERSION);
            return Err(FormatError::Newer { structure: NAME, found, supported });
        }
        let block = Self {
            pool_id: header.pool_id,
            generation: header.generation,
            next_slot: header.next_slot,
            slots: take_area(&mut taker, header.slot_count, MAX_SLOTS)?,
            tenants: take_area(&mut taker, header.tenant_count, MAX_TENANTS)?,
            data_keys: take_area(&mut taker, header.data_key_count, MAX_DATA_KEYS)?,
            authenticator: taker.bytes(RESERVED_BYTES).and_then(|_| taker.value())?,
        };
        if !bytes.starts_with(&block.covered()) {
            return Err(taker.invalid("reserved byte"));
        }
        Ok(block)
    }

    fn header(&self) -> KeyBlockHeader {
        KeyBlockHeader {
            magic: MAGIC,
            version: FORMAT_VERSION,
            slot_count: self.slots.len() as u16,
            tenant_count: self.tenants.len() as u16,
            data_key_count: self.data_keys.len() as u16,
            pool_id: self.pool_id,
            generation: self.generation,
            next_slot: self.next_slot,
            reserved: [0; 84],
        }
    }
}

fn put_area<T: Fixed>(bytes: &mut Vec<u8>, list: &[T], room: usize) {
    assert!(list.len() <= room, "a list of the key block fits its area");
    let end = bytes.len() + room * T::SIZE;
    list.iter().for_each(|item| put(bytes, item));
    bytes.resize(end, 0);
}

fn take_area<T: Fixed>(
    taker: &mut Taker<'_>,
    count: u16,
    room: usize,
) -> Result<Vec<T>, FormatError> {
    let mut area = Taker::new(taker.bytes(room * T::SIZE)?, NAME);
    if usize::from(count) > room {
        return Err(area.invalid("count"));
    }
    area.list(count.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> KeyBlock {
        let slot = KeySlot { number: 4, kind: 2, ..KeySlot::load(&[0; KeySlot::SIZE]) };
        let tenant = TenantEntry { tenant: TenantId([7; 16]), ..TenantEntry::load(&[0; 128]) };
        let data_key = DataKeyEntry { id: DataKeyId(3), ..DataKeyEntry::load(&[0; 128]) };
        KeyBlock {
            pool_id: PoolId([9; 16]),
            generation: 12,
            next_slot: 5,
            slots: vec![slot; 2],
            tenants: vec![tenant; MAX_TENANTS],
            data_keys: vec![data_key; 3],
            authenticator: [8; 32],
        }
    }

    fn resign(mut bytes: Vec<u8>) -> Vec<u8> {
        let covered = KEY_BLOCK_BYTES - 32;
        let checksum = blake3::hash(&bytes[..covered]);
        bytes[covered..].copy_from_slice(checksum.as_bytes());
        bytes
    }

    #[test]
    fn a_key_block_reads_back_as_written() {
        let bytes = block().encode();
        assert_eq!(bytes.len(), KEY_BLOCK_BYTES);
        assert_eq!(KeyBlock::decode(&bytes), Ok(block()));
        let ends = KeyBlock::TABLE.fields.iter().map(|field| field.offset + field.size);
        assert_eq!(ends.max(), Some(KEY_BLOCK_BYTES));
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        let bytes = block().encode();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(KeyBlock::decode(&flipped).is_err(), "byte {at}");
        }
        assert!(KeyBlock::decode(&bytes[1..]).is_err());
    }

    #[test]
    fn impossible_fields_are_refused_under_a_right_checksum() {
        let bytes = block().encode();
        let change = |at: usize, byte: u8| {
            let mut changed = bytes.clone();
            changed[at] = byte;
            KeyBlock::decode(&resign(changed))
        };
        assert!(matches!(change(8, 2), Err(FormatError::Newer { found: 2, .. })));
        assert!(matches!(change(10, 17), Err(FormatError::Invalid { field: "count", .. })));
        let reserved = FormatError::Invalid { structure: NAME, field: "reserved byte" };
        assert_eq!(change(100, 1), Err(reserved.clone()));
        assert_eq!(change(KEY_BLOCK_BYTES - 65, 1), Err(reserved));
    }
}
