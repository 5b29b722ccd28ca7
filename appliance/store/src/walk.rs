//! What a recovery point leads to, in the order in which it is read: from the roots of its volumes
//! to the leaves, which follow each other as their ranges do, and in each leaf its chunks as its
//! references have them. Nothing is decrypted.

use std::sync::Arc;

use format::segment::RecordKind;
use futures_util::{StreamExt, TryStreamExt, stream};
use model::Digest;

use crate::store::{Inner, Store};
use crate::{Result, StoreError};

/// Leaves that are read at once.
const READS_IN_FLIGHT: usize = 8;

/// Goes through the records of one recovery point. Remembers what is left of one record's
/// references on each level, and nothing of what it has passed: what is named twice comes twice.
pub(crate) struct Walk {
    inner: Arc<Inner>,
    /// What comes next is last.
    waiting: Vec<Digest>,
}

impl Walk {
    pub(crate) fn new(inner: &Arc<Inner>, root: Digest) -> Self {
        Self { inner: inner.clone(), waiting: vec![root] }
    }

    /// The next steps, or `None` at the end. Each is a leaf with its chunks, or one record alone.
    ///
    /// # Errors
    /// When a record with references cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Vec<Digest>>>> {
        let mut leaves = Vec::new();
        while let Some(digest) = self.waiting.pop() {
            let (_, entry) =
                self.inner.find(&digest).await?.ok_or(StoreError::Unknown { digest })?;
            match RecordKind::from_number(entry.kind) {
                Some(RecordKind::Leaf) => leaves.push(digest),
                _ if !leaves.is_empty() => {
                    self.waiting.push(digest);
                    break;
                }
                Some(RecordKind::Chunk) => return Ok(Some(vec![vec![digest]])),
                _ => {
                    let references = references(&self.inner, digest).await?;
                    self.waiting.extend(references.into_iter().rev());
                    return Ok(Some(vec![vec![digest]]));
                }
            }
            if leaves.len() == READS_IN_FLIGHT {
                break;
            }
        }
        let inner = &self.inner;
        let steps = stream::iter(leaves).map(|leaf| async move {
            let chunks = references(inner, leaf).await?;
            Ok::<_, StoreError>([vec![leaf], chunks].concat())
        });
        let steps: Vec<Vec<Digest>> = steps.buffered(READS_IN_FLIGHT).try_collect().await?;
        Ok((!steps.is_empty()).then_some(steps))
    }
}

async fn references(inner: &Arc<Inner>, digest: Digest) -> Result<Vec<Digest>> {
    Ok(Store { inner: inner.clone() }.read(&digest).await?.ref_list())
}
