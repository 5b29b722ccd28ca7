//! The outbox's file: opened, made, or put aside.

use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use rusqlite::Connection;

use crate::error::{NotifyError, Result};
use crate::event::hex;

/// Marks the file as ours ("HfNo").
const APPLICATION: i32 = 0x4866_4e6f;

/// The tables. A newer version may add steps; none is ever changed. Numbers of deliveries are
/// never given twice, as receivers go by them.
const STEPS: [&str; 2] = [
    "CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        channel TEXT NOT NULL,
        severity INTEGER NOT NULL,
        made INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        next INTEGER NOT NULL,
        notice TEXT NOT NULL
     ) STRICT;
     CREATE INDEX deliveries_channel ON deliveries (channel, id);
     CREATE TABLE channels (
        name TEXT PRIMARY KEY,
        last_success INTEGER,
        last_failure INTEGER,
        failing_since INTEGER,
        fails INTEGER NOT NULL DEFAULT 0,
        cause TEXT NOT NULL DEFAULT '',
        dropped INTEGER NOT NULL DEFAULT 0,
        given_up INTEGER NOT NULL DEFAULT 0
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE small (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;",
    "CREATE TABLE receipts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        number INTEGER NOT NULL,
        client TEXT NOT NULL,
        at INTEGER NOT NULL
     ) STRICT;",
];

/// Opens the file, or makes it. A damaged one gets another name, which is given too.
pub(super) fn open(path: &Path) -> Result<(Connection, Option<PathBuf>)> {
    match prepare(path) {
        Ok(connection) => Ok((connection, None)),
        Err(error) if is_damage(&error) => {
            let aside = put_aside(path)?;
            log::error!(
                "{} is damaged ({error}) and is now {}: what was waiting there is not sent, and \
                 alerts that are still there are told again",
                path.display(),
                aside.display()
            );
            Ok((prepare(path).map_err(failed(path))?, Some(aside)))
        }
        Err(error) => Err(failed(path)(error)),
    }
}

pub(super) fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> NotifyError {
    move |source| NotifyError::State { path: path.to_owned(), source }
}

fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.query_row("PRAGMA quick_check(1)", [], |row| {
        match row.get::<_, String>(0)?.as_str() {
            "ok" => Ok(()),
            _ => Err(rusqlite::Error::InvalidQuery),
        }
    })?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let transaction = connection.transaction()?;
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    // Another file, begun after this one was lost, gives other names to its deliveries.
    transaction.execute("INSERT OR IGNORE INTO small VALUES ('instance', ?1)", [instance()])?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", done.max(STEPS.len()) as i64)?;
    transaction.commit()?;
    Ok(connection)
}

fn instance() -> String {
    let mut bytes = [0; 8];
    // Without randomness the numbers alone tell deliveries apart.
    let _ = rand::fill(&mut bytes);
    hex(&bytes)
}

/// Whether the file itself is bad, not its folder, its permissions or the room for it.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error {
        rusqlite::Error::InvalidQuery => true,
        error => matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)),
    }
}

/// Gives a damaged file, and what SQLite keeps beside it, another name.
fn put_aside(path: &Path) -> Result<PathBuf> {
    let beside = |path: &Path, end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let free = (1..).map(|number| beside(path, &format!(".damaged-{number}")));
    let aside = free.into_iter().find(|aside| !aside.exists()).unwrap_or_default();
    let moved = std::fs::rename(path, &aside);
    moved.map_err(|source| NotifyError::File { path: path.to_owned(), source })?;
    for end in ["-wal", "-shm"] {
        // They belong to what was put aside, and may not be there.
        let _ = std::fs::rename(beside(path, end), beside(&aside, end));
    }
    Ok(aside)
}
