//! What the clients' contacts were told, where somebody has to prove it.

use rusqlite::{Transaction, params};

use super::Outbox;
use super::file::failed;
use crate::error::Result;
use crate::event::EventKind;
use crate::notice::Content;

/// Most receipts that wait to be fetched; the oldest go.
const MAX_RECEIPTS: i64 = 10_000;

/// That a channel for a client's contact has taken a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Of the receipt: later ones have higher ones.
    pub id: i64,
    /// Number and client of what was told, as in its event.
    pub number: u64,
    pub client: String,
    /// When, in seconds since 1970.
    pub at: i64,
}

pub(super) fn keep(to: &Transaction<'_>, content: &Content, now: i64) -> rusqlite::Result<()> {
    let Content::Alerts(notice) = content else { return Ok(()) };
    let told = notice.events.iter().filter(|event| event.kind != EventKind::Cleared);
    for event in told.filter(|event| event.receipt) {
        to.execute(
            "INSERT INTO receipts (number, client, at) VALUES (?1, ?2, ?3)",
            params![event.number.cast_signed(), event.client, now],
        )?;
    }
    let most = "DELETE FROM receipts WHERE id <= (SELECT coalesce(max(id), 0) FROM receipts) - ?1";
    to.execute(most, [MAX_RECEIPTS]).map(drop)
}

impl Outbox {
    /// All receipts that nobody has fetched, the oldest first.
    pub fn receipts(&self) -> Result<Vec<Receipt>> {
        let read = || {
            let query = "SELECT id, number, client, at FROM receipts ORDER BY id";
            let mut rows = self.connection.prepare_cached(query)?;
            let receipts = rows.query_map([], |row| {
                let number: i64 = row.get(1)?;
                let (id, number) = (row.get(0)?, number.cast_unsigned());
                Ok(Receipt { id, number, client: row.get(2)?, at: row.get(3)? })
            })?;
            receipts.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(failed(&self.path))
    }

    /// Forgets receipts up to one, which is kept elsewhere now.
    pub fn forget_receipts(&self, last: i64) -> Result<()> {
        let forgotten = self.connection.execute("DELETE FROM receipts WHERE id <= ?1", [last]);
        forgotten.map(drop).map_err(failed(&self.path))
    }
}
