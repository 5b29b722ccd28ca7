//! The keyring of a pool: the key block with its operations.
//!
//! Every change takes the root key, is made to the block in memory, counts its generation up and
//! authenticates it anew; it holds once the caller has written [`Keyring::encode`] to disk. The
//! authenticator binds all parts together: a slot from an older block, a slot said to be proved,
//! a removed tenant that comes back are noticed at unlocking. An older block as a whole is not:
//! that one is older, the store must remember.
//!
//! A root key without a slot is lost with the process. So [`Keyring::create`] is to be followed by
//! a slot, the last slot cannot be removed, and a kit counts only after it was proved.

use format::FormatError;
use format::keyring::{KeyBlock, KeySlot, MAX_SLOTS, SlotKind, TenantEntry};
use model::{PoolId, TenantId, WallTime};

use crate::kit::KitSecret;
use crate::passphrase::{self, Strength};
use crate::secret::{RootKey, Secret};
use crate::tenant::TenantKeys;
use crate::wrap::{salt, unwrap, wrap};
use crate::{Random, SealError};

mod slot;
mod tenants;

pub use slot::SlotInfo;

const AUTHENTICATOR_CONTEXT: &str = "holdfast 2026-11 key block authenticator";

/// The wrapped keys of a pool.
#[derive(Debug, Clone)]
pub struct Keyring {
    block: KeyBlock,
}

/// The keys of a pool.
#[derive(Debug, Clone)]
pub struct Unlocked {
    pub root: RootKey,
    /// The slot that was used.
    pub slot: u32,
    tenants: Vec<TenantKeys>,
}

impl Unlocked {
    /// The keys of one tenant.
    pub fn tenant(&self, tenant: TenantId) -> Result<&TenantKeys, SealError> {
        let found = self.tenants.iter().find(|keys| keys.tenant() == tenant);
        found.ok_or(SealError::NoSuchTenant { tenant })
    }

    /// The keys of all tenants.
    pub fn tenants(&self) -> &[TenantKeys] {
        &self.tenants
    }
}

impl Keyring {
    /// A keyring with a new root key and no way to it yet: add a slot before writing it.
    pub fn create(pool_id: PoolId, random: Random<'_>) -> (Self, RootKey) {
        let root = RootKey(Secret::random(random));
        let block = KeyBlock {
            pool_id,
            generation: 0,
            next_slot: 1,
            slots: Vec::new(),
            tenants: Vec::new(),
            data_keys: Vec::new(),
            authenticator: [0; 32],
        };
        let mut keyring = Self { block };
        keyring.authenticate(&root);
        (keyring, root)
    }

