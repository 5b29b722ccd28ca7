//! Tenants and their data keys: adding, rotating, and forgetting, which erases.

use format::keyring::{DataKeyEntry, MAX_DATA_KEYS, MAX_TENANTS, TenantEntry};
use model::{DataKeyId, TenantId, WallTime};

use super::Keyring;
use crate::secret::{DataKey, RootKey, Secret, TenantKey};
use crate::tenant::TenantKeys;
use crate::wrap::{Purpose, salt, unwrap, wrap};
use crate::{Random, SealError};

impl Keyring {
    /// Adds a tenant with its key and a first data key.
    pub fn add_tenant(
        &mut self,
        root: &RootKey,
        tenant: TenantId,
        now: WallTime,
        random: Random<'_>,
    ) -> Result<(), SealError> {
        self.check(root)?;
        if self.block.tenants.iter().any(|entry| entry.tenant == tenant) {
            return Err(SealError::TenantExists { tenant });
        }
        if self.block.tenants.len() >= MAX_TENANTS {
            return Err(SealError::Full { max: MAX_TENANTS });
        }
        let key = Secret::random(random);
        let purpose = Purpose::Tenant(tenant);
        let wrapped = wrap(root.secret(), salt(random), self.block.pool_id, purpose, &key)?;
        let first = DataKeyId(1);
        let data_key = self.new_data_key(&key, tenant, first, now, random)?;
        self.block.tenants.push(TenantEntry {
            tenant,
            current: first,
            newest: first,
            key: wrapped,
            reserved: [0; 24],
        });
        self.block.data_keys.push(data_key);
        self.authenticate(root);
        Ok(())
    }

    /// Gives a tenant a new data key for new segments; what older ones sealed stays readable.
    pub fn rotate_data_key(
        &mut self,
        root: &RootKey,
        tenant: TenantId,
        now: WallTime,
        random: Random<'_>,
    ) -> Result<DataKeyId, SealError> {
        self.check(root)?;
        let entry = *self.tenant_entry(tenant)?;
        let key = self.tenant_key(root, &entry)?;
        // Numbers are not used again, or two keys would pass for one.
        let used_up = SealError::Full { max: MAX_DATA_KEYS };
        let id = entry.newest.0.checked_add(1).map(DataKeyId).ok_or(used_up)?;
        let data_key = self.new_data_key(key.secret(), tenant, id, now, random)?;
        self.block.data_keys.push(data_key);
        for entry in self.block.tenants.iter_mut().filter(|entry| entry.tenant == tenant) {
            (entry.current, entry.newest) = (id, id);
        }
        self.authenticate(root);
        Ok(id)
    }

    /// Forgets a data key that no segment needs any more: what it sealed is gone for good once
    /// no copy of an older key block is left.
    pub fn forget_data_key(
        &mut self,
        root: &RootKey,
        tenant: TenantId,
        id: DataKeyId,
    ) -> Result<(), SealError> {
        self.check(root)?;
        if self.tenant_entry(tenant)?.current == id {
            return Err(SealError::DataKeyInUse { id });
        }
        let before = self.block.data_keys.len();
        self.block.data_keys.retain(|entry| entry.tenant != tenant || entry.id != id);
        if self.block.data_keys.len() == before {
            return Err(SealError::NoSuchDataKey { tenant, id });
        }
        self.authenticate(root);
        Ok(())
    }

    /// Forgets a tenant and all its keys: everything it stored is gone for good once no copy of
    /// an older key block is left.
    pub fn forget_tenant(&mut self, root: &RootKey, tenant: TenantId) -> Result<(), SealError> {
        self.check(root)?;
        self.tenant_entry(tenant)?;
        self.block.tenants.retain(|entry| entry.tenant != tenant);
        self.block.data_keys.retain(|entry| entry.tenant != tenant);
        self.authenticate(root);
        Ok(())
    }

    /// Unwraps all keys of a tenant. The block was authenticated, so a wrap that does not open
    /// is damage, not a wrong key.
    pub(super) fn open_tenant(
        &self,
        root: &RootKey,
        entry: &TenantEntry,
    ) -> Result<TenantKeys, SealError> {
        let key = self.tenant_key(root, entry)?;
        let own = self.block.data_keys.iter().filter(|data_key| data_key.tenant == entry.tenant);
        let data_keys = own
            .map(|data_key| {
                let purpose = Purpose::Data(entry.tenant, data_key.id);
                let opened = unwrap(key.secret(), self.block.pool_id, purpose, &data_key.key);
                opened.map(|key| (data_key.id, DataKey(key))).map_err(|_| SealError::Damaged)
            })
            .collect::<Result<_, _>>()?;
        Ok(TenantKeys::new(entry.tenant, key, entry.current, data_keys))
    }

    fn tenant_key(&self, root: &RootKey, entry: &TenantEntry) -> Result<TenantKey, SealError> {
        let purpose = Purpose::Tenant(entry.tenant);
        unwrap(root.secret(), self.block.pool_id, purpose, &entry.key)
            .map(TenantKey)
            .map_err(|_| SealError::Damaged)
    }

    fn tenant_entry(&self, tenant: TenantId) -> Result<&TenantEntry, SealError> {
        let found = self.block.tenants.iter().find(|entry| entry.tenant == tenant);
        found.ok_or(SealError::NoSuchTenant { tenant })
    }

    fn new_data_key(
        &self,
        parent: &Secret,
        tenant: TenantId,
        id: DataKeyId,
        now: WallTime,
        random: Random<'_>,
    ) -> Result<DataKeyEntry, SealError> {
        if self.block.data_keys.len() >= MAX_DATA_KEYS {
            return Err(SealError::Full { max: MAX_DATA_KEYS });
        }
        let key = Secret::random(random);
        let purpose = Purpose::Data(tenant, id);
        let key = wrap(parent, salt(random), self.block.pool_id, purpose, &key)?;
        Ok(DataKeyEntry { tenant, id, reserved: 0, created_at: now, key, reserved2: [0; 16] })
    }
}
