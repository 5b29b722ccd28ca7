//! What is yet to be delivered, kept over restarts.
//!
//! SQLite, because this is bookkeeping and no backup. Deliveries and what the router remembers of
//! them become durable together, so that nothing is told twice or not at all after a kill. A
//! delivery goes when its channel has taken it; killed between the two, it is sent again under the
//! same name.

mod channel;
mod file;
mod receipt;
mod report;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::error::{Result, SendError};
use crate::notice::{Content, Delivery};
use crate::router::State;
use crate::settings::Audience;
pub use channel::{ChannelState, Dead};
use file::failed;
pub use receipt::Receipt;

/// Most deliveries that wait for a channel.
pub const MAX_WAITING: i64 = 1000;

/// The first pause after a failure, and the longest, in seconds; each is twice the one before.
const PAUSES: (i64, i64) = (30, 3600);

/// What could not be delivered for so long is given up, in seconds.
const GIVE_UP: i64 = 24 * 3600;

/// The outbox, open.
#[derive(Debug)]
pub struct Outbox {
    path: PathBuf,
    connection: Connection,
    /// Where a damaged file went.
    pub put_aside: Option<PathBuf>,
    /// Begins the names of deliveries.
    instance: String,
}

/// A delivery that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    pub(crate) id: i64,
    /// The same each time that it is sent: a receiver that has it can leave it.
    pub key: String,
    pub channel: String,
    pub content: Content,
    /// When it was made, in seconds since 1970.
    pub made: i64,
    /// How often it failed.
    pub attempts: u32,
}

/// What came of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It is tried again after so many seconds.
    Later(i64),
    /// It is gone.
    GivenUp,
}

/// A row as it is kept.
struct Head {
    id: i64,
    made: i64,
    attempts: u32,
    /// Not to be tried before.
    next: i64,
    notice: String,
}

impl Outbox {
    /// Opens the file, or makes it. One that is damaged is put aside under another name.
    pub fn open(path: &Path) -> Result<Self> {
        let (connection, put_aside) = file::open(path)?;
        let query = "SELECT value FROM small WHERE key = 'instance'";
        let instance = connection.query_row(query, [], |row| row.get(0)).map_err(failed(path))?;
        Ok(Self { path: path.to_owned(), connection, put_aside, instance })
    }

    /// What the router remembered; nothing when there is none that can be read.
    pub fn state(&self) -> Result<State> {
        let query = "SELECT value FROM small WHERE key = 'router'";
        let text: Option<String> = self
            .connection
            .query_row(query, [], |row| row.get(0))
            .optional()
            .map_err(failed(&self.path))?;
        let Some(text) = text else { return Ok(State::default()) };
        Ok(serde_json::from_str(&text).unwrap_or_else(|error| {
            log::error!("what was told before cannot be read, it is told again: {error}");
            State::default()
        }))
    }

    /// Takes deliveries in, together with what the router remembers: all of it or nothing.
    pub fn keep(&mut self, deliveries: &[Delivery], state: &State, now: Timestamp) -> Result<()> {
        let failed = failed(&self.path);
        let mut write = || {
            let transaction = self.connection.transaction()?;
            let text = serde_json::to_string(state).unwrap_or_default();
            transaction.execute(
                "INSERT INTO small VALUES ('router', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1
                 WHERE value <> ?1",
                [text],
            )?;
            for delivery in deliveries {
                insert(&transaction, delivery, now.as_second())?;
            }
            transaction.commit()
        };
        write().map_err(failed)
    }

    /// The first delivery of a channel, if it may be tried now. Reports come after all alerts: one
    /// that does not get through holds up none of them.
    pub fn due(&mut self, channel: &str, now: Timestamp) -> Result<Option<Queued>> {
        loop {
            let Some(head) = self.head(channel)? else { return Ok(None) };
            let Head { id, made, attempts, next, notice } = head;
            // A pause is never longer than the longest, whatever the clock did.
            if next > now.as_second() && next <= now.as_second() + PAUSES.1 {
                return Ok(None);
            }
            match serde_json::from_str(&notice) {
                Ok(content) => {
                    let key = format!("{}-{id}", self.instance);
                    let channel = channel.to_owned();
                    return Ok(Some(Queued { id, key, channel, content, made, attempts }));
                }
                Err(error) => {
                    log::error!("a message for {channel} cannot be read and is dropped: {error}");
                    self.drop_unread(channel, id)?;
                }
            }
        }
    }

