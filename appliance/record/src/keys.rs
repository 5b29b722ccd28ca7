//! One tenant's way into the store: its keys, and the ciphers of the segments in use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chunk::{Namer, StreamKey, TagKey};
use format::segment::SegmentInfo;
use model::{Digest, PoolId, SegmentId, TenantId};
use seal::{Backend, RecordContext, SegmentCipher, SegmentKey, TenantKeys};
use store::{Store, WriterKeys};

use crate::Result;

/// Version that a seal is bound to. It does not follow the format's version: what was sealed
/// under 1 is opened under 1 for ever.
const SEAL_FORMAT: u16 = 1;

/// Expanded segment keys that are kept. A new one costs a microsecond; this bounds the memory.
const CIPHERS_KEPT: usize = 512;

/// Keys and store of one tenant. Shared by all that work for it.
#[derive(Debug)]
pub struct TenantAccess {
    store: Store,
    pool: PoolId,
    keys: TenantKeys,
    backend: Backend,
    namer: Namer,
    tag_key: TagKey,
    stream_key: StreamKey,
    ciphers: Mutex<HashMap<SegmentId, Arc<SegmentCipher>>>,
}

impl TenantAccess {
    pub fn new(store: Store, keys: TenantKeys, backend: Backend) -> Arc<Self> {
        let namer = Namer::new(keys.digest_key().bytes());
        let tag_key = TagKey::new(keys.tag_seed().bytes());
        let stream_key = StreamKey::new(keys.tag_seed().bytes());
        let (pool, ciphers) = (store.pool_id(), Mutex::default());
        Arc::new(Self { store, pool, keys, backend, namer, tag_key, stream_key, ciphers })
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn tenant(&self) -> TenantId {
        self.keys.tenant()
    }

    pub fn keys(&self) -> &TenantKeys {
        &self.keys
    }

    /// Names records.
    pub fn namer(&self) -> &Namer {
        &self.namer
    }

    /// Tags blocks, and so places chunk boundaries.
    pub fn tag_key(&self) -> &TagKey {
        &self.tag_key
    }

    /// Places chunk boundaries of streams.
    pub fn stream_key(&self) -> &StreamKey {
        &self.stream_key
    }

    /// What a writer of the store needs to know of the keys.
    pub(crate) fn writer_keys(&self) -> Result<WriterKeys> {
        let (data_key, key) = self.keys.current()?;
        let key = key.clone();
        let commitment = Arc::new(move |salt: &[u8; 32]| SegmentKey::derive(&key, salt).1);
        Ok(WriterKeys { tenant: self.tenant(), data_key, commitment, moves: false })
    }

    /// The cipher of a segment, if this tenant wrote it.
    pub(crate) fn cipher(&self, info: &SegmentInfo) -> Result<Arc<SegmentCipher>> {
        let mut ciphers = self.ciphers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cipher) = ciphers.get(&info.segment) {
            return Ok(cipher.clone());
        }
        if info.tenant != self.tenant() {
            return Err(seal::SealError::NoSuchTenant { tenant: info.tenant }.into());
        }
        let data_key = self.keys.data_key(info.data_key)?;
        let key = SegmentKey::derive_committed(data_key, &info.salt, &info.commitment)?;
        let cipher = Arc::new(SegmentCipher::new(&key, self.backend)?);
        if ciphers.len() >= CIPHERS_KEPT {
            ciphers.clear();
        }
        ciphers.insert(info.segment, cipher.clone());
        Ok(cipher)
    }

    /// What a record's seal is bound to.
    pub(crate) fn context<'a>(
        &self,
        info: &SegmentInfo,
        kind: u8,
        digest: Digest,
        refs: &'a [Digest],
    ) -> RecordContext<'a> {
        RecordContext {
            pool: self.pool,
            tenant: info.tenant,
            kind,
            suite: info.suite,
            format: SEAL_FORMAT,
            digest,
            refs,
        }
    }
}
