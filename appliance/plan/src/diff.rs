//! What applying a plan would change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::Plan;
use crate::list::{Item, ItemKind, items};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

/// One thing that differs between two plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub kind: ChangeKind,
    /// What it is about, as in `system "mail"`.
    pub place: String,
    /// Which value; none when all of it is added or removed.
    pub key: Option<String>,
    /// As TOML; none where there was no value.
    pub from: Option<String>,
    pub to: Option<String>,
    /// What people should know before they agree.
    pub note: Option<&'static str>,
}

/// What is to be known of a system that leaves the plan.
const STAYS: &str = "its recovery points stay, under the retention that they have; \
    no new ones are made";

/// What is to be known of a lock that is to be shorter.
const LOCKED: &str = "a lock is never made shorter: what is locked stays locked";

impl fmt::Display for Change {
    /// On one line, as in `system "mail": rpo "4h" -> "2h"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or("none".into());
        match (&self.key, self.kind) {
            (Some(key), _) => {
                write!(f, "{}: {key} {} -> {}", self.place, shown(&self.from), shown(&self.to))?;
            }
            (None, ChangeKind::Added) => write!(f, "{} is added", self.place)?,
            (None, ChangeKind::Removed) => write!(f, "{} is removed", self.place)?,
            (None, ChangeKind::Changed) => write!(f, "{} is changed", self.place)?,
        }
        match self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

/// Everything that differs: what goes first, then what changes, then what comes. The order of
/// clients and systems makes no difference.
pub fn diff(old: &Plan, new: &Plan) -> Vec<Change> {
    let (old, new) = (by_name(old), by_name(new));
    let keys: BTreeSet<&(ItemKind, String)> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for key in keys {
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => changes.extend(values(old, new)),
            (Some(old), None) => changes.push(whole(old, ChangeKind::Removed)),
            (None, Some(new)) => {
                changes.push(whole(new, ChangeKind::Added));
                let nothing = Item { entries: Vec::new(), ..new.clone() };
                changes.extend(values(&nothing, new).filter(|change| !is_name(change)));
            }
            (None, None) => {}
        }
    }
    let rank = |change: &Change| match (change.kind, &change.key) {
        (ChangeKind::Removed, None) => 0,
        (ChangeKind::Changed, _) => 1,
        _ => 2,
    };
    changes.sort_by_key(rank);
    changes
}

fn by_name(plan: &Plan) -> BTreeMap<(ItemKind, String), Item> {
    items(plan).into_iter().map(|item| ((item.kind, item.name.clone()), item)).collect()
}

fn is_name(change: &Change) -> bool {
    change.key.as_deref() == Some("name")
}

fn whole(item: &Item, kind: ChangeKind) -> Change {
    let leaves = kind == ChangeKind::Removed && item.kind == ItemKind::System;
    let note = leaves.then_some(STAYS);
    Change { kind, place: place(item), key: None, from: None, to: None, note }
}

/// Values that differ, in the order in which they are written. Those of an item that is new are
/// additions.
fn values<'a>(old: &'a Item, new: &'a Item) -> impl Iterator<Item = Change> {
    let value = |item: &Item, key: &str| {
        let entry = item.entries.iter().find(|(name, _)| name == key);
        entry.map(|(_, value)| value.clone())
    };
    let kind = if old.entries.is_empty() { ChangeKind::Added } else { ChangeKind::Changed };
    let gone = old.entries.iter().filter(move |(key, _)| value(new, key).is_none());
    let keys = new.entries.iter().chain(gone);
    keys.filter_map(move |(key, _)| {
        let (from, to) = (value(old, key), value(new, key));
        let note = (key == "retention.lock" && is_shorter(&from, &to)).then_some(LOCKED);
        let change = Change { kind, place: place(new), key: Some(key.clone()), from, to, note };
        (change.from != change.to).then_some(change)
    })
}

fn is_shorter(from: &Option<String>, to: &Option<String>) -> bool {
    let span = |value: &Option<String>| crate::parse_span(value.as_ref()?.trim_matches('"'));
    span(to) < span(from)
}

fn place(item: &Item) -> String {
    match item.kind {
        ItemKind::Client => format!("client {:?}", item.name),
        ItemKind::System => format!("system {:?}", item.name),
        ItemKind::Maintenance => "maintenance".into(),
        ItemKind::Limits => "limits".into(),
    }
}
