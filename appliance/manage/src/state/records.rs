//! What people ask for and what is counted, as records of a kind with numbers of their own.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::State;
use crate::error::Result;

/// Most records of a kind. The oldest go.
const MOST: i64 = 20_000;

/// A kind of records, by the name that it is kept under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Restores that somebody asked for.
    Request,
    /// Readings of what clients use.
    Usage,
    /// Changes that are planned.
    Notice,
    /// What was agreed with clients.
    Contract,
    /// Work that was done for clients.
    Work,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Usage => "usage",
            Self::Notice => "notice",
            Self::Contract => "contract",
            Self::Work => "work",
        }
    }
}

impl State {
    /// Keeps a new record; its number, which is never used twice.
    pub(crate) fn add_record<T: Serialize>(
        &self,
        kind: Kind,
        make: impl FnOnce(u64) -> T,
    ) -> Result<u64> {
        self.run(|connection| {
            let transaction = connection.transaction()?;
            let last: i64 = transaction.query_row(
                "SELECT coalesce(max(number), 0) FROM records WHERE kind = ?1",
                [kind.as_str()],
                |row| row.get(0),
            )?;
            let number = last + 1;
            let text = serde_json::to_string(&make(number.cast_unsigned())).unwrap_or_default();
            let row = params![kind.as_str(), number, text];
            transaction.execute("INSERT INTO records VALUES (?1, ?2, ?3)", row)?;
            transaction.execute(
                "DELETE FROM records WHERE kind = ?1 AND number <= ?2",
                params![kind.as_str(), number - MOST],
            )?;
            transaction.commit()?;
            Ok(number.cast_unsigned())
        })
    }

    /// All of a kind that can be read, by their numbers.
    pub(crate) fn records<T: DeserializeOwned>(&self, kind: Kind) -> Result<Vec<T>> {
        let texts = self.read(|connection| {
            let mut rows = connection
                .prepare_cached("SELECT record FROM records WHERE kind = ?1 ORDER BY number")?;
            let texts = rows.query_map([kind.as_str()], |row| row.get::<_, String>(0))?;
            texts.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// Changes a record unless `change` fails; `None` if there is none of this number.
    pub(crate) fn change_record<T: Serialize + DeserializeOwned, E>(
        &self,
        kind: Kind,
        number: u64,
        change: impl FnOnce(&mut T) -> std::result::Result<(), E>,
    ) -> Result<Option<std::result::Result<(), E>>> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.run(|connection| {
            let transaction = connection.transaction()?;
            let text: Option<String> = transaction
                .query_row(
                    "SELECT record FROM records WHERE kind = ?1 AND number = ?2",
                    params![kind.as_str(), number],
                    |row| row.get(0),
                )
                .optional()?;
            let record = text.and_then(|text| serde_json::from_str::<T>(&text).ok());
            let Some(mut record) = record else { return Ok(None) };
            let changed = change(&mut record);
            if changed.is_ok() {
                let text = serde_json::to_string(&record).unwrap_or_default();
                transaction.execute(
                    "UPDATE records SET record = ?3 WHERE kind = ?1 AND number = ?2",
                    params![kind.as_str(), number, text],
                )?;
                transaction.commit()?;
            }
            Ok(Some(changed))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_numbers_of_their_kind_and_change_or_stay() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.add_record(Kind::Request, |number| number * 10).unwrap(), 1);
        assert_eq!(state.add_record(Kind::Request, |number| number * 10).unwrap(), 2);
        assert_eq!(state.add_record(Kind::Usage, |_| "a").unwrap(), 1);
        let change = |number, by: u64| {
            state.change_record(Kind::Request, number, |have: &mut u64| {
                *have += by;
                if by > 5 { Err("too much") } else { Ok(()) }
            })
        };
        assert_eq!(change(2, 5).unwrap(), Some(Ok(())));
        assert_eq!(change(2, 6).unwrap(), Some(Err("too much")));
        assert_eq!(change(3, 1).unwrap(), None);
        drop(state);
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.records::<u64>(Kind::Request).unwrap(), [10, 25]);
        assert_eq!(state.records::<String>(Kind::Usage).unwrap(), ["a"]);
    }
}
