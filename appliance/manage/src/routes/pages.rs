//! Records that somebody sees, page by page.

use crate::route::Asked;
use crate::shape::{Field, Kind, may};

/// Most records in one answer, and as many as there are unless another number is asked for.
const PAGE: (u64, u64) = (1_000, 500);

/// What is asked for a page with.
pub(super) const QUERY: &[Field] = &[
    may("before", Kind::Number(u64::MAX), "Only with a lower number than this"),
    may("most", Kind::Number(PAGE.0), "How many at most; 500 if nothing is said"),
];

/// What stands beside the records.
pub(super) const MORE: (&str, &str) = ("more", "Whether there are older ones");

/// Of records that come by falling numbers, the page that is asked for, and whether there are
/// older ones.
pub(super) fn page<T>(
    asked: &Asked,
    newest: impl Iterator<Item = T>,
    number: impl Fn(&T) -> u64,
) -> (Vec<T>, bool) {
    let before = asked.query.number("before").unwrap_or(u64::MAX);
    let most = asked.query.number("most").unwrap_or(PAGE.1);
    let mut rest = newest.filter(|record| number(record) < before);
    let page = rest.by_ref().take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
    (page, rest.next().is_some())
}
