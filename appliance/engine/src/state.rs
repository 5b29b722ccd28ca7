//! What the engine remembers over restarts: jobs, and small values such as the book of alerts.
//!
//! SQLite, because this is bookkeeping and no backup: a restore needs nothing of it. A file that is
//! damaged is put aside and a new one begun; recovery points, policies and holds are in the pool.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{EngineError, Result};
use crate::jobs::Job;

/// Marks the file as ours ("HfSt").
const APPLICATION: i32 = 0x4866_5374;

/// The tables below. A newer engine may add steps; none is ever changed.
const STEPS: [&str; 1] = ["CREATE TABLE jobs (
        number INTEGER PRIMARY KEY,
        over INTEGER NOT NULL,
        job TEXT NOT NULL
     ) STRICT;
     CREATE INDEX jobs_over ON jobs (over, number);
     CREATE TABLE small (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"];

/// Jobs that are over and kept for the history.
const HISTORY: i64 = 10_000;

/// Jobs that are over and listed again after a restart.
const LISTED: i64 = 200;

/// The state's file, open.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// Where a damaged file went.
    pub(crate) put_aside: Option<PathBuf>,
}

impl State {
    /// Opens the file, or makes it. One that is damaged is put aside under another name.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        match prepare(path) {
            Ok(connection) => Ok(Self {
                path: path.to_owned(),
                connection: Mutex::new(connection),
                put_aside: None,
            }),
            Err(error) if is_damage(&error) => {
                let aside = put_aside(path)?;
                let connection = prepare(path).map_err(failed(path))?;
                let connection = Mutex::new(connection);
                Ok(Self { path: path.to_owned(), connection, put_aside: Some(aside) })
            }
            Err(error) => Err(failed(path)(error)),
        }
    }

    /// The jobs to go on with: those that are not over, and the last that are, oldest first; and
    /// the first number that was never given.
    pub(crate) fn jobs(&self) -> Result<(Vec<Job>, u64)> {
        let connection = self.connection();
        let read = || {
            let last: Option<i64> =
                connection.query_row("SELECT max(number) FROM jobs", [], |row| row.get(0))?;
            let mut rows = connection.prepare(
                "SELECT job FROM jobs WHERE over = 0 UNION ALL SELECT job FROM
                 (SELECT job FROM jobs WHERE over = 1 ORDER BY number DESC LIMIT ?1)",
            )?;
            let texts = rows.query_map([LISTED], |row| row.get::<_, String>(0))?;
            let texts: rusqlite::Result<Vec<String>> = texts.collect();
            Ok((texts?, last.unwrap_or(0)))
        };
        let (texts, last) = read().map_err(failed(&self.path))?;
        // What an older or newer engine wrote and this one cannot read is history, not work.
        let jobs = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        Ok((jobs, u64::try_from(last).unwrap_or(0) + 1))
    }

    /// Keeps jobs as they are now, all or none of them.
    pub(crate) fn keep_jobs<'a>(&self, jobs: impl Iterator<Item = &'a Job>) -> Result<()> {
        let mut connection = self.connection();
        let write = || {
            let transaction = connection.transaction()?;
            for job in jobs {
                let text = serde_json::to_string(job).unwrap_or_default();
                transaction.execute(
                    "INSERT INTO jobs VALUES (?1, ?2, ?3) ON CONFLICT (number)
                     DO UPDATE SET over = ?2, job = ?3",
                    params![job.number.cast_signed(), job.state.is_over(), text],
                )?;
            }
            transaction.execute(
                "DELETE FROM jobs WHERE over = 1 AND number <=
                 (SELECT number FROM jobs WHERE over = 1 ORDER BY number DESC LIMIT 1 OFFSET ?1)",
                [HISTORY],
            )?;
            transaction.commit()
        };
        write().map_err(failed(&self.path))
    }

    /// A small text, as it was kept.
    fn small(&self, key: &str) -> Result<Option<String>> {
        let found =
            self.connection()
                .query_row("SELECT value FROM small WHERE key = ?1", [key], |row| row.get(0));
        found.optional().map_err(failed(&self.path))
    }

    /// Keeps a small text.
    fn keep_small(&self, key: &str, value: &str) -> Result<()> {
        let kept = self.connection().execute(
            "INSERT INTO small VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
            [key, value],
        );
        kept.map(|_| ()).map_err(failed(&self.path))
    }

    /// A value as it was kept. One that cannot be read, of another version, say, is put aside.
    pub(crate) fn value<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(text) = self.small(key)? else { return Ok(None) };
        match serde_json::from_str(&text) {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                let aside = format!("{key}.unread");
                log::error!("what was kept of {key} cannot be read, it is now {aside}: {error}");
                self.keep_small(&aside, &text)?;
                Ok(None)
            }
        }
    }

    /// Keeps a value.
    pub(crate) fn keep_value(&self, key: &str, value: &impl Serialize) -> Result<()> {
        // Maps with keys that are texts, numbers and texts always have a JSON form.
        self.keep_small(key, &serde_json::to_string(value).unwrap_or_default())
    }

    /// Whether the file answers.
    pub(crate) fn answers(&self) -> bool {
        self.connection().query_row("SELECT 1", [], |row| row.get::<_, i64>(0)).is_ok()
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> EngineError {
    move |source| EngineError::State { path: path.to_owned(), source }
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
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", done.max(STEPS.len()) as i64)?;
    transaction.commit()?;
    Ok(connection)
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
    moved.map_err(|source| EngineError::File { path: path.to_owned(), source })?;
    for end in ["-wal", "-shm"] {
        // They belong to what was put aside, and may not be there.
        let _ = std::fs::rename(beside(path, end), beside(&aside, end));
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{JobState, Limits, Moment, Queue, Retry, Work};

    fn some_jobs(count: u32) -> Vec<Job> {
        let now = Moment { running: 1, wall: 2 };
        let mut queue = Queue::new(Limits::default(), Vec::new(), 1, now);
        for deep in 0..count {
            let work = Work::Scrub { duty: deep, seconds: None, new: false };
            queue.submit(work, "", Retry::NEVER, 60, now).unwrap();
        }
        queue.jobs().cloned().collect()
    }

    #[test]
    fn jobs_are_there_again_after_a_restart_and_numbers_are_not_given_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let mut jobs = some_jobs(3);
        jobs[0].state = JobState::Done;
        State::open(&path).unwrap().keep_jobs(jobs.iter()).unwrap();
        let state = State::open(&path).unwrap();
        let (mut found, next) = state.jobs().unwrap();
        found.sort_by_key(|job| job.number);
        assert_eq!((found, next), (jobs, 4));
        assert!(state.answers() && state.put_aside.is_none());
    }

    #[test]
    fn a_value_that_cannot_be_read_is_put_aside_and_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.sqlite")).unwrap();
        state.keep_value("exports", &vec!["one"]).unwrap();
        assert_eq!(state.value::<Vec<String>>("exports").unwrap(), Some(vec!["one".to_owned()]));
        assert_eq!(state.value::<u64>("exports").unwrap(), None);
        state.keep_value("exports", &7).unwrap();
        assert_eq!(state.small("exports.unread").unwrap().as_deref(), Some("[\"one\"]"));
        assert_eq!(state.value::<u64>("exports").unwrap(), Some(7));
    }

    #[test]
    fn a_small_value_is_the_one_that_was_kept_last() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.sqlite")).unwrap();
        assert_eq!(state.small("alerts").unwrap(), None);
        for value in ["one", "two"] {
            state.keep_small("alerts", value).unwrap();
        }
        assert_eq!(state.small("alerts").unwrap().as_deref(), Some("two"));
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_a_new_one_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        for number in 1..3 {
            std::fs::write(&path, b"this is no database, whatever it was before").unwrap();
            let state = State::open(&path).unwrap();
            assert!(state.answers() && state.jobs().unwrap().0.is_empty());
            let aside = folder.path().join(format!("state.sqlite.damaged-{number}"));
            assert_eq!(state.put_aside.as_deref(), Some(aside.as_path()));
            assert!(std::fs::read(aside).unwrap().starts_with(b"this is no database"));
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let error = State::open(&folder.path().join("missing/state.sqlite")).unwrap_err();
        assert!(matches!(error, EngineError::State { .. }), "{error}");
    }
}
