//! Sealing records again: what reclaim moves gets the key of its new segment. It is decrypted, not
//! decompressed, and the seal that opens is the check that it is right.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Digest, TenantId};
use seal::{Opener, TAG_BYTES};
use store::{Moving, RecordPlace, RecordView, Resealer, StoreError, WriterKeys};

use crate::{Result, TenantAccess};

/// Seals records of the tenants that it was given again.
#[derive(Debug)]
pub struct RecordMover {
    tenants: HashMap<TenantId, Arc<TenantAccess>>,
    opener: Opener,
    associated: Vec<u8>,
}

impl RecordMover {
    /// Records of other tenants than these stay where they are.
    pub fn new(tenants: &[Arc<TenantAccess>]) -> Result<Self> {
        let tenants = tenants.iter().map(|access| (access.tenant(), access.clone())).collect();
        Ok(Self { tenants, opener: Opener::new()?, associated: Vec::new() })
    }

    fn access(&self, tenant: TenantId) -> store::Result<Arc<TenantAccess>> {
        self.tenants.get(&tenant).cloned().ok_or(StoreError::NoKeys { tenant })
    }

    fn decrypt(&mut self, view: RecordView<'_>) -> Result<Vec<u8>> {
        let refs = view.ref_list();
        let access = self.access(view.info.tenant)?;
        let cipher = access.cipher(view.info)?;
        let context = access.context(view.info, view.kind, view.digest, &refs);
        let associated = context.write(&mut self.associated);
        let record = u64::from(view.record);
        let decrypted = self.opener.decrypt(&*cipher, record, associated, view.payload)?;
        Ok(decrypted.envelope().to_vec())
    }

    fn encrypt(
        &mut self,
        to: &RecordPlace,
        moving: &Moving<'_>,
        mut envelope: Vec<u8>,
    ) -> Result<Vec<u8>> {
        let access = self.access(to.info.tenant)?;
        let cipher = access.cipher(&to.info)?;
        let context = access.context(&to.info, moving.kind as u8, moving.digest, moving.refs);
        let associated = context.write(&mut self.associated);
        seal::seal(&*cipher, u64::from(to.record), associated, &mut envelope)?;
        let bytes = |digest: &Digest| digest.0;
        Ok(match moving.refs {
            [] => envelope,
            refs => refs.iter().flat_map(bytes).chain(envelope).collect(),
        })
    }
}

impl Resealer for RecordMover {
    fn keys(&mut self, tenant: TenantId) -> store::Result<WriterKeys> {
        let none = |_| StoreError::NoKeys { tenant };
        self.access(tenant)?.writer_keys().map_err(none)
    }

    fn open(&mut self, view: RecordView<'_>) -> Option<Vec<u8>> {
        self.decrypt(view).ok()
    }

    fn overhead(&self) -> usize {
        TAG_BYTES
    }

    fn seal(
        &mut self,
        to: &RecordPlace,
        record: &Moving<'_>,
        opened: Vec<u8>,
    ) -> store::Result<Vec<u8>> {
        let none = |_| StoreError::NoKeys { tenant: to.info.tenant };
        self.encrypt(to, record, opened).map_err(none)
    }
}
