//! Reading records: the seal is the check. A copy that does not open is read again from another
//! disk by the store, and healed.

use std::sync::Arc;

use format::segment::RecordKind;
use model::Digest;
use seal::{Opener, SealError};
use store::{RecordView, StoreError};

use crate::{RecordError, Result, TenantAccess};

/// A record in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedRecord {
    pub refs: Vec<Digest>,
    pub plain: Vec<u8>,
}

/// Where the contents of chunks go. Chunks are named by their number in what was asked for.
pub trait ChunkTarget {
    /// Room for a chunk of this many bytes, if it is needed just once and whole: it is opened there
    /// and not copied. What was there is lost, also when the chunk turns out to be damaged.
    fn room(&mut self, number: usize, bytes: usize) -> Option<&mut [u8]>;
    /// Takes a chunk for which there was no room.
    fn take(&mut self, number: usize, plain: &[u8]);
}

/// Opens records for one worker; keeps what it works with.
#[derive(Debug)]
pub struct RecordReader {
    access: Arc<TenantAccess>,
    opener: Opener,
    associated: Vec<u8>,
    plain: Vec<u8>,
}

impl RecordReader {
    pub fn new(access: &Arc<TenantAccess>) -> Result<Self> {
        let access = access.clone();
        Ok(Self { access, opener: Opener::new()?, associated: Vec::new(), plain: Vec::new() })
    }

    pub fn access(&self) -> &Arc<TenantAccess> {
        &self.access
    }

    /// Reads one record that must be of this kind.
    pub async fn read(&mut self, digest: &Digest, kind: RecordKind) -> Result<OpenedRecord> {
        let mut opened = None;
        self.read_batch(&[*digest], kind, |_, refs, plain| {
            opened = Some(OpenedRecord { refs: refs.to_vec(), plain: plain.to_vec() });
        })
        .await?;
        opened.ok_or(RecordError::Kind { digest: *digest })
    }

    /// Reads records of one kind, each named once, in the order in which they lie. `take` gets
    /// the number of each in `digests`, its references and its plaintext, which it may keep by
    /// leaving another vector.
    pub async fn read_batch(
        &mut self,
        digests: &[Digest],
        kind: RecordKind,
        mut take: impl FnMut(usize, &[Digest], &mut Vec<u8>),
    ) -> Result<()> {
        let open = |reader: &mut Self, at, view: RecordView<'_>| {
            let refs = reader.open(view)?;
            take(at, &refs, &mut reader.plain);
            Ok(())
        };
        self.read_each(digests, kind, open).await
    }

    /// Reads chunks, each named once, in the order in which they lie, to where they are needed.
    pub async fn read_chunks(
        &mut self,
        digests: &[Digest],
        target: &mut impl ChunkTarget,
    ) -> Result<()> {
        let open = |reader: &mut Self, at, view: RecordView<'_>| reader.open_to(at, view, target);
        self.read_each(digests, RecordKind::Chunk, open).await
    }

    async fn read_each(
        &mut self,
        digests: &[Digest],
        kind: RecordKind,
        mut open: impl FnMut(&mut Self, usize, RecordView<'_>) -> Result<()>,
    ) -> Result<()> {
        let store = self.access.store().clone();
        let mut failed = None;
        let outcome = store.read_batch(digests, |at, view| {
            let opened = match view.kind() == Some(kind) {
                true => open(self, at, view),
                false => Err(RecordError::Kind { digest: view.digest }),
            };
            failed = opened.err();
            failed.is_none()
        });
        match (outcome.await, failed) {
            // Its checksum holds and its seal does not open: the reason is in the keys.
            (Err(StoreError::Damaged { .. }), Some(RecordError::Seal(error)))
                if error != SealError::Damaged =>
            {
                Err(error.into())
            }
            (Err(_), Some(error @ RecordError::Kind { .. })) => Err(error),
            (outcome, _) => Ok(outcome?),
        }
    }

    /// Tells whether the seal of a record that the store handed out holds: then it is what was
    /// sealed under this digest.
    pub fn check_seal(&mut self, view: RecordView<'_>) -> bool {
        let refs = view.ref_list();
        let Ok(cipher) = self.access.cipher(view.info) else { return false };
        let context = self.access.context(view.info, view.kind, view.digest, &refs);
        let associated = context.write(&mut self.associated);
        self.opener.check(&*cipher, u64::from(view.record), associated, view.payload).is_ok()
    }

    /// Opens a record that the store handed out, and tells whether its plaintext has its digest.
    pub fn check_digest(&mut self, view: RecordView<'_>) -> bool {
        let (digest, kind) = (view.digest, view.kind);
        self.open(view)
            .is_ok_and(|refs| self.access.namer().name(kind, &refs, &self.plain) == digest)
    }

    fn open_to(
        &mut self,
        at: usize,
        view: RecordView<'_>,
        target: &mut impl ChunkTarget,
    ) -> Result<()> {
        let refs = view.ref_list();
        let cipher = self.access.cipher(view.info)?;
        let context = self.access.context(view.info, view.kind, view.digest, &refs);
        let associated = context.write(&mut self.associated);
        let record = u64::from(view.record);
        let decrypted = self.opener.decrypt(&*cipher, record, associated, view.payload)?;
        let bytes = decrypted.plain_bytes();
        if let Some(room) = target.room(at, bytes).filter(|room| room.len() == bytes) {
            return Ok(self.opener.unpack(&decrypted, room)?);
        }
        self.plain.resize(bytes, 0);
        self.opener.unpack(&decrypted, &mut self.plain)?;
        target.take(at, &self.plain);
        Ok(())
    }

    fn open(&mut self, view: RecordView<'_>) -> Result<Vec<Digest>> {
        let refs = view.ref_list();
        let cipher = self.access.cipher(view.info)?;
        let context = self.access.context(view.info, view.kind, view.digest, &refs);
        let associated = context.write(&mut self.associated);
        let record = u64::from(view.record);
        self.opener.open(&*cipher, record, associated, view.payload, &mut self.plain)?;
        Ok(refs)
    }
}
