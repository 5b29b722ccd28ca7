//! Accounts: who may sign in, and as what.

use model::Fingerprint;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::audit::append;
use super::{Audited, State};
use crate::error::Result;
use crate::role::Role;
use crate::secret::Hash;

/// Most accounts of one box.
pub(crate) const MOST_ACCOUNTS: usize = 256;

/// One account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Names of the plan's clients that it is bound to; empty if it is bound to none.
    pub(crate) clients: Vec<String>,
    pub(crate) password: Option<Hash>,
    /// The secret of its second factor, once that was proved.
    pub(crate) factor: Option<Vec<u8>>,
    /// The same before it was proved.
    pub(crate) factor_offered: Option<Vec<u8>>,
    /// The step of the last code that was good.
    pub(crate) factor_used: u64,
    /// Of the certificate that it signs in with.
    pub(crate) certificate: Option<String>,
    pub(crate) created: u64,
    /// When it ends, in seconds since 1970; 0 if never.
    pub(crate) expires: u64,
}

impl Account {
    pub(crate) fn new(name: &str, role: Role, now: u64) -> Self {
        Self {
            name: name.to_owned(),
            role,
            clients: Vec::new(),
            password: None,
            factor: None,
            factor_offered: None,
            factor_used: 0,
            certificate: None,
            created: now,
            expires: 0,
        }
    }

    /// Whether it is still good.
    pub(crate) fn is_good(&self, now: u64) -> bool {
        self.expires == 0 || now < self.expires
    }

    /// Whether what was shown for `other` would be right for this one, and let as much in.
    pub(crate) fn is_proved_like(&self, other: &Self) -> bool {
        let proof = |one: &Self| (one.password.clone(), one.factor.clone(), one.created);
        proof(self) == proof(other) && self.role == other.role
    }

    pub(crate) fn shows(&self, fingerprint: &Fingerprint) -> bool {
        self.certificate.as_deref() == Some(fingerprint.to_string().as_str())
    }
}

/// Whether an account can have this name: what stands in a path and in a log as it is.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with(['.', '-'])
}

impl State {
    /// All accounts, by name. One that cannot be read, of another version, say, is none.
    pub(crate) fn accounts(&self) -> Result<Vec<Account>> {
        let texts = self.read(|connection| {
            let mut rows =
                connection.prepare_cached("SELECT account FROM accounts ORDER BY name")?;
            let texts = rows.query_map([], |row| row.get::<_, String>(0))?;
            texts.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// Whether there is any, one that cannot be read included.
    pub(crate) fn has_accounts(&self) -> Result<bool> {
        self.read(|connection| {
            connection.query_row("SELECT count(*) > 0 FROM accounts", [], |row| row.get(0))
        })
    }

    /// Makes the owner of a box that has none, and writes down that it was so: both or neither.
    /// Whether there was no account.
    pub(crate) fn claim(&self, account: &Account, entry: Audited) -> Result<bool> {
        let text = serde_json::to_string(account).unwrap_or_default();
        self.run(|connection| {
            let transaction = connection.transaction()?;
            let added = transaction.execute(
                "INSERT INTO accounts SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM accounts)",
                params![account.name, text],
            )?;
            if added == 1 {
                append(&transaction, account.created, entry)?;
                transaction.commit()?;
            }
            Ok(added == 1)
        })
    }

    pub(crate) fn account(&self, name: &str) -> Result<Option<Account>> {
        let text: Option<String> = self.read(|connection| {
            let mut row =
                connection.prepare_cached("SELECT account FROM accounts WHERE name = ?1")?;
            row.query_row([name], |row| row.get(0)).optional()
        })?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Adds an account. Whether there was none of this name.
    pub(crate) fn add_account(&self, account: &Account) -> Result<bool> {
        let text = serde_json::to_string(account).unwrap_or_default();
        let added = self.run(|connection| {
            connection.execute(
                "INSERT INTO accounts VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![account.name, text],
            )
        })?;
        Ok(added == 1)
    }

    /// Changes an account, all or nothing, and ends its sessions if `change` says so; `None` if
    /// there is none of this name.
    pub(crate) fn change_account<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Account) -> (T, bool),
    ) -> Result<Option<T>> {
        self.run(|connection| {
            let transaction = connection.transaction()?;
            let text: Option<String> = transaction
                .query_row("SELECT account FROM accounts WHERE name = ?1", [name], |row| row.get(0))
                .optional()?;
            let account = text.and_then(|text| serde_json::from_str::<Account>(&text).ok());
            let Some(mut account) = account else { return Ok(None) };
            let (done, ends) = change(&mut account);
            let text = serde_json::to_string(&account).unwrap_or_default();
            transaction
                .execute("UPDATE accounts SET account = ?2 WHERE name = ?1", params![name, text])?;
            if ends {
                transaction.execute("DELETE FROM sessions WHERE account = ?1", [name])?;
            }
            transaction.commit()?;
            Ok(Some(done))
        })
    }

    /// Removes an account with its sessions and tokens. Whether there was one.
    pub(crate) fn remove_account(&self, name: &str) -> Result<bool> {
        let removed = self
            .run(|connection| connection.execute("DELETE FROM accounts WHERE name = ?1", [name]))?;
        Ok(removed == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_come_back_and_take_their_sessions_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let owner = Account::new("owner", Role::Owner, 5);
        assert!(state.add_account(&owner).unwrap());
        assert!(!state.add_account(&Account::new("owner", Role::Device, 6)).unwrap());
        let changed = state.change_account("owner", |account| {
            account.clients = vec!["acme".to_owned()];
            (account.role, false)
        });
        assert_eq!(changed.unwrap(), Some(Role::Owner));
        drop(state);
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.account("owner").unwrap().unwrap().clients, ["acme"]);
        assert!(state.remove_account("owner").unwrap());
        assert!(!state.remove_account("owner").unwrap());
        assert_eq!(state.accounts().unwrap().len(), 0);
    }

    #[test]
    fn a_damaged_file_is_told_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("manage.sqlite"), [7; 8192]).unwrap();
        let error = State::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("factory reset"), "{error}");
        assert_eq!(std::fs::read(folder.path().join("manage.sqlite")).unwrap(), [7; 8192]);
    }

    #[test]
    fn names_are_those_that_a_log_can_hold() {
        assert!(["owner", "a.b-c_d@example.com", "7"].iter().all(|name| is_name(name)));
        for name in ["", ".", "-x", "a b", "a/b", "ä", "a\n", &"x".repeat(65)] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
