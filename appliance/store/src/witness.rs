//! Somebody beside the disks who knows which of them have everything.
//!
//! A disk that is there alone cannot tell whether the others went on without it: only they have
//! that written down. Who is to decide unattended whether a pool may be opened on what is there
//! asks a witness, whom the store tells of every change before it counts.

use std::fmt;
use std::sync::{Arc, OnceLock};

use model::DiskId;

use crate::members::{Members, lock};
use crate::store::Store;
use crate::sync::Mutex;
use crate::{Result, StoreError};

/// Keeps in another place than on the disks which of them have everything.
pub trait Witness: Send + Sync {
    /// Keeps them durably before it returns; false when that was not possible. Nothing is
    /// acknowledged meanwhile.
    fn keep(&self, complete: &[DiskId]) -> bool;
}

/// The witness of a store, and what it was told last.
#[derive(Default)]
pub(crate) struct Witnessed {
    witness: OnceLock<Arc<dyn Witness>>,
    told: Mutex<Option<Vec<DiskId>>>,
}

impl fmt::Debug for Witnessed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Witnessed({:?})", lock(&self.told))
    }
}

impl Witnessed {
    /// Tells the witness if it does not know yet. That a disk has everything again may stay unsaid:
    /// then a start on it alone is refused, and nothing is lost.
    ///
    /// # Errors
    /// `Unwitnessed` when a disk no longer has everything and the witness cannot keep that.
    pub(crate) fn tell(&self, members: &Members) -> Result<()> {
        let Some(witness) = self.witness.get() else { return Ok(()) };
        let complete: Vec<DiskId> = members.complete().map(|(_, member)| member.disk_id).collect();
        let mut told = lock(&self.told);
        if told.as_ref() == Some(&complete) {
            return Ok(());
        }
        if witness.keep(&complete) {
            *told = Some(complete);
            return Ok(());
        }
        match told.as_ref().is_some_and(|told| told.iter().all(|disk| complete.contains(disk))) {
            true => Ok(()),
            false => Err(StoreError::Unwitnessed),
        }
    }
}

impl Store {
    /// Has `witness` told which disks have everything: now, and from now on before anything is
    /// acknowledged without one that had. The first witness stays.
    ///
    /// # Errors
    /// `Unwitnessed` when it cannot keep that.
    pub async fn witnessed_by(&self, witness: Arc<dyn Witness>) -> Result<()> {
        // Nobody changes the members meanwhile.
        let _log = self.inner.log.lock().await;
        let _ = self.inner.witnessed.witness.set(witness);
        self.inner.witnessed.tell(&self.inner.members)
    }
}
