//! The wrapped keys: a block that the store keeps in four places on every disk and does not
//! understand beyond its checksum.

use format::geometry::KEY_SLOTS;
use format::keyring::{KEY_BLOCK_BYTES, KeyBlock};

use crate::members::{Members, padded};
use crate::planted::{Bug, planted};
use crate::store::{Inner, Store};
use crate::{Result, StoreError};

impl Store {
    /// The newest intact copy of the wrapped keys.
    pub async fn keys(&self) -> Result<Vec<u8>> {
        let copies = self.inner.key_copies().await;
        let newest = copies.into_iter().max_by_key(|copy| copy.generation);
        let newest = newest.ok_or(StoreError::DamagedStructure { structure: "key block" })?;
        Ok(newest.bytes)
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

/// One intact copy of the wrapped keys.
pub(crate) struct KeyCopy {
    generation: u64,
    bytes: Vec<u8>,
}

impl Inner {
    async fn key_copies(&self) -> Vec<KeyCopy> {
        let mut copies = Vec::new();
        for (_, member) in self.members.present() {
            for slot in 0..KEY_SLOTS {
                let offset = member.geometry.key_offset(slot);
                let Ok(block) = member.read(offset, KEY_BLOCK_BYTES).await else { continue };
                if let Ok(keys) = KeyBlock::decode(&block)
                    && keys.pool_id == self.pool_id
                {
                    copies.push(KeyCopy { generation: keys.generation, bytes: block.to_vec() });
                }
            }
        }
        copies
    }

    /// Rewrites the wrapped keys when a copy is damaged or old; true if that was needed.
    pub(crate) async fn heal_keys(&self) -> Result<bool> {
        let copies = self.key_copies().await;
        let expected = self.members.present().count() * usize::from(KEY_SLOTS);
        let newest = copies.iter().max_by_key(|copy| copy.generation);
        let newest = newest.ok_or(StoreError::DamagedStructure { structure: "key block" })?;
        let same = copies.iter().filter(|copy| copy.bytes == newest.bytes).count();
        if same == expected || self.read_only {
            return Ok(same != expected);
        }
        write_keys(&self.members, &newest.bytes).await?;
        Ok(true)
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
