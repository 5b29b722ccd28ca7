//! How far a soak came, so that one that was broken off goes on: kept by commit, seed, length of a
//! round and the campaigns that it has, as another of these tries something else.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::process::target_folder;
use crate::soak::heard::Totals;

/// What the name of a commit ends with when the tree is not as it was committed.
const DIRTY: &str = "-dirty";

/// Rounds that are over, and what they went through.
#[derive(Debug)]
pub(super) struct Ledger {
    /// `None` for a tree that is no commit's: the next one like it is another.
    path: Option<PathBuf>,
    pub(super) rounds: u64,
    pub(super) totals: Totals,
}

impl Ledger {
    /// What was kept of a run like this; nothing if it is the first, or cannot be read.
    pub(super) fn of(commit: &str, seed: u64, percent: u32, parts: &str) -> Self {
        if commit.ends_with(DIRTY) {
            return Self { path: None, rounds: 0, totals: Totals::default() };
        }
        let name = format!("{commit}-{seed}-{percent}{parts}.json");
        Self::read(target_folder().join("soak").join(name))
    }

    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let kept: Value = serde_json::from_str(&text).unwrap_or_default();
        let amounts = kept["totals"].as_object().into_iter().flatten();
        let mut totals = Totals::default();
        for (goal, amount) in amounts {
            totals.add(goal, amount.as_u64().unwrap_or_default());
        }
        Self { path: Some(path), rounds: kept["rounds"].as_u64().unwrap_or_default(), totals }
    }

    /// Keeps that another round is over.
    pub(super) fn round_done(&mut self) -> Result<()> {
        self.rounds += 1;
        let Some(path) = &self.path else { return Ok(()) };
        let kept = json!({ "rounds": self.rounds, "totals": self.totals.amounts() });
        let folder = path.with_file_name("");
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, kept.to_string()).map_err(Error::io(&unfinished))?;
        fs::rename(&unfinished, path).map_err(Error::io(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_where_the_last_like_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("soak/abc-1-100.json");
        let mut ledger = Ledger { path: Some(path.clone()), rounds: 2, totals: Totals::default() };
        ledger.totals.add("R1", 300);
        ledger.round_done().unwrap();
        let again = Ledger::read(path);
        assert_eq!((again.rounds, &again.totals), (3, &ledger.totals));
        let other = Ledger::read(folder.path().join("soak/abc-2-100.json"));
        assert_eq!((other.rounds, &other.totals), (0, &Totals::default()));
    }
}
