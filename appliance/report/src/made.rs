//! What an ingest said of the recovery point that it made, and whether that was a full one.
//!
//! Every recovery point is complete, so no restore needs an older one. "Full" and "incremental"
//! tell what was compared when it was made: with nothing, or with the recovery point before.

use std::collections::BTreeMap;

use bus::{JobKind, JobView, PointView};
use serde_json::Value;

/// Longest outcome that is read, in bytes.
const OUTCOME_MAX: usize = 256 << 10;

/// What the outcome of an ingest has of its recovery point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Made {
    /// Whether it was compared with another one; none if the outcome does not say.
    pub(crate) has_parent: Option<bool>,
    /// What differs from that one.
    pub(crate) changed: Option<u64>,
    /// What was read from the source.
    pub(crate) read: Option<u64>,
}

/// The outcomes of ingests that ended well, by the id of the recovery point.
pub(crate) fn outcomes<'a>(jobs: &[&'a JobView]) -> BTreeMap<&'a str, Made> {
    let ingests = jobs.iter().filter(|job| job.kind == JobKind::Ingest && job.state.is_ended());
    ingests.filter_map(|job| Some((point_id(job)?, outcome(&job.outcome)?))).collect()
}

/// The id of the recovery point that a job made or read.
pub(crate) fn point_id(job: &JobView) -> Option<&str> {
    let (_, id) = job.point.as_str().rsplit_once("/points/")?;
    Some(id)
}

fn outcome(text: &str) -> Option<Made> {
    let text = Some(text).filter(|text| text.len() <= OUTCOME_MAX)?;
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else { return None };
    let number = |name: &str| fields.get(name).and_then(Value::as_u64);
    let has_parent = fields.get("parent").map(|parent| !parent.is_null());
    Some(Made { has_parent, changed: number("bytes_changed"), read: number("bytes_read") })
}

/// Whether a recovery point was made without another one to compare with. Its job says so; where
/// nobody remembers that, one that added four fifths of its size or more counts as full.
pub(crate) fn is_full(point: &PointView, made: Option<&Made>) -> bool {
    let by_size = || {
        let (added, logical) = (u128::from(point.added_bytes), u128::from(point.logical_bytes));
        logical > 0 && added * 5 >= logical * 4
    };
    made.and_then(|made| made.has_parent).map_or_else(by_size, |has_parent| !has_parent)
}
