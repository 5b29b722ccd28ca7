//! The unlocked keys of one tenant.
//!
//! Digest key, tag seed and name key are derived from the tenant's key, which is never
//! rotated: equal data must keep its name and its cuts, or nothing would deduplicate any more.

use model::{DataKeyId, TenantId};

use crate::SealError;
use crate::secret::{DataKey, Secret, TenantKey};

const DIGEST_CONTEXT: &str = "holdfast 2026-11 tenant digest key";
const TAG_CONTEXT: &str = "holdfast 2026-11 tenant tag seed";
const NAME_CONTEXT: &str = "holdfast 2026-11 tenant system name key";

/// Everything that is needed to read and write one tenant's data.
#[derive(Debug, Clone)]
pub struct TenantKeys {
    tenant: TenantId,
    key: TenantKey,
    current: DataKeyId,
    data_keys: Vec<(DataKeyId, DataKey)>,
}

impl TenantKeys {
    pub(crate) fn new(
        tenant: TenantId,
        key: TenantKey,
        current: DataKeyId,
        data_keys: Vec<(DataKeyId, DataKey)>,
    ) -> Self {
        Self { tenant, key, current, data_keys }
    }

    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Names records.
    pub fn digest_key(&self) -> Secret {
        Secret::derive(DIGEST_CONTEXT, &[self.key.secret().bytes()])
    }

    /// Tags blocks, and so places chunk boundaries.
    pub fn tag_seed(&self) -> Secret {
        Secret::derive(TAG_CONTEXT, &[self.key.secret().bytes()])
    }

    /// Seals names of protected systems and volumes.
    pub fn name_key(&self) -> Secret {
        Secret::derive(NAME_CONTEXT, &[self.key.secret().bytes()])
    }

    /// The data key for new segments.
    pub fn current(&self) -> Result<(DataKeyId, &DataKey), SealError> {
        self.data_key(self.current).map(|key| (self.current, key))
    }

    /// The data key that a segment names.
    pub fn data_key(&self, id: DataKeyId) -> Result<&DataKey, SealError> {
        let found = self.data_keys.iter().find(|(number, _)| *number == id);
        found.map(|(_, key)| key).ok_or(SealError::NoSuchDataKey { tenant: self.tenant, id })
    }
}
