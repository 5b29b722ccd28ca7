//! Writing records: compress, seal for the place that the store gives, append.

use std::sync::Arc;

use format::segment::{RecordKind, SegmentInfo};
use model::{Digest, SegmentId};
use seal::{Codec, Compressor, SegmentCipher, TAG_BYTES, ZSTD_LEVEL};
use store::{NewRecord, SegmentWriter};

use crate::{Result, TenantAccess};

/// What became of a record that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    pub digest: Digest,
    /// Bytes that it added to the store; 0 if it was there.
    pub stored_bytes: u64,
}

/// Puts records for one worker; keeps what it works with.
#[derive(Debug)]
pub struct RecordWriter {
    access: Arc<TenantAccess>,
    writer: SegmentWriter,
    compressor: Compressor,
    cipher: Option<(SegmentId, Arc<SegmentCipher>)>,
    associated: Vec<u8>,
    envelope: Vec<u8>,
    stored: Vec<u8>,
}

impl RecordWriter {
    pub fn new(access: &Arc<TenantAccess>) -> Result<Self> {
        Ok(Self {
            access: access.clone(),
            writer: access.store().writer(access.writer_keys()?),
            compressor: Compressor::new(ZSTD_LEVEL)?,
            cipher: None,
            associated: Vec::new(),
            envelope: Vec::new(),
            stored: Vec::new(),
        })
    }

    /// Names a record and puts it unless it is there.
    pub async fn put(
        &mut self,
        kind: RecordKind,
        refs: &[Digest],
        plain: &[u8],
        codec: Codec,
    ) -> Result<Put> {
        let digest = self.access.namer().name(kind as u8, refs, plain);
        if self.access.store().contains(&digest).await? {
            return Ok(Put { digest, stored_bytes: 0 });
        }
        let stored_bytes = self.put_new(kind, digest, refs, plain, codec).await?;
        Ok(Put { digest, stored_bytes })
    }

    /// Puts a record that is known not to be there; gives its stored bytes.
    pub async fn put_new(
        &mut self,
        kind: RecordKind,
        digest: Digest,
        refs: &[Digest],
        plain: &[u8],
        codec: Codec,
    ) -> Result<u64> {
        self.compressor.compress(codec, plain, &mut self.envelope)?;
        let length = refs.len() * 32 + self.envelope.len() + TAG_BYTES;
        let place = self.writer.place(length).await?;
        let cipher = self.cipher(&place.info)?;
        let context = self.access.context(&place.info, kind as u8, digest, refs);
        let associated = context.write(&mut self.associated);
        seal::seal(&*cipher, u64::from(place.record), associated, &mut self.envelope)?;
        let stored = if refs.is_empty() {
            &self.envelope
        } else {
            self.stored.clear();
            refs.iter().for_each(|digest| self.stored.extend_from_slice(&digest.0));
            self.stored.extend_from_slice(&self.envelope);
            &self.stored
        };
        self.writer.append(NewRecord { kind, digest, refs: refs.len(), stored }).await?;
        Ok(length as u64)
    }

    fn cipher(&mut self, info: &SegmentInfo) -> Result<Arc<SegmentCipher>> {
        match &self.cipher {
            Some((segment, cipher)) if *segment == info.segment => Ok(cipher.clone()),
            _ => {
                let cipher = self.access.cipher(info)?;
                self.cipher = Some((info.segment, cipher.clone()));
                Ok(cipher)
            }
        }
    }
}
