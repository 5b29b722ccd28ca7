//! A resealer that checks what it is given.

use disk::sim::SimMachine;
use model::TenantId;

use super::fixture::{SAMPLES, writer_keys};
use super::model::Model;
use crate::{Moving, RecordPlace, RecordView, Resealer, WriterKeys};

/// Moves records as they are, and sees to it that no nonce comes twice.
pub(super) struct Verbatim<'a> {
    pub(super) machine: &'a SimMachine,
    pub(super) model: &'a Model,
}

impl Resealer for Verbatim<'_> {
    fn keys(&mut self, tenant: TenantId) -> crate::Result<WriterKeys> {
        Ok(writer_keys(tenant.0[0]))
    }

    fn open(&mut self, view: RecordView<'_>) -> Option<Vec<u8>> {
        let stored = [view.refs, view.payload].concat();
        (blake3::hash(&stored).as_bytes() == &view.digest.0).then(|| view.payload.to_vec())
    }

    fn overhead(&self) -> usize {
        0
    }

    fn squeeze(&mut self, _: TenantId, _: &Moving<'_>, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn seal(
        &mut self,
        to: &RecordPlace,
        record: &Moving<'_>,
        opened: Vec<u8>,
    ) -> crate::Result<Vec<u8>> {
        // What is no sample refers to some.
        if let Some(number) = SAMPLES.iter().position(|sample| sample.digest == record.digest) {
            let append = self.model.begin_append(number, self.machine.event_count());
            self.model.placed(append, *to).unwrap();
        }
        let refs = record.refs.iter().flat_map(|digest| digest.0);
        Ok(refs.chain(opened).collect())
    }
}
