//! How far a soak came, so that one that was broken off goes on: kept by commit, seed and length
//! of a round, as another of these tries something else.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::process::target_folder;
use crate::soak::heard::Totals;

/// Rounds that are over, and what they went through.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    pub(super) rounds: u64,
    pub(super) totals: Totals,
}

impl Ledger {
    /// What was kept of a run like this; nothing if it is the first, or cannot be read.
    pub(super) fn of(commit: &str, seed: u64, percent: u32) -> Self {
        let name = format!("{commit}-{seed}-{percent}.json");
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
        Self { path, rounds: kept["rounds"].as_u64().unwrap_or_default(), totals }
    }

    /// Keeps that another round is over.
    pub(super) fn round_done(&mut self) -> Result<()> {
        self.rounds += 1;
        let kept = json!({ "rounds": self.rounds, "totals": self.totals.amounts() });
        let folder = self.path.with_file_name("");
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let unfinished = self.path.with_extension("unfinished");
        fs::write(&unfinished, kept.to_string()).map_err(Error::io(&unfinished))?;
        fs::rename(&unfinished, &self.path).map_err(Error::io(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_where_the_last_like_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("soak/abc-1-100.json");
        let mut ledger = Ledger { path: path.clone(), rounds: 2, totals: Totals::default() };
        ledger.totals.add("R1", 300);
        ledger.round_done().unwrap();
        let again = Ledger::read(path);
        assert_eq!((again.rounds, &again.totals), (3, &ledger.totals));
        let other = Ledger::read(folder.path().join("soak/abc-2-100.json"));
        assert_eq!((other.rounds, &other.totals), (0, &Totals::default()));
    }
}
