//! How each channel has fared.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;

/// A channel that has failed for so long is dead, in seconds.
const DEAD_AFTER: i64 = 15 * 60;

/// So is one that has failed so often in a row.
const DEAD_FAILS: i64 = 5;

/// A channel that does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    pub channel: String,
    /// When it failed first, in seconds since 1970.
    pub since: u64,
    /// What the last failure was.
    pub cause: String,
}

/// What is known of a channel. Times are seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ChannelState {
    pub last_success: Option<i64>,
    pub last_failure: Option<i64>,
    /// Of the last failure, also when it works again.
    pub cause: String,
    /// The first of the failures in a row; None if the last message was taken.
    pub failing_since: Option<i64>,
    /// Messages that wait.
    pub waiting: i64,
    /// Messages that went because too many were waiting.
    pub dropped: i64,
    /// Messages that the other side would not take, for a day or for ever.
    pub given_up: i64,
}

pub(super) fn worked(to: &Transaction<'_>, name: &str, now: i64) -> rusqlite::Result<()> {
    let query = "INSERT INTO channels (name, last_success) VALUES (?1, ?2) ON CONFLICT (name)
         DO UPDATE SET last_success = ?2, failing_since = NULL, fails = 0";
    to.execute(query, params![name, now]).map(|_| ())
}

pub(super) fn failed(
    to: &Transaction<'_>,
    name: &str,
    cause: &str,
    now: i64,
) -> rusqlite::Result<()> {
    let query = "INSERT INTO channels (name, last_failure, failing_since, fails, cause)
         VALUES (?1, ?2, ?2, 1, ?3) ON CONFLICT (name) DO UPDATE SET
         last_failure = ?2, fails = fails + 1, cause = ?3,
         failing_since = min(coalesce(failing_since, ?2), ?2)";
    to.execute(query, params![name, now, cause]).map(|_| ())
}

/// Adds to one of the counts.
pub(super) fn count(
    to: &Transaction<'_>,
    name: &str,
    column: &'static str,
    more: i64,
) -> rusqlite::Result<()> {
    if more == 0 {
        return Ok(());
    }
    let query = format!(
        "INSERT INTO channels (name, {column}) VALUES (?1, ?2) ON CONFLICT (name)
         DO UPDATE SET {column} = {column} + ?2"
    );
    to.execute(&query, params![name, more]).map(|_| ())
}

pub(super) fn dead(from: &Connection, now: i64) -> rusqlite::Result<Vec<Dead>> {
    let mut rows = from.prepare(
        "SELECT name, failing_since, cause FROM channels
         WHERE failing_since IS NOT NULL AND (fails >= ?1 OR failing_since <= ?2) ORDER BY name",
    )?;
    let dead = rows.query_map(params![DEAD_FAILS, now - DEAD_AFTER], |row| {
        let since: i64 = row.get(1)?;
        let since = u64::try_from(since).unwrap_or(0);
        Ok(Dead { channel: row.get(0)?, since, cause: row.get(2)? })
    })?;
    dead.collect()
}

pub(super) fn state(from: &Connection, name: &str) -> rusqlite::Result<ChannelState> {
    let query = "SELECT last_success, last_failure, cause, failing_since, dropped, given_up
         FROM channels WHERE name = ?1";
    let state = from.query_row(query, [name], |row| {
        Ok(ChannelState {
            last_success: row.get(0)?,
            last_failure: row.get(1)?,
            cause: row.get(2)?,
            failing_since: row.get(3)?,
            waiting: 0,
            dropped: row.get(4)?,
            given_up: row.get(5)?,
        })
    });
    let query = "SELECT count(*) FROM deliveries WHERE channel = ?1";
    let waiting = from.query_row(query, [name], |row| row.get(0))?;
    Ok(ChannelState { waiting, ..state.optional()?.unwrap_or_default() })
}
