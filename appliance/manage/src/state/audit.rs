//! The audit log: what was asked for and what came of it, each entry bound to the one before.
//!
//! An entry holds the hash of its predecessor, so that none can be changed, left out or put in
//! later without all that follow being made anew; who keeps the newest hash elsewhere, as the
//! export of an auditor does, would see that. What is asked for is written down before it is done.

use std::io::{BufRead, Read};

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::State;
use crate::error::Result;

/// Most entries. The oldest go in groups, and the log then begins with an entry whose predecessor
/// is not there any more.
const MOST: u64 = 500_000;

/// How many go at once.
const GROUP: u64 = 1_000;

/// What the first entry has for a predecessor.
const NONE: [u8; 32] = [0; 32];

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// From 1, without gaps.
    pub(crate) sequence: u64,
    /// Hash of the entry before, in hexadecimal digits.
    pub(crate) before: String,
    /// When, by the clock of the box, in seconds since 1970.
    pub(crate) at: u64,
    #[serde(flatten)]
    pub(crate) what: Audited,
}

/// What an entry says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audited {
    /// The account, as it called itself if it was let in nowhere.
    pub(crate) account: String,
    pub(crate) role: String,
    /// The address of who asked.
    pub(crate) from: String,
    /// `asked`, and then `done` or the word of a problem; `told` for what nobody asked for.
    pub(crate) outcome: String,
    /// Method and path.
    pub(crate) what: String,
    /// Facts of it, without secrets; or the problem.
    pub(crate) facts: String,
    /// The client whom it concerns; empty if it is about the appliance.
    pub(crate) client: String,
}

/// Entries as they are kept, with what proves them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// Number and hash of the newest entry of all.
    pub(crate) newest: u64,
    pub(crate) hash: String,
}

/// What is wrong with a copy of the log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("line {line} is no entry of an audit log")]
    Unread { line: usize },
    #[error("entry {sequence} is not where it was: entries were left out, put in or moved")]
    Order { sequence: u64 },
    #[error("entry {sequence} does not hold the hash of the one before: one of both was changed")]
    Chain { sequence: u64 },
}

/// Hash of an entry as it is written.
fn hash(text: &str) -> [u8; 32] {
    blake3::derive_key("holdfast manage 2026 audit", text.as_bytes())
}

fn digits(hash: [u8; 32]) -> String {
    blake3::Hash::from_bytes(hash).to_hex().to_string()
}

/// Longest entry, in bytes.
const ENTRY: u64 = 64 << 10;

/// Checks an export, one entry a line: number of entries and the hash of the last.
pub(crate) fn check(mut from: impl BufRead) -> std::result::Result<(u64, String), Broken> {
    let (mut count, mut last): (u64, Option<(u64, String)>) = (0, None);
    for line in 1.. {
        let mut read = String::new();
        from.by_ref().take(ENTRY).read_line(&mut read).map_err(|_| Broken::Unread { line })?;
        if read.is_empty() {
            break;
        }
        let text = read.trim_end_matches('\n');
        let entry: Entry = serde_json::from_str(text).map_err(|_| Broken::Unread { line })?;
        if let Some((sequence, before)) = &last {
            if entry.sequence != sequence + 1 {
                return Err(Broken::Order { sequence: entry.sequence });
            }
            if entry.before != *before {
                return Err(Broken::Chain { sequence: entry.sequence });
            }
        }
        count += 1;
        last = Some((entry.sequence, digits(hash(text))));
    }
    Ok((count, last.map(|(_, hash)| hash).unwrap_or_default()))
}

