//! What `verify` and `scrub` found, told in the same way by both.

use model::Bytes;
use restore::{Broken, MissingRange};
use serde_json::{Value, json};
use store::Scrubbed;

use crate::failure::Failure;

/// Adds what was found in one part.
pub(crate) fn add(total: &mut Scrubbed, one: Scrubbed) {
    total.bytes_read += one.bytes_read;
    total.records += one.records;
    total.lost.extend(one.lost);
    total.damaged += one.damaged;
}

/// That data is lost, with the next step; `None` when it is not.
pub(crate) fn loss(lost: u64, broken: usize) -> Option<Failure> {
    let what = format!("{lost} records are lost, {broken} recovery points broken");
    let next = "ingest these systems again: what they still have heals the store";
    (lost > 0 || broken > 0).then(|| Failure::new(what, next))
}

/// The list of recovery points that damage has touched, for programs.
pub(crate) fn broken_json(broken: &[Broken]) -> Value {
    let range = |range: &MissingRange| {
        let MissingRange { volume, start, bytes } = range;
        json!({ "volume": volume, "start": start, "bytes": bytes })
    };
    let point = |broken: &Broken| {
        json!({
            "point": broken.point.to_string(),
            "system": broken.system,
            "created": broken.created.0,
            "missing": broken.missing.iter().map(range).collect::<Vec<_>>(),
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
        text.push_str(&format!("\nbroken: {} of {system}, {}:", broken.point, broken.created));
        for (at, range) in broken.missing.iter().take(SHOWN_RANGES).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let bytes = Bytes(range.bytes);
            text.push_str(&format!(
                "{comma} {bytes} at {} of volume {}",
                range.start, range.volume
            ));
        }
        if broken.more || broken.missing.len() > SHOWN_RANGES {
            text.push_str(" and more");
        }
    }
    text
}

/// Ranges of a recovery point that people want to see.
const SHOWN_RANGES: usize = 4;
