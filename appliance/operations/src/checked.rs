//! What `verify` and `scrub` found, told in the same way by both.

use model::Bytes;
use restore::{Broken, VolumeRange};
use serde_json::{Value, json};
use store::Scrubbed;

use crate::Failure;

/// Adds what was found in one part.
pub(crate) fn add(total: &mut Scrubbed, one: Scrubbed) {
    total.bytes_read += one.bytes_read;
    total.records += one.records;
    total.lost.extend(one.lost);
    total.damaged += one.damaged;
    total.unlisted += one.unlisted;
}

/// That data is lost, or known by wrong tags, with the next step; `None` when it is not.
pub(crate) fn loss(lost: u64, broken: &[Broken]) -> Option<Failure> {
    let is_lost = |broken: &&Broken| broken.system.is_none() || !broken.missing.is_empty();
    let points = broken.iter().filter(is_lost).count();
    if lost > 0 || points > 0 {
        let what = format!("{lost} records are lost, {points} recovery points broken");
        let next = "ingest these systems again: what they still have heals the store";
        return Some(Failure::new(what, next));
    }
    let what = format!("{} recovery points have blocks with wrong tags", broken.len());
    let next = "ingest these systems again: the next point has right ones; the data is intact";
    (!broken.is_empty()).then(|| Failure::new(what, next))
}

/// The list of recovery points that damage has touched, for programs.
pub(crate) fn broken_json(broken: &[Broken]) -> Value {
    let range = |range: &VolumeRange| {
        let VolumeRange { volume, start, bytes } = range;
        json!({ "volume": volume, "start": start, "bytes": bytes })
    };
    let point = |broken: &Broken| {
        json!({
            "point": broken.point.to_string(),
            "system": broken.system,
            "created": broken.created.0,
            "missing": broken.missing.iter().map(range).collect::<Vec<_>>(),
            "mistagged": broken.mistagged.iter().map(range).collect::<Vec<_>>(),
            "more": broken.more,
        })
    };
    broken.iter().map(point).collect()
}

/// The same for people: a line for each, or nothing.
pub(crate) fn broken_text(broken: &[Broken]) -> String {
    let mut text = String::new();
    for broken in broken {
        let Some(system) = &broken.system else {
            text.push_str(&format!(
                "\nbroken: {} of unknown system, {}: all of it",
                broken.point, broken.created
            ));
            continue;
        };
        for (word, ranges) in [("broken", &broken.missing), ("mistagged", &broken.mistagged)] {
            if !ranges.is_empty() {
                let who = format!("\n{word}: {} of {system}, {}:", broken.point, broken.created);
                text.push_str(&who);
                text.push_str(&ranges_text(ranges, broken.more));
            }
        }
    }
    text
}

fn ranges_text(ranges: &[VolumeRange], more: bool) -> String {
    let mut text = String::new();
    for (at, range) in ranges.iter().take(SHOWN_RANGES).enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let bytes = Bytes(range.bytes);
        text.push_str(&format!("{comma} {bytes} at {} of volume {}", range.start, range.volume));
    }
    if more || ranges.len() > SHOWN_RANGES {
        text.push_str(" and more");
    }
    text
}

/// Ranges of a recovery point that people want to see.
const SHOWN_RANGES: usize = 4;
