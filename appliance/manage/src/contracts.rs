//! What was agreed with clients, and the work that was done for them.

use report::{Contract, Work};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::state::{RecordKind, State};

/// What was agreed with one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agreed {
    number: u64,
    client: String,
    /// None when it was ended.
    pub(crate) contract: Option<Contract>,
}

/// Work with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) number: u64,
    #[serde(flatten)]
    pub(crate) of: Work,
}

/// The contracts in force.
pub(crate) fn all(state: &State) -> Result<Vec<Contract>> {
    let agreed: Vec<Agreed> = state.records(RecordKind::Contract)?;
    Ok(agreed.into_iter().filter_map(|agreed| agreed.contract).collect())
}

/// Puts a contract in the place of that of its client, or ends it. Whether there was one.
pub(crate) fn put(state: &State, client: &str, contract: Option<Contract>) -> Result<bool> {
    let _alone = state.alone();
    let agreed: Vec<Agreed> = state.records(RecordKind::Contract)?;
    match agreed.iter().find(|agreed| agreed.client == client) {
        Some(agreed) => {
            let changed = state.change_record(RecordKind::Contract, agreed.number, |agreed| {
                let Agreed { contract: before, .. } = agreed;
                *before = contract;
                Ok::<_, std::convert::Infallible>(())
            });
            changed.map(|_| agreed.contract.is_some())
        }
        None if contract.is_none() => Ok(false),
        None => {
            let client = client.to_owned();
            let make = |number| Agreed { number, client, contract };
            state.add_record(RecordKind::Contract, make).map(|_| false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_one_contract_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let contract = |client: &str, tier: &str| {
            let (client, tier) = (client.to_owned(), tier.to_owned());
            Some(Contract { client, tier, ..Contract::default() })
        };
        let tiers = || {
            let all = all(&state).unwrap().into_iter();
            all.map(|contract| contract.tier).collect::<Vec<_>>()
        };
        assert!(!put(&state, "acme", None).unwrap());
        assert!(!put(&state, "acme", contract("acme", "gold")).unwrap());
        assert!(!put(&state, "globex", contract("globex", "lead")).unwrap());
        assert!(put(&state, "acme", contract("acme", "silver")).unwrap());
        assert_eq!(tiers(), ["silver", "lead"]);
        assert!(put(&state, "acme", None).unwrap());
        assert!(!put(&state, "acme", None).unwrap());
        assert_eq!(tiers(), ["lead"]);
        assert!(!put(&state, "acme", contract("acme", "gold")).unwrap());
        assert_eq!(tiers(), ["gold", "lead"]);
    }
}