/// Appends an entry within a transaction; its number.
pub(super) fn append(
    transaction: &rusqlite::Transaction<'_>,
    at: u64,
    what: Audited,
) -> rusqlite::Result<u64> {
    let last: Option<(i64, [u8; 32])> = transaction
        .query_row("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (last, before) = last.unwrap_or((0, NONE));
    let sequence = last.cast_unsigned() + 1;
    let entry = Entry { sequence, before: digits(before), at, what };
    let text = serde_json::to_string(&entry).unwrap_or_default();
    transaction.execute(
        "INSERT INTO audit VALUES (?1, ?2, ?3)",
        params![sequence.cast_signed(), text, hash(&text)],
    )?;
    if sequence > MOST && sequence % GROUP == 0 {
        let gone = sequence - MOST;
        transaction.execute("DELETE FROM audit WHERE sequence <= ?1", [gone.cast_signed()])?;
    }
    Ok(sequence)
}

impl State {
    /// Appends an entry, durably; its number.
    pub(crate) fn audit(&self, at: u64, what: Audited) -> Result<u64> {
        self.run(|connection| {
            let transaction = connection.transaction()?;
            let sequence = append(&transaction, at, what)?;
            transaction.commit()?;
            Ok(sequence)
        })
    }

    /// At most `most` entries behind number `after`.
    pub(crate) fn audited(&self, after: u64, most: usize) -> Result<Page> {
        let (texts, newest) = self.read(|connection| {
            let mut rows = connection.prepare_cached(
                "SELECT entry FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            )?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let after = i64::try_from(after).unwrap_or(i64::MAX);
            let texts = rows.query_map([after, most], |row| row.get::<_, String>(0))?;
            let texts = texts.collect::<rusqlite::Result<Vec<_>>>()?;
            let newest: Option<(i64, [u8; 32])> = connection
                .query_row(
                    "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            Ok((texts, newest))
        })?;
        let (newest, hash) = newest.unwrap_or((0, NONE));
        let entries = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        Ok(Page { entries, newest: newest.cast_unsigned(), hash: digits(hash) })
    }

    /// The same as they are kept, one a line, and the number of the last.
    pub(crate) fn audit_lines(&self, after: u64, most: usize) -> Result<(String, u64)> {
        self.read(|connection| {
            let mut rows = connection.prepare_cached(
                "SELECT entry, sequence FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            )?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let start = i64::try_from(after).unwrap_or(i64::MAX);
            let mut rows = rows.query([start, most])?;
            let (mut lines, mut last) = (String::new(), after);
            while let Some(row) = rows.next()? {
                lines.push_str(row.get_ref(0)?.as_str()?);
                lines.push('\n');
                last = row.get::<_, i64>(1)?.cast_unsigned();
            }
            Ok((lines, last))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (tempfile::TempDir, State, String) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        for number in 0..5 {
            let what = Audited { what: format!("POST /{number}"), ..Audited::default() };
            assert_eq!(state.audit(number, what).unwrap(), number + 1);
        }
        let (lines, last) = state.audit_lines(0, 100).unwrap();
        assert_eq!(last, 5);
        (folder, state, lines)
    }

    #[test]
    fn a_log_that_nobody_touched_is_whole_and_ends_with_the_hash_that_was_told() {
        let (_folder, state, lines) = log();
        let page = state.audited(2, 2).unwrap();
        assert_eq!(page.entries.iter().map(|e| e.sequence).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(check(lines.as_bytes()), Ok((5, page.hash)));
        assert_eq!(page.newest, 5);
        // The end of a log is one, too.
        assert_eq!(check(state.audit_lines(3, 9).unwrap().0.as_bytes()).unwrap().0, 2);
    }

    #[test]
    fn whatever_is_changed_left_out_or_put_in_is_seen() {
        let (_folder, _state, lines) = log();
        let changed = lines.replacen("/2", "/9", 1);
        assert_eq!(check(changed.as_bytes()), Err(Broken::Chain { sequence: 4 }));
        let all: Vec<&str> = lines.lines().collect();
        let without = [all[0], all[1], all[3]].join("\n");
        assert_eq!(check(without.as_bytes()), Err(Broken::Order { sequence: 4 }));
        let twice = [all[0], all[0]].join("\n");
        assert_eq!(check(twice.as_bytes()), Err(Broken::Order { sequence: 1 }));
        assert_eq!(check(&b"{}"[..]), Err(Broken::Unread { line: 1 }));
    }
}
