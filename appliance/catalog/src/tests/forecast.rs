//! What is foretold of a pool's growth.

use super::make::{DAY, point, system};
use crate::{Point, days_until_full};

fn points(days: &[(u8, u64, u64)]) -> Vec<Point> {
    let made = |(number, day, added_bytes): &(u8, u64, u64)| Point {
        system: system(*number),
        added_bytes: *added_bytes,
        ..point(1, day * DAY)
    };
    days.iter().map(made).collect()
}

#[test]
fn what_is_added_lately_tells_when_it_is_full() {
    let daily = points(&[(1, 0, 9000), (1, 1, 10), (1, 2, 10), (2, 2, 500), (1, 3, 10)]);
    let days = days_until_full(&daily, 4 * DAY, 100).unwrap();
    assert!((days - 10.0).abs() < 1e-9, "30 bytes in 3 days, {days}");
    let long_ago = points(&[(1, 0, 1), (1, 1, 1_000_000), (1, 40, 10), (1, 49, 10)]);
    let days = days_until_full(&long_ago, 50 * DAY, 20).unwrap();
    assert!((days - 10.0).abs() < 1e-9, "20 bytes in 10 days, {days}");
}

#[test]
fn nothing_is_foretold_from_too_little() {
    assert_eq!(days_until_full(&[], 0, 100), None);
    assert_eq!(days_until_full(&points(&[(1, 0, 9000)]), 9 * DAY, 100), None, "a first full");
    assert_eq!(days_until_full(&points(&[(1, 0, 9), (1, 3, 9)]), 3 * DAY, 100), None, "an hour");
    assert_eq!(days_until_full(&points(&[(1, 0, 9), (1, 3, 0)]), 9 * DAY, 100), None, "no growth");
}
