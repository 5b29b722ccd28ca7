//! What is kept over restarts: accounts, sessions, tokens, and the audit log.
//!
//! SQLite, with every commit durable: an account that was removed must not be there again after a
//! power failure.

mod accounts;
mod audit;
mod records;
mod sessions;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::error::{ManageError, Result};

pub(crate) use accounts::{Account, MOST_ACCOUNTS, is_name};
pub use audit::Broken;
pub(crate) use audit::{Audited, Entry, check};
pub(crate) use records::Kind as RecordKind;
pub(crate) use sessions::{Kind as SessionKind, Session};

/// Marks the file as ours ("HfMa").
const APPLICATION: i32 = 0x4866_4d61;

/// The tables. A newer version may add steps; none is ever changed.
const STEPS: [&str; 2] = [
    "CREATE TABLE accounts (name TEXT PRIMARY KEY, account TEXT NOT NULL)
        STRICT, WITHOUT ROWID;
     CREATE TABLE sessions (
        trace BLOB PRIMARY KEY,
        account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        session TEXT NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX sessions_account ON sessions (account);
     CREATE TABLE audit (sequence INTEGER PRIMARY KEY, entry TEXT NOT NULL, hash BLOB NOT NULL)
        STRICT;",
    "CREATE TABLE records (kind TEXT NOT NULL, number INTEGER NOT NULL, record TEXT NOT NULL,
        PRIMARY KEY (kind, number)) STRICT, WITHOUT ROWID;",
];

/// How long to wait for another process that has the file, as a copy of it may.
const BUSY: std::time::Duration = std::time::Duration::from_secs(5);

/// The state's file, open.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// For reading: nobody who looks waits for a disk that another's change is written to.
    reader: Mutex<Connection>,
    /// Held by who looks at all accounts, or contracts, before he changes one.
    changing: Mutex<()>,
}

impl State {
    /// Opens the file in `folder`, or makes it.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(|source| ManageError::File { path: folder.to_owned(), source })?;
        let path = folder.join("manage.sqlite");
        let failed = |source| ManageError::State { path: path.clone(), source };
        let connection = Mutex::new(prepare(&path).map_err(failed)?);
        let reader = Connection::open(&path).and_then(|reader| {
            reader.busy_timeout(BUSY)?;
            reader.pragma_update(None, "query_only", true)?;
            Ok(reader)
        });
        let reader = Mutex::new(reader.map_err(failed)?);
        Ok(Self { path, connection, reader, changing: Mutex::new(()) })
    }

    /// Forgets everything: accounts, sessions and the audit log.
    pub(crate) fn forget(folder: &Path) -> Result<()> {
        for name in ["manage.sqlite", "manage.sqlite-wal", "manage.sqlite-shm"] {
            let path = folder.join(name);
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ManageError::File { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// For whoever looks at all of a kind before he changes one.
    pub(crate) fn alone(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|source| self.failed(source))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        work(&reader).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> ManageError {
        ManageError::State { path: self.path.clone(), source }
    }
}

fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction()?;
    let application: i32 = transaction.pragma_query_value(None, "application_id", |r| r.get(0))?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |r| r.get(0))?;
    if application != APPLICATION && (application, version) != (0, 0) {
        return Err(rusqlite::Error::InvalidQuery);
    }
    for step in STEPS.iter().skip(version as usize) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    // A newer version that was here before has done steps that are not to be done again.
    transaction.pragma_update(None, "user_version", version.max(STEPS.len() as u32))?;
    transaction.commit()?;
    Ok(connection)
}
