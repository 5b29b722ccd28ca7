//! The wrapped keys: a block that the store keeps in four places on every disk and does not
//! understand beyond its checksum.

use disk::Buffer;
use format::geometry::KEY_SLOTS;
use format::keyring::{KEY_BLOCK_BYTES, KeyBlock};
use futures_util::future::join_all;

use crate::members::{Members, padded};
use crate::planted::{Bug, planted};
use crate::store::{Inner, Store};
use crate::{Result, StoreError};

impl Store {
    /// The newest intact copy of the wrapped keys.
    pub async fn keys(&self) -> Result<Vec<u8>> {
        let copies = self.inner.key_copies().await;
        let intact = copies.into_iter().filter_map(|copy| copy.block);
        let newest = intact.max_by_key(|(generation, _)| *generation);
        let (_, keys) = newest.ok_or(StoreError::DamagedStructure { structure: "key block" })?;
        Ok(keys.to_vec())
    }

    /// Replaces the wrapped keys. When this returns they are durable; power loss before leaves
    /// either the old or the new ones.
    pub async fn set_keys(&self, keys: &[u8]) -> Result<()> {
        let inner = &self.inner;
        inner.begin().await?;
        // Under the log's lock, so that two changes do not mix.
        let mut log = inner.log.lock().await;
        inner.check_writable()?;
        inner
            .all_or_stop(async {
                write_keys(&inner.members, keys).await?;
                inner.note_failed_members(&mut log).await
            })
            .await
    }
}

/// One copy of the wrapped keys.
struct KeyCopy {
    member: usize,
    slot: u8,
    /// Its generation and bytes, if it is intact.
    block: Option<(u64, Buffer)>,
}

impl Inner {
    async fn key_copies(&self) -> Vec<KeyCopy> {
        let places = self
            .members
            .readers()
            .flat_map(|(number, member)| (0..KEY_SLOTS).map(move |slot| (number, member, slot)));
        let reads = places.map(|(number, member, slot)| async move {
            let read = member.read(member.geometry.key_offset(slot), KEY_BLOCK_BYTES).await;
            (number, slot, read.ok())
        });
        let mut copies = Vec::new();
        for (member, slot, bytes) in join_all(reads).await {
            let whole = |bytes| Some((self.key_generation(&bytes, &copies)?, bytes));
            let block = bytes.and_then(whole);
            copies.push(KeyCopy { member, slot, block });
        }
        copies
    }

    /// The generation of an intact key block of this pool. As a rule all copies are equal: what
    /// equals one that was found intact is not hashed again.
    fn key_generation(&self, bytes: &Buffer, known: &[KeyCopy]) -> Option<u64> {
        let mut known = known.iter().filter_map(|copy| copy.block.as_ref());
        if let Some((generation, _)) = known.find(|(_, other)| other[..] == bytes[..]) {
            return Some(*generation);
        }
        let keys = KeyBlock::decode(bytes).ok()?;
        (keys.pool_id == self.pool_id).then_some(keys.generation)
    }

    /// Rewrites copies of the wrapped keys that are damaged or old. Gives how many there were. To
    /// be called under the log's lock.
    pub(crate) async fn heal_keys(&self) -> Result<u64> {
        let copies = self.key_copies().await;
        let newest = copies.iter().filter_map(|copy| copy.block.as_ref());
        let newest = newest.max_by_key(|(generation, _)| *generation);
        let damaged = StoreError::DamagedStructure { structure: "key block" };
        let (_, newest) = newest.ok_or(damaged)?;
        let right = |copy: &&KeyCopy| copy.block.as_ref().is_some_and(|(_, b)| b[..] == newest[..]);
        let bad = copies.iter().filter(|copy| !right(copy));
        let mut count = 0;
        for copy in bad {
            let member = self.members.get(copy.member).filter(|member| member.is_active());
            let Some(member) = member else { continue };
            count += 1;
            if !self.read_only {
                // One after the other, each made durable: a whole one is always there.
                let offset = member.geometry.key_offset(copy.slot);
                member.rewrite(offset, padded(newest)).await?;
            }
        }
        Ok(count)
    }
}

/// Writes one pair of copies after the other, so that one whole pair is always there.
pub(crate) async fn write_keys(members: &Members, keys: &[u8]) -> Result<()> {
    let data = padded(keys);
    for pair in [[0, 2], [1, 3]] {
        for slot in pair {
            members.write(&data, |_, member| Some(member.geometry.key_offset(slot))).await?;
        }
        if !planted(Bug::KeysAtOnce) {
            members.flush().await?;
        }
    }
    if planted(Bug::KeysAtOnce) { members.flush().await } else { Ok(()) }
}
