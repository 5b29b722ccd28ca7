//! Which days are signals and which are not.

use proptest::prelude::*;

use super::*;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// A system with 100 GiB of data.
const DATA: u64 = 100 * GIB;

fn day(changed: u64, dense: u64) -> Measured {
    Measured { changed, dense }
}

/// Ten working days: 0.5 to 1.4 GiB, a fifth of it dense.
fn office() -> Vec<Measured> {
    (0..10).map(|at| day((512 + at * 100) * MIB, (100 + at * 21) * MIB)).collect()
}

fn kinds(earlier: &[Measured], now: Measured) -> Vec<SignalKind> {
    judge(earlier, now, DATA).iter().map(|signal| signal.signal).collect()
}

const BOTH: [SignalKind; 2] = [SignalKind::Change, SignalKind::Dense];

#[test]
fn an_encrypted_system_has_both_signals_with_their_figures() {
    let signals = judge(&office(), day(70 * GIB, 69 * GIB), DATA);
    let usual = 962 * MIB;
    let [change, dense] = &signals[..] else { panic!("{signals:?}") };
    assert_eq!((change.signal, change.value), (SignalKind::Change, 70 * GIB));
    assert!(change.usual.is_some_and(|bytes| bytes.abs_diff(usual) < 2 * MIB), "{change:?}");
    assert_eq!(change.factor, Some(75));
    assert_eq!((dense.signal, dense.value, dense.usual), (SignalKind::Dense, 99, Some(20)));
    assert_eq!(dense.factor, Some(5));
    assert_eq!(bits(&signals), SIGNAL_CHANGE | SIGNAL_DENSE);
}

#[test]
fn an_upgrade_is_none() {
    assert_eq!(kinds(&office(), day(6 * GIB, GIB)), []);
    let quiet = [day(0, 0); 20];
    assert_eq!(kinds(&quiet, day(6 * GIB, GIB)), []);
}

#[test]
fn half_a_system_restored_from_elsewhere_is_a_change_and_not_dense() {
    assert_eq!(kinds(&office(), day(60 * GIB, 12 * GIB)), [SignalKind::Change]);
}

#[test]
fn encryption_of_a_small_part_is_dense() {
    assert_eq!(kinds(&office(), day(5 * GIB, 5 * GIB)), [SignalKind::Dense]);
}

#[test]
fn one_outlier_in_the_history_does_not_hide_the_next() {
    let mut earlier = office();
    earlier[4] = day(80 * GIB, 79 * GIB);
    earlier[9] = day(90 * GIB, 90 * GIB);
    assert_eq!(kinds(&earlier, day(40 * GIB, 39 * GIB)), BOTH);
}

#[test]
fn a_system_that_is_always_dense_and_busy_is_not_suspicious() {
    let photographer: Vec<_> = (0..12).map(|at| day((8 + at) * GIB, (7 + at) * GIB)).collect();
    assert_eq!(kinds(&photographer, day(30 * GIB, 29 * GIB)), []);
    assert_eq!(kinds(&photographer, day(60 * GIB, 59 * GIB)), BOTH, "whatever the history");
}

#[test]
fn without_a_history_only_what_is_beyond_doubt_counts() {
    for earlier in [&[][..], &office()[..2]] {
        assert_eq!(kinds(earlier, day(40 * GIB, 40 * GIB)), []);
        assert_eq!(kinds(earlier, day(60 * GIB, 40 * GIB)), []);
        let signals = judge(earlier, day(60 * GIB, 55 * GIB), DATA);
        assert_eq!(bits(&signals), SIGNAL_CHANGE | SIGNAL_DENSE);
        assert!(signals.iter().all(|signal| signal.usual.is_none() && signal.factor.is_none()));
    }
    assert_eq!(kinds(&office()[..3], day(40 * GIB, 40 * GIB)), BOTH);
}

#[test]
fn only_the_newest_points_count() {
    let mut earlier = vec![day(50 * GIB, 40 * GIB); 100];
    assert_eq!(kinds(&earlier, day(45 * GIB, 40 * GIB)), []);
    earlier.extend([day(GIB, 0); HISTORY_MAX]);
    assert_eq!(kinds(&earlier, day(45 * GIB, 40 * GIB)), BOTH);
}

fn measured() -> impl Strategy<Value = Measured> {
    let changed = prop_oneof![Just(0), 0..DATA, 0..GIB, 0..=u64::MAX / 2];
    (changed, 0_u64..=100).prop_map(|(changed, share)| day(changed, changed / 100 * share))
}

proptest! {
    /// Total, and consistent: more change of the same density is never less of a signal, and of
    /// the tiny none is one.
    #[test]
    fn more_is_never_less_suspicious(
        earlier in prop::collection::vec(measured(), 0..40),
        changed in 0..DATA, more in 0..DATA, share in 0_u64..=100, data in 0..2 * DATA,
    ) {
        let now = |changed: u64| day(changed, changed / 100 * share);
        // As many blocks of a hundred, so that shares are equal.
        let (changed, more) = (changed / 100 * 100, more / 100 * 100);
        let one = bits(&judge(&earlier, now(changed), data));
        let two = bits(&judge(&earlier, now(changed + more), data));
        prop_assert_eq!(one & !two, 0);
        prop_assert!(judge(&earlier, day(TINY_BYTES - 1, TINY_BYTES - 1), data).is_empty());
    }

    /// Fewer than half of the points, whatever they are, cannot make an attack look usual.
    #[test]
    fn outliers_do_not_hide_an_attack(
        outliers in prop::collection::vec(measured(), 0..4),
        at in prop::collection::vec(0_usize..10, 4),
    ) {
        let mut earlier = office();
        for (at, outlier) in at.iter().zip(outliers) {
            if let Some(day) = earlier.get_mut(*at) {
                *day = outlier;
            }
        }
        prop_assert_eq!(kinds(&earlier, day(70 * GIB, 69 * GIB)), BOTH);
    }

    /// A steady system is never suspicious, whatever its habits are.
    #[test]
    fn the_usual_is_no_signal(day in measured(), days in 3_usize..40) {
        let share = day.dense as f64 / day.changed.max(1) as f64;
        prop_assume!(day.changed <= DATA / 2 || share <= 0.8);
        prop_assert_eq!(kinds(&vec![day; days], day), []);
    }
}
