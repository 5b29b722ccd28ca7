//! Sealing records again: what reclaim moves gets the key of its new segment. It is decrypted, not
//! decompressed, and the seal that opens is the check that it is right.
//!
//! What is to be compressed better is decompressed, and its plaintext must have its digest: a
//! digest names plaintext, so it stays when the codec changes.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Digest, TenantId};
use seal::{Codec, Compressor, Opener, TAG_BYTES, ZSTD_LEVEL};
use store::{Moving, RecordPlace, RecordView, Resealer, StoreError, WriterKeys};

use crate::{Result, TenantAccess};

/// Percent that Zstandard must save of what is stored, for the time that it takes to decompress: it
/// is three to four times that of LZ4.
const LEAST_SAVED_PERCENT: usize = 10;

/// Seals records of the tenants that it was given again.
#[derive(Debug)]
pub struct RecordMover {
    tenants: HashMap<TenantId, Arc<TenantAccess>>,
    opener: Opener,
    associated: Vec<u8>,
    /// Made when the first record is to be compressed better.
    compressor: Option<Compressor>,
    plain: Vec<u8>,
}

impl RecordMover {
    /// Records of other tenants than these stay where they are.
    pub fn new(tenants: &[Arc<TenantAccess>]) -> Result<Self> {
        let tenants = tenants.iter().map(|access| (access.tenant(), access.clone())).collect();
        let (associated, compressor, plain) = Default::default();
        Ok(Self { tenants, opener: Opener::new()?, associated, compressor, plain })
    }

    /// Compresses what is in an envelope with Zstandard, unless it is so already or that saves too
    /// little.
    fn compress(
        &mut self,
        tenant: TenantId,
        moving: &Moving<'_>,
        envelope: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        if Codec::of(envelope) == Some(Codec::Zstd) {
            return Ok(None);
        }
        self.opener.unfold(envelope, &mut self.plain)?;
        let access = self.access(tenant)?;
        if access.namer().name(moving.kind as u8, moving.refs, &self.plain) != moving.digest {
            return Ok(None);
        }
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(ZSTD_LEVEL)?),
        };
        let mut smaller = Vec::new();
        compressor.compress(Codec::Zstd, &self.plain, &mut smaller)?;
        let most = envelope.len() - envelope.len() * LEAST_SAVED_PERCENT / 100;
        Ok((smaller.len() <= most).then_some(smaller))
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

    fn squeeze(&mut self, tenant: TenantId, record: &Moving<'_>, opened: &[u8]) -> Option<Vec<u8>> {
        // What cannot be compressed better can still move as it is.
        self.compress(tenant, record, opened).ok().flatten()
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
