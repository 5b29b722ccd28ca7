//! Key blocks, from a thief's who can change bytes to an insider's who has the root key.
//!
//! Passphrases are not tried: each would take as long as it must. What a hostile block may ask for
//! is bounded when a slot is read.

use disk::sim::SimRng;
use format::keyring::{
    DataKeyEntry, KEY_BLOCK_BYTES, KeyBlock, KeyBlockHeader, KeySlot, TenantEntry,
};
use format::layout::Table;
use model::{TenantId, WallTime};
use seal::{Keyring, KitSecret, Unlocked};

use crate::make::POOL;
use crate::mutate::{field, in_place, mutate};
use crate::sign::sign;
use crate::target::Reader;

const CHECKSUM_AT: usize = KEY_BLOCK_BYTES - 32;
const AUTHENTICATOR_AT: usize = KEY_BLOCK_BYTES - 64;

/// What `seal` derives the authenticator's key with.
const AUTHENTICATOR_CONTEXT: &str = "holdfast 2026-11 key block authenticator";

/// Input: a key block.
pub(crate) struct Keyrings {
    block: Vec<u8>,
    kit: KitSecret,
    root: [u8; 32],
}

impl Keyrings {
    pub(crate) fn new() -> Self {
        let mut rng = SimRng::new(0x6b65_7973);
        let mut first = None;
        let mut random = |bytes: &mut [u8]| {
            bytes.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8);
            first.get_or_insert_with(|| bytes.to_vec());
        };
        let (mut keyring, root) = Keyring::create(POOL, &mut random);
        let (_, kit) = keyring.add_kit(&root, "safe", WallTime(1), &mut random).expect("has room");
        keyring.add_kit(&root, "office", WallTime(2), &mut random).expect("has room");
        for tenant in 1..4 {
            let tenant = TenantId([tenant; 16]);
            keyring.add_tenant(&root, tenant, WallTime(3), &mut random).expect("has room");
            keyring.rotate_data_key(&root, tenant, WallTime(4), &mut random).expect("has room");
        }
        let root = first.and_then(|bytes| bytes.try_into().ok()).expect("the root key comes first");
        Self { block: keyring.encode(), kit, root }
    }

    /// Makes the authenticator right: only who has the root key could.
    fn authenticate(&self, block: &mut [u8]) {
        let key = blake3::derive_key(AUTHENTICATOR_CONTEXT, &self.root);
        let (covered, rest) = block.split_at_mut(AUTHENTICATOR_AT);
        rest[..32].copy_from_slice(blake3::keyed_hash(&key, covered).as_bytes());
    }
}

impl Reader for Keyrings {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let mut block = self.block.clone();
        match rng.below(6) {
            0 => {
                mutate(rng, &mut block);
                return block;
            }
            1 => in_place(rng, &mut block[..AUTHENTICATOR_AT]),
            2 => field(rng, &KeyBlockHeader::TABLE, &mut block),
            3 => forge(rng, &mut block, "slots", &KeySlot::TABLE, 3),
            4 => forge(rng, &mut block, "tenants", &TenantEntry::TABLE, 4),
            _ => forge(rng, &mut block, "data_keys", &DataKeyEntry::TABLE, 7),
        }
        if rng.below(2) == 0 {
            self.authenticate(&mut block);
        }
        sign(&mut block, CHECKSUM_AT);
        block
    }

    fn read(&mut self, input: &[u8]) {
        let Ok(block) = KeyBlock::decode(input) else { return };
        assert_eq!(block.encode(), input, "encoded again");
        let mut keyring = Keyring::decode(input).expect("the same decoder");
        let labels: usize = keyring.slots().map(|slot| format!("{slot:?}").len()).sum();
        assert!(labels < KEY_BLOCK_BYTES);
        if let Ok(unlocked) = keyring.unlock_with_kit(&self.kit) {
            assert!(unlocked.tenants().len() <= block.tenants.len());
            self.change(&mut keyring, &unlocked);
        }
    }
}

impl Keyrings {
    /// Does to an unlocked keyring what its owner would.
    fn change(&self, keyring: &mut Keyring, unlocked: &Unlocked) {
        let (root, now) = (&unlocked.root, WallTime(9));
        let mut random = |bytes: &mut [u8]| bytes.fill(5);
        for tenant in unlocked.tenants() {
            let _ = (tenant.current(), tenant.digest_key(), tenant.tag_seed());
            let _ = keyring.rotate_data_key(root, tenant.tenant(), now, &mut random);
        }
        let _ = keyring.add_kit(root, "new", now, &mut random);
        let _ = keyring.refresh(unlocked);
        if keyring.prove_with_kit(&self.kit, now).is_ok() {
            let again = Keyring::decode(&keyring.encode());
            assert!(again.is_ok_and(|again| again.has_proved_kit()), "what was proved stays so");
        }
    }
}

/// Changes a field of one of the first `rows` of an area.
fn forge(rng: &mut SimRng, block: &mut [u8], area: &str, row: &Table, rows: u64) {
    let area = KeyBlock::TABLE.fields.iter().find(|field| field.name == area).expect("it is there");
    let at = area.offset + rng.below(rows) as usize * row.size;
    field(rng, row, &mut block[at..at + row.size]);
}
