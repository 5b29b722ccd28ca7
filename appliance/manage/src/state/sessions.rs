//! Sessions of people and tokens of programs. What is kept of either opens nothing.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{Account, State};
use crate::error::Result;

/// Most sessions and tokens of one account; of sessions the oldest goes.
const MOST: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Of a person: ends a while after the last request.
    Session,
    /// Of a program: ends when it was said to.
    Token,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) kind: Kind,
    /// Names it, and opens nothing: digits of the trace of its token.
    pub(crate) id: String,
    pub(crate) account: String,
    /// What a token is for; empty for sessions.
    pub(crate) purpose: String,
    pub(crate) created: u64,
    /// Seconds since 1970.
    pub(crate) expires: u64,
}

impl State {
    /// Keeps a session by the trace of its token, if the account is as it was when it was proved:
    /// who had its password changed meanwhile has ended this session, too. False if it is not, or
    /// has too many tokens.
    pub(crate) fn add_session(
        &self,
        trace: &[u8; 32],
        session: &Session,
        proved: &Account,
    ) -> Result<bool> {
        let have = self.sessions(&session.account)?;
        let of_kind = have.iter().filter(|have| have.kind == session.kind);
        if of_kind.clone().count() >= MOST {
            if session.kind == Kind::Token {
                return Ok(false);
            }
            if let Some(oldest) = of_kind.min_by_key(|have| have.created) {
                self.remove_session(&oldest.id, &session.account)?;
            }
        }
        let text = serde_json::to_string(session).unwrap_or_default();
        self.run(|connection| {
            let transaction = connection.transaction()?;
            let query = "SELECT account FROM accounts WHERE name = ?1";
            let account: Option<String> =
                transaction.query_row(query, [&session.account], |row| row.get(0)).optional()?;
            let account = account.and_then(|text| serde_json::from_str::<Account>(&text).ok());
            if !account.is_some_and(|account| account.is_proved_like(proved)) {
                return Ok(false);
            }
            transaction.execute(
                "INSERT INTO sessions VALUES (?1, ?2, ?3)",
                params![trace.as_slice(), session.account, text],
            )?;
            transaction.commit()?;
            Ok(true)
        })
    }

    pub(crate) fn session(&self, trace: &[u8; 32]) -> Result<Option<Session>> {
        let text: Option<String> = self.read(|connection| {
            let mut row =
                connection.prepare_cached("SELECT session FROM sessions WHERE trace = ?1")?;
            row.query_row([trace.as_slice()], |row| row.get(0)).optional()
        })?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// All of one account.
    pub(crate) fn sessions(&self, account: &str) -> Result<Vec<Session>> {
        let texts = self.read(|connection| {
            let mut rows =
                connection.prepare_cached("SELECT session FROM sessions WHERE account = ?1")?;
            let texts = rows.query_map([account], |row| row.get::<_, String>(0))?;
            texts.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// Ends one of an account. Whether there was one.
    pub(crate) fn remove_session(&self, id: &str, account: &str) -> Result<bool> {
        let removed = self.run(|connection| {
            connection.execute(
                "DELETE FROM sessions WHERE account = ?1 AND json_extract(session, '$.id') = ?2",
                params![account, id],
            )
        })?;
        Ok(removed > 0)
    }

    /// Ends a session of whatever account. One that was used again meanwhile is not spared: its
    /// next request says so.
    pub(crate) fn end_session(&self, id: &str) -> Result<()> {
        self.run(|connection| {
            connection
                .execute("DELETE FROM sessions WHERE json_extract(session, '$.id') = ?1", [id])
        })?;
        Ok(())
    }

    /// Removes what is over.
    pub(crate) fn sweep_sessions(&self, now: u64) -> Result<()> {
        self.run(|connection| {
            connection.execute(
                "DELETE FROM sessions WHERE json_extract(session, '$.expires') <= ?1",
                [now.cast_signed()],
            )
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;

    fn session(kind: Kind, number: u64) -> ([u8; 32], Session) {
        let mut trace = [0; 32];
        trace[..8].copy_from_slice(&number.to_be_bytes());
        trace[8] = kind as u8;
        let session = Session {
            kind,
            id: format!("{}{number}", kind as u8),
            account: "owner".to_owned(),
            purpose: String::new(),
            created: number,
            expires: 100 + number,
        };
        (trace, session)
    }

    #[test]
    fn sessions_are_bounded_swept_and_end_with_their_account() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let owner = Account::new("owner", Role::Owner, 0);
        state.add_account(&owner).unwrap();
        for number in 0..=MOST as u64 {
            for kind in [Kind::Session, Kind::Token] {
                let (trace, session) = session(kind, number);
                let added = state.add_session(&trace, &session, &owner).unwrap();
                assert_eq!(added, kind == Kind::Session || number < MOST as u64);
            }
        }
        assert_eq!(state.sessions("owner").unwrap().len(), 2 * MOST);
        assert_eq!(state.session(&session(Kind::Session, 0).0).unwrap(), None);
        let (trace, last) = session(Kind::Session, MOST as u64);
        assert_eq!(state.session(&trace).unwrap(), Some(last.clone()));
        state.sweep_sessions(100 + MOST as u64 - 1).unwrap();
        assert_eq!(state.sessions("owner").unwrap(), std::slice::from_ref(&last));
        assert!(!state.remove_session(&last.id, "another").unwrap());
        assert!(state.remove_session(&last.id, "owner").unwrap());
        state.add_session(&trace, &last, &owner).unwrap();
        state.remove_account("owner").unwrap();
        assert_eq!(state.session(&trace).unwrap(), None);
    }

    #[test]
    fn who_was_proved_by_what_does_not_hold_any_more_gets_no_session() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let before = Account::new("owner", Role::Owner, 0);
        let (trace, session) = session(Kind::Session, 1);
        assert!(!state.add_session(&trace, &session, &before).unwrap(), "there is no such account");
        state.add_account(&before).unwrap();
        let change = |account: &mut Account| (account.factor = Some(vec![7]), true);
        state.change_account("owner", change).unwrap();
        assert!(!state.add_session(&trace, &session, &before).unwrap());
        let after = state.account("owner").unwrap().unwrap();
        assert!(state.add_session(&trace, &session, &after).unwrap());
    }
}
