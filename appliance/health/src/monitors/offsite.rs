//! Vaults: whether they answer, whether they answer well, how far they are behind, and the line.

use std::fmt::Display;

use super::reaches;
use crate::facts::{Lag, Reading, VaultFacts};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

/// What cannot be judged while nothing is known of the vaults.
const OF_VAULTS: &[AlertCode] = &[
    AlertCode::VaultUnreachable,
    AlertCode::VaultRefused,
    AlertCode::OffsiteLagging,
    AlertCode::LineSlow,
];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    match &facts.vaults {
        Reading::Absent => {}
        Reading::Unknown => {
            found.push(Finding::unknown("the vault", Subject::part("vault"), OF_VAULTS));
        }
        Reading::Known(all) => all.iter().for_each(|vault| of(vault, limits, found)),
    }
}

fn of(vault: &VaultFacts, limits: &Thresholds, found: &mut Vec<Finding>) {
    let subject = Subject::vault(&vault.name);
    if vault.silent.is_none() || vault.lags.is_none() || vault.line.is_unknown() {
        let what = format!("vault {}", vault.name);
        found.push(Finding::unknown(&what, Subject::part(&what), OF_VAULTS));
    }
    if let Some(error) = &vault.error {
        let facts: [(&str, &dyn Display); 2] = [("vault", &vault.name), ("error", error)];
        found.push(Finding::new(AlertCode::VaultRefused, subject, &facts));
    }
    found.extend(silent(vault, limits));
    let late = vault.lags.iter().flatten().filter(|lag| lag.behind > limits.offsite_lag);
    found.extend(late.map(|lag| lagging(vault, lag)));
    found.extend(slow(vault, limits));
}

fn silent(vault: &VaultFacts, limits: &Thresholds) -> Option<Finding> {
    let since = vault.silent.filter(|since| *since > limits.vault_silent)?;
    let facts: [(&str, &dyn Display); 2] = [("vault", &vault.name), ("since", &since)];
    Some(Finding::new(AlertCode::VaultUnreachable, Subject::vault(&vault.name), &facts))
}

fn lagging(vault: &VaultFacts, lag: &Lag) -> Finding {
    let eta = lag.eta.map_or("never at this rate".into(), |eta| format!("in {eta}"));
    let facts: [(&str, &dyn Display); 5] = [
        ("vault", &vault.name),
        ("system", &lag.system),
        ("behind", &lag.behind),
        ("backlog", &lag.backlog),
        ("eta", &eta),
    ];
    let subject = Subject::vault(&format!("{}: {}", vault.name, lag.system));
    Finding::new(AlertCode::OffsiteLagging, subject, &facts).of_client(lag.client.clone())
}

fn slow(vault: &VaultFacts, limits: &Thresholds) -> Option<Finding> {
    let line = vault.line.known()?;
    let facts: [(&str, &dyn Display); 3] =
        [("vault", &vault.name), ("measured", &line.measured), ("usual", &line.usual)];
    (!reaches(line.measured.0, limits.line_percent, line.usual.0))
        .then(|| Finding::new(AlertCode::LineSlow, Subject::vault(&vault.name), &facts))
}
