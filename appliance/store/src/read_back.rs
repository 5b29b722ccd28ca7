//! Looking whether copies that were just made can be read from every disk: neighbours in one
//! transfer, several transfers in flight, as for any other reading in order.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use crate::Result;
use crate::batch::{Located, Transfer};
use crate::duty::Duty;
use crate::store::Inner;

/// Transfers in flight, each of a slab at most: enough for a disk to work on the next while one is
/// checked.
const READS_IN_FLIGHT: usize = 4;

impl Inner {
    /// Of some records, the numbers of those that cannot be read where they are from every disk in
    /// service. A copy that is bad is healed if another is right, and counts as right then.
    pub(crate) async fn not_read_back(
        self: &Arc<Self>,
        records: &[Located],
        duty: Duty<'_>,
    ) -> Result<HashSet<usize>> {
        let mut bad = HashSet::new();
        let members: Vec<usize> = self.members.active().map(|(number, _)| number).collect();
        for number in members {
            let held = self.transfers(records.to_vec()).await?.into_iter();
            let held = held.filter(|transfer| self.holder(&transfer.segment, number).is_some());
            let mut reads = stream::iter(held)
                .map(|transfer| self.read_transfer(transfer, number))
                .buffered(duty.transfers(READS_IN_FLIGHT));
            loop {
                let begun = duty.begin(self);
                let Some((transfer, buffer)) = reads.next().await else { break };
                let torn: Vec<Located> =
                    transfer.whole(buffer).filter(|(_, whole)| !whole).map(|it| it.0).collect();
                for record in torn {
                    if !self.heals(&transfer, &record, number).await {
                        bad.insert(record.at);
                    }
                }
                duty.rest(begun, self).await;
            }
        }
        Ok(bad)
    }

    /// Reads one record by itself, then from any disk.
    async fn heals(&self, transfer: &Transfer, record: &Located, number: usize) -> bool {
        let Located { place, entry, .. } = record;
        self.read_checked(&transfer.segment, *place, entry, number).await.is_ok()
            || self.read_any(&transfer.segment, *place, entry).await.is_ok()
    }
}