    fn head(&self, channel: &str) -> Result<Option<Head>> {
        let query = "SELECT id, made, attempts, next, notice FROM deliveries
             WHERE channel = ?1 ORDER BY severity = 0, id LIMIT 1";
        let read = |row: &Row<'_>| {
            let (id, made, attempts) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Head { id, made, attempts, next: row.get(3)?, notice: row.get(4)? })
        };
        self.connection.query_row(query, [channel], read).optional().map_err(failed(&self.path))
    }

    /// Notes that a channel has taken a delivery, and if it is a contact's, what it has read.
    pub fn delivered(&mut self, queued: &Queued, to: Audience, now: Timestamp) -> Result<()> {
        let failed = failed(&self.path);
        let mut write = || {
            let transaction = self.connection.transaction()?;
            transaction.execute("DELETE FROM deliveries WHERE id = ?1", [queued.id])?;
            if to == Audience::Contact {
                receipt::keep(&transaction, &queued.content, now.as_second())?;
            }
            channel::worked(&transaction, &queued.channel, now.as_second())?;
            transaction.commit()
        };
        write().map_err(failed)
    }

    /// Notes that a channel has not taken a delivery, and says whether it is tried again.
    pub fn failed(&mut self, queued: &Queued, error: &SendError, now: Timestamp) -> Result<Failed> {
        let now = now.as_second();
        let attempts = queued.attempts.saturating_add(1);
        let pause = PAUSES.0.saturating_mul(1 << queued.attempts.min(16)).min(PAUSES.1);
        let given_up = error.is_final || now - queued.made >= GIVE_UP;
        let failed = failed(&self.path);
        let mut write = || {
            let transaction = self.connection.transaction()?;
            channel::failed(&transaction, &queued.channel, &error.to_string(), now)?;
            match given_up {
                true => {
                    transaction.execute("DELETE FROM deliveries WHERE id = ?1", [queued.id])?;
                    channel::count(&transaction, &queued.channel, "given_up", 1)?;
                }
                false => {
                    transaction.execute(
                        "UPDATE deliveries SET attempts = ?2, next = ?3, made = min(made, ?4)
                         WHERE id = ?1",
                        params![queued.id, attempts, now + pause, now],
                    )?;
                }
            }
            transaction.commit()
        };
        write().map_err(failed)?;
        Ok(if given_up { Failed::GivenUp } else { Failed::Later(pause) })
    }

    /// Makes the first delivery of a channel due at once, as after its settings were corrected.
    pub fn hurry(&mut self, channel: &str) -> Result<()> {
        let query = "UPDATE deliveries SET next = 0 WHERE channel = ?1";
        self.connection.execute(query, [channel]).map(|_| ()).map_err(failed(&self.path))
    }

    /// Channels that do not work: for a quarter of an hour, or five times in a row.
    pub fn dead(&self, now: Timestamp) -> Result<Vec<Dead>> {
        channel::dead(&self.connection, now.as_second()).map_err(failed(&self.path))
    }

    /// How a channel is.
    pub fn channel(&self, name: &str) -> Result<ChannelState> {
        channel::state(&self.connection, name).map_err(failed(&self.path))
    }

    /// Forgets channels that are not there any more, and what waited for them.
    pub fn retain(&mut self, names: &[&str]) -> Result<()> {
        let known = serde_json::to_string(names).unwrap_or_default();
        let failed = failed(&self.path);
        let mut write = || {
            let transaction = self.connection.transaction()?;
            for (table, column) in [("deliveries", "channel"), ("channels", "name")] {
                let query = format!(
                    "DELETE FROM {table} WHERE {column} NOT IN (SELECT value FROM json_each(?1))"
                );
                transaction.execute(&query, [&known])?;
            }
            transaction.commit()
        };
        write().map_err(failed)
    }

    fn drop_unread(&mut self, channel: &str, id: i64) -> Result<()> {
        let failed = failed(&self.path);
        let mut write = || {
            let transaction = self.connection.transaction()?;
            transaction.execute("DELETE FROM deliveries WHERE id = ?1", [id])?;
            channel::count(&transaction, channel, "dropped", 1)?;
            transaction.commit()
        };
        write().map_err(failed)
    }
}

fn insert(transaction: &Transaction<'_>, delivery: &Delivery, now: i64) -> rusqlite::Result<()> {
    let Delivery { channel, notice } = delivery;
    let text = serde_json::to_string(notice).unwrap_or_default();
    insert_row(transaction, channel, notice.worst, now, &text)?;
    let dropped = transaction.execute(
        "DELETE FROM deliveries WHERE id IN (
             SELECT id FROM deliveries WHERE channel = ?1 ORDER BY severity, id
             LIMIT max(0, (SELECT count(*) FROM deliveries WHERE channel = ?1) - ?2))",
        params![channel, MAX_WAITING],
    )?;
    channel::count(transaction, channel, "dropped", dropped as i64)
}

fn insert_row(
    transaction: &Transaction<'_>,
    channel: &str,
    severity: u8,
    now: i64,
    text: &str,
) -> rusqlite::Result<()> {
    let query = "INSERT INTO deliveries (channel, severity, made, attempts, next, notice)
         VALUES (?1, ?2, ?3, 0, 0, ?4)";
    transaction.execute(query, params![channel, severity, now, text]).map(drop)
}
