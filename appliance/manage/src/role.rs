//! Who may do what: roles.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an account is for. It may be bound to clients, and then sees nothing of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// Everything, accounts included.
    Owner,
    /// The MSP's: everything but accounts.
    Technician,
    /// The client's: looks, restores, takes backups.
    ClientTechnician,
    /// The client's contact: looks.
    ClientReader,
    /// Looks, at evidence and the audit log above all.
    Auditor,
    /// A program that watches the box.
    Device,
}

impl Role {
    pub(crate) const ALL: &[Self] = &[
        Self::Owner,
        Self::Technician,
        Self::ClientTechnician,
        Self::ClientReader,
        Self::Auditor,
        Self::Device,
    ];

    /// The words of all.
    pub(crate) const WORDS: &[&str] =
        &["owner", "technician", "client-technician", "client-reader", "auditor", "device"];

    pub(crate) fn as_str(self) -> &'static str {
        let at = Self::ALL.iter().position(|role| *role == self);
        at.and_then(|at| Self::WORDS.get(at)).copied().unwrap_or_default()
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == word)
    }

    /// Whether an account of this role is always bound to clients.
    pub(crate) fn is_of_client(self) -> bool {
        matches!(self, Self::ClientTechnician | Self::ClientReader)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The MSP's people.
pub(crate) const DESK: &[Role] = &[Role::Owner, Role::Technician];
/// Who may ask for data back.
pub(crate) const RESTORERS: &[Role] = &[Role::Owner, Role::Technician, Role::ClientTechnician];
/// People who may say that they want something back.
pub(crate) const ASKERS: &[Role] =
    &[Role::Owner, Role::Technician, Role::ClientTechnician, Role::ClientReader];
/// People who look.
pub(crate) const READERS: &[Role] =
    &[Role::Owner, Role::Technician, Role::ClientTechnician, Role::ClientReader, Role::Auditor];
/// Who sees the evidence.
pub(crate) const WITNESSES: &[Role] = &[Role::Owner, Role::Technician, Role::Auditor];
pub(crate) const OWNER: &[Role] = &[Role::Owner];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_its_word() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(*role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!(Role::parse("root"), None);
    }
}
