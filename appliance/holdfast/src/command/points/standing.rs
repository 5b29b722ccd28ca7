//! How a recovery point stands, in words.

use bus::PointView;
use catalog::{Listed, RemovedBy};
use format::event::{SIGNAL_CHANGE, SIGNAL_DENSE};
use model::Span;
use serde_json::{Value, json};

/// Names of signals.
const SIGNALS: [(u8, &str); 2] = [(SIGNAL_CHANGE, "change"), (SIGNAL_DENSE, "dense")];

/// What is to be said of a recovery point besides its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) held: bool,
    /// Who removed it, and in how many seconds of running time it goes.
    pub(crate) removed: Option<(String, u64)>,
    /// The names of its signals.
    pub(crate) signals: Vec<String>,
    pub(crate) cleared: bool,
}

impl Standing {
    /// As the catalog has it at this age of the pool.
    pub(crate) fn of(listed: &Listed, age: u64) -> Self {
        let signals = SIGNALS.iter().filter(|(bit, _)| listed.point.signals & bit != 0);
        let removed = listed.removed.map(|removal| {
            let by = match removal.by {
                RemovedBy::Hand => "hand",
                RemovedBy::Policy => "policy",
            };
            (by.to_owned(), removal.due.saturating_sub(age))
        });
        Self {
            held: listed.held,
            removed,
            signals: signals.map(|(_, name)| (*name).to_owned()).collect(),
            cleared: listed.cleared,
        }
    }

    /// As an engine shows it.
    pub(crate) fn shown(point: &PointView) -> Self {
        Self {
            held: point.held,
            removed: point.removed.then(|| (point.removed_by.clone(), point.goes_in_seconds)),
            signals: point.signals.clone(),
            cleared: point.cleared,
        }
    }

    /// What is to be said, with spaces in front; often nothing.
    pub(crate) fn text(&self) -> String {
        let mut facts = Vec::new();
        if self.held {
            facts.push("held".to_owned());
        }
        match self.removed {
            None => {}
            Some((_, 0)) => facts.push("removed, goes with the next expire".to_owned()),
            Some((_, left)) => {
                facts.push(format!("removed, goes in {} of running time", Span(left)));
            }
        }
        if !self.signals.is_empty() {
            let looked_at = if self.cleared { ", cleared" } else { "" };
            facts.push(format!("unusual: {}{looked_at}", self.signals.join(" and ")));
        }
        if facts.is_empty() { String::new() } else { format!("  ({})", facts.join("; ")) }
    }
}

/// What became of recovery points by a change of this many.
pub(crate) fn changed_json(points: &[(String, Standing)], changed: usize) -> Value {
    let values = points.iter().map(|(id, standing)| {
        json!({
            "point": id,
            "held": standing.held,
            "removed": standing.removed.is_some(),
            "goes_in_seconds": standing.removed.as_ref().map(|(_, left)| *left),
            "cleared": standing.cleared,
        })
    });
    json!({ "points": values.collect::<Vec<_>>(), "changed": changed })
}

/// The same for people: a line for each.
pub(crate) fn changed_text(points: &[(String, Standing)]) -> String {
    let lines = points.iter().map(|(id, standing)| match standing.text() {
        text if text.is_empty() => format!("{id}  kept as its policy says"),
        text => format!("{id}{text}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}
