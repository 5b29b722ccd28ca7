//! How a recovery point stands, in words.

use catalog::{Listed, RemovedBy};
use format::event::{SIGNAL_CHANGE, SIGNAL_DENSE};
use model::Span;

/// Names of signals.
const SIGNALS: [(u8, &str); 2] = [(SIGNAL_CHANGE, "change"), (SIGNAL_DENSE, "dense")];

/// What is to be said of a point besides its figures, with spaces in front; often nothing.
pub(super) fn text(listed: &Listed, age: u64) -> String {
    let mut facts = Vec::new();
    if listed.held {
        facts.push("held".to_owned());
    }
    if let Some(removal) = listed.removed {
        let left = Span(removal.due.saturating_sub(age));
        facts.push(match left {
            Span(0) => "removed, goes with the next expire".to_owned(),
            left => format!("removed, goes in {left} of running time"),
        });
    }
    let signals = signals(listed.point.signals);
    if !signals.is_empty() {
        let looked_at = if listed.cleared { ", cleared" } else { "" };
        facts.push(format!("unusual: {}{looked_at}", signals.join(" and ")));
    }
    if facts.is_empty() { String::new() } else { format!("  ({})", facts.join("; ")) }
}

/// The names of the signals of a point.
pub(super) fn signals(bits: u8) -> Vec<&'static str> {
    SIGNALS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect()
}

/// Who removed a point, for programs.
pub(super) fn by(by: RemovedBy) -> &'static str {
    match by {
        RemovedBy::Hand => "hand",
        RemovedBy::Policy => "policy",
    }
}
