//! What people ask for and what is counted, as records of a kind with numbers of their own.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::State;
use crate::error::Result;

/// Most records of a kind. Nobody has another's go: of one's own those go that are done with, the
/// oldest first, then the oldest; beyond the bound of all, those of whoever has the most.
const MOST: Bounds = Bounds { of_one: 2_000, all: 20_000 };

#[derive(Debug, Clone, Copy)]
struct Bounds {
    of_one: i64,
    all: i64,
}

/// Whose a record is, for a path within it. What cannot be read is nobody's.
const OWNER: &str =
    "CAST(coalesce(CASE WHEN json_valid(record) THEN json_extract(record, ?2) END, '') AS TEXT)";

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

    /// Where a record says whose it is: the client's, or who announced it, as a change may concern
    /// many clients.
    fn owner(self) -> &'static str {
        match self {
            Self::Request | Self::Usage | Self::Contract | Self::Work => "$.client",
            Self::Notice => "$.by",
        }
    }

    /// Whether nobody waits for a record any more, as SQL.
    fn is_over(self) -> &'static str {
        match self {
            Self::Request => "json_extract(record, '$.clocks.started') IS NOT NULL",
            Self::Notice => {
                "json_extract(record, '$.cancelled') IS NOT NULL
                    OR json_extract(record, '$.end') <= unixepoch()"
            }
            Self::Usage | Self::Contract | Self::Work => "TRUE",
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
        self.add_within(MOST, kind, make)
    }

    fn add_within<T: Serialize>(
        &self,
        most: Bounds,
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
            make_room(&transaction, most, kind, number)?;
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

/// Removes what is too much with this newest record.
fn make_room(
    transaction: &rusqlite::Transaction<'_>,
    most: Bounds,
    kind: Kind,
    newest: i64,
) -> rusqlite::Result<()> {
    let query = "SELECT count(*) FROM records WHERE kind = ?1";
    let all: i64 = transaction.query_row(query, [kind.as_str()], |row| row.get(0))?;
    // To look at whose they are takes a while, and few boxes have so many.
    if all <= most.of_one {
        return Ok(());
    }
    let mut owners = transaction.prepare_cached(&format!(
        "SELECT {OWNER}, count(*), max(number) = ?3 FROM records WHERE kind = ?1
            GROUP BY 1 ORDER BY count(*) DESC, min(number)"
    ))?;
    let owners = owners.query_map(params![kind.as_str(), kind.owner(), newest], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, bool>(2)?))
    })?;
    let owners = owners.collect::<rusqlite::Result<Vec<_>>>()?;
    let own = owners.iter().find(|(_, have, is_own)| *is_own && *have > most.of_one);
    let (owner, gone) = match (own, owners.first()) {
        (Some((owner, have, _)), _) => (owner, *have - most.of_one),
        (None, Some((owner, ..))) if all > most.all => (owner, all - most.all),
        (None, _) => return Ok(()),
    };
    let is_over = kind.is_over();
    transaction.execute(
        &format!(
            "DELETE FROM records WHERE kind = ?1 AND number IN (
                SELECT number FROM records WHERE kind = ?1 AND {OWNER} = ?3 AND number < ?4
                ORDER BY CASE WHEN json_valid(record) THEN {is_over} ELSE TRUE END DESC, number
                LIMIT ?5)"
        ),
        params![kind.as_str(), kind.owner(), owner, newest, gone],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Numbers of what is kept.
    fn kept(state: &State, kind: Kind) -> Vec<u64> {
        let all: Vec<Value> = state.records(kind).unwrap();
        all.iter().filter_map(|record| record["id"].as_u64()).collect()
    }

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

    #[test]
    fn who_has_too_many_loses_his_own_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let most = Bounds { of_one: 3, all: 8 };
        let ask = |client: &str, started: Option<u64>| {
            let clocks = json!({ "requested": 1, "started": started });
            let make = |id: u64| json!({ "id": id, "client": client, "clocks": clocks });
            state.add_within(most, Kind::Request, make).unwrap();
            kept(&state, Kind::Request)
        };
        for (client, started) in [("globex", None), ("acme", None), ("acme", Some(7))] {
            ask(client, started);
        }
        assert_eq!(ask("acme", None), [1, 2, 3, 4]);
        assert_eq!(ask("acme", None), [1, 2, 4, 5], "what is done with goes first");
        assert_eq!(ask("acme", None), [1, 4, 5, 6], "then the oldest");
        for client in ["initech", "initech", "hooli"] {
            ask(client, None);
        }
        assert_eq!(ask("hooli", None), [1, 4, 5, 6, 7, 8, 9, 10]);
        // Beyond the bound of all, who has the most gives way, whoever comes.
        assert_eq!(ask("umbrella", None), [1, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(ask("umbrella", Some(7)), [1, 6, 7, 8, 9, 10, 11, 12]);
    }

    #[test]
    fn changes_are_bounded_by_who_announced_them_and_those_ahead_stay() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let announce = |by: &str, end: u64, cancelled: Option<u64>| {
            let make = |id: u64| json!({ "id": id, "by": by, "end": end, "cancelled": cancelled });
            let most = Bounds { of_one: 2, all: 8 };
            state.add_within(most, Kind::Notice, make).unwrap();
            kept(&state, Kind::Notice)
        };
        let far = 253_402_300_799;
        announce("tom", far, None);
        announce("ann", far, None);
        announce("ann", far, Some(5));
        assert_eq!(announce("ann", 1, None), [1, 2, 4], "what does not take place goes first");
        assert_eq!(announce("ann", far, None), [1, 2, 5], "so does what is over");
        assert_eq!(announce("ann", far, None), [1, 5, 6]);
    }
}