    /// Reads a key block. It is not authenticated before it is unlocked.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        KeyBlock::decode(bytes).map(|block| Self { block })
    }

    /// The key block to write: `KEY_BLOCK_BYTES` bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.block.encode()
    }

    pub fn pool_id(&self) -> PoolId {
        self.block.pool_id
    }

    /// Counts changes: of two copies of a keyring the higher one is newer.
    pub fn generation(&self) -> u64 {
        self.block.generation
    }

    /// Adds a slot that a passphrase opens. Takes as long as `strength` says. Returns its number.
    pub fn add_passphrase(
        &mut self,
        root: &RootKey,
        passphrase: &str,
        strength: Strength,
        label: &str,
        now: WallTime,
        random: Random<'_>,
    ) -> Result<u32, SealError> {
        passphrase::check(passphrase)?;
        let salt = salt(random);
        let parent = strength.stretch(passphrase, &salt)?;
        let [memory_kib, passes, lanes] = strength.parts();
        let slot = self.new_slot(SlotKind::Passphrase, label, now)?;
        self.add_slot(root, &parent, salt, KeySlot { memory_kib, passes, lanes, ..slot })
    }

    /// Adds a slot that a new recovery kit opens. Returns its number and the kit, which is to be
    /// shown once and then proved.
    pub fn add_kit(
        &mut self,
        root: &RootKey,
        label: &str,
        now: WallTime,
        random: Random<'_>,
    ) -> Result<(u32, KitSecret), SealError> {
        let kit = KitSecret::random(random);
        let slot = self.new_slot(SlotKind::Kit, label, now)?;
        let number = self.add_slot(root, &kit.0, salt(random), slot)?;
        Ok((number, kit))
    }

    /// Opens the pool with a passphrase, tried on each slot of that kind.
    pub fn unlock_with_passphrase(&self, passphrase: &str) -> Result<Unlocked, SealError> {
        let (slot, root) = self.root_by_passphrase(passphrase)?;
        self.unlock(slot, root)
    }

    /// Opens the pool with a recovery kit.
    pub fn unlock_with_kit(&self, kit: &KitSecret) -> Result<Unlocked, SealError> {
        let (slot, root) = self.root_by_kit(kit)?;
        self.unlock(slot, root)
    }

    /// The keys again after a change to tenants or data keys.
    pub fn refresh(&self, unlocked: &Unlocked) -> Result<Unlocked, SealError> {
        self.unlock(unlocked.slot, unlocked.root.clone())
    }

    /// Unwraps the root key with a kit as a test, and notes when that worked. Returns the slot.
    pub fn prove_with_kit(&mut self, kit: &KitSecret, now: WallTime) -> Result<u32, SealError> {
        let (slot, root) = self.root_by_kit(kit)?;
        self.prove(slot, &root, now)
    }

    /// The same with a passphrase.
    pub fn prove_with_passphrase(
        &mut self,
        passphrase: &str,
        now: WallTime,
    ) -> Result<u32, SealError> {
        let (slot, root) = self.root_by_passphrase(passphrase)?;
        self.prove(slot, &root, now)
    }

    /// Whether there is a recovery kit that was proved. Without one no recovery point is taken.
    pub fn has_proved_kit(&self) -> bool {
        let kit = SlotKind::Kit as u16;
        self.block.slots.iter().any(|slot| slot.kind == kit && slot.proved_at > WallTime(0))
    }

    /// The slots, oldest first.
    pub fn slots(&self) -> impl Iterator<Item = SlotInfo> {
        self.block.slots.iter().map(SlotInfo::of)
    }

    /// Removes a slot; the last one stays.
    pub fn remove_slot(&mut self, root: &RootKey, number: u32) -> Result<(), SealError> {
        self.check(root)?;
        let slots = &mut self.block.slots;
        let at = slots.iter().position(|slot| slot.number == number);
        let at = at.ok_or(SealError::NoSuchSlot { slot: number })?;
        if slots.len() == 1 {
            return Err(SealError::LastSlot { slot: number });
        }
        slots.remove(at);
        self.authenticate(root);
        Ok(())
    }

    fn new_slot(&self, kind: SlotKind, label: &str, now: WallTime) -> Result<KeySlot, SealError> {
        // The last number is never given: there would be none after it.
        if self.block.slots.len() >= MAX_SLOTS || self.block.next_slot == u32::MAX {
            return Err(SealError::Full { max: MAX_SLOTS });
        }
        slot::empty(self.block.next_slot, kind, label, now)
    }

    fn add_slot(
        &mut self,
        root: &RootKey,
        parent: &Secret,
        salt: [u8; 32],
        slot: KeySlot,
    ) -> Result<u32, SealError> {
        self.check(root)?;
        let root_key = wrap(parent, salt, self.block.pool_id, slot::purpose(&slot), root.secret())?;
        self.block.slots.push(KeySlot { root_key, ..slot });
        self.block.next_slot += 1;
        self.authenticate(root);
        Ok(slot.number)
    }

    /// Slot number and root key. Slots of other kinds, or with parameters that no Holdfast
    /// writes, are passed over; the error of one is returned only if no slot opens.
    fn root_by_passphrase(&self, passphrase: &str) -> Result<(u32, RootKey), SealError> {
        let mut failure = SealError::WrongKey;
        for slot in slot::of_kind(&self.block.slots, SlotKind::Passphrase) {
            let parent = Strength::new(slot.memory_kib, slot.passes, slot.lanes)
                .and_then(|strength| strength.stretch(passphrase, &slot.root_key.salt));
            match parent.and_then(|parent| self.root_in(slot, &parent)) {
                Ok(root) => return Ok((slot.number, root)),
                Err(SealError::WrongKey) => {}
                Err(other) => failure = other,
            }
        }
        Err(failure)
    }

    fn root_by_kit(&self, kit: &KitSecret) -> Result<(u32, RootKey), SealError> {
        slot::of_kind(&self.block.slots, SlotKind::Kit)
            .find_map(|slot| Some((slot.number, self.root_in(slot, &kit.0).ok()?)))
            .ok_or(SealError::WrongKey)
    }

    fn root_in(&self, slot: &KeySlot, parent: &Secret) -> Result<RootKey, SealError> {
        unwrap(parent, self.block.pool_id, slot::purpose(slot), &slot.root_key).map(RootKey)
    }

    fn unlock(&self, slot: u32, root: RootKey) -> Result<Unlocked, SealError> {
        self.check(&root)?;
        let open = |entry: &TenantEntry| self.open_tenant(&root, entry);
        let tenants = self.block.tenants.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Unlocked { root, slot, tenants })
    }

    fn prove(&mut self, number: u32, root: &RootKey, now: WallTime) -> Result<u32, SealError> {
        self.check(root)?;
        let slot = self.block.slots.iter_mut().find(|slot| slot.number == number);
        // Zero means never, so a clock that was not set yet counts as its first second.
        slot.ok_or(SealError::NoSuchSlot { slot: number })?.proved_at = now.max(WallTime(1));
        self.authenticate(root);
        Ok(number)
    }

    /// [`SealError::Damaged`] if this is not the root key that last authenticated the block.
    fn check(&self, root: &RootKey) -> Result<(), SealError> {
        let expected = blake3::Hash::from_bytes(self.block.authenticator);
        if self.authenticator(root) == expected { Ok(()) } else { Err(SealError::Damaged) }
    }

    fn authenticate(&mut self, root: &RootKey) {
        self.block.generation = self.block.generation.saturating_add(1);
        self.block.authenticator = *self.authenticator(root).as_bytes();
    }

    fn authenticator(&self, root: &RootKey) -> blake3::Hash {
        let key = Secret::derive(AUTHENTICATOR_CONTEXT, &[root.secret().bytes()]);
        blake3::keyed_hash(key.bytes(), &self.block.covered())
    }
}

#[cfg(test)]
mod tests;
