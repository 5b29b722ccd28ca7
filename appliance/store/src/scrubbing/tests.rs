//! The order of a run, and that no interruption makes it leave a segment out.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn place(next: u64, verified_below: u64) -> ScrubPlace {
    ScrubPlace { next, verified_below }
}

/// A run that takes so many steps; gives what it read and where it was then.
fn run(list: &[u64], from: ScrubPlace, what: ScrubWhat, steps: usize) -> (Vec<u64>, ScrubPlace) {
    let mut walk = plan(list, from, what, true);
    let mut read = Vec::new();
    for _ in 0..steps {
        let Some((turn, segment)) = walk.take() else { break };
        read.push(segment);
        walk.read(turn, true);
    }
    (read, walk.place(from))
}

const LIST: [u64; 6] = [2, 3, 5, 6, 8, 9];

#[test]
fn the_first_pass_is_new_from_its_begin_to_its_end() {
    let (read, at) = run(&LIST, ScrubPlace::START, ScrubWhat::All, 3);
    assert_eq!((read, at), (vec![2, 3, 5], place(6, 6)));
    let (read, at) = run(&LIST, at, ScrubWhat::All, 9);
    assert_eq!((read, at), (vec![6, 8, 9], place(0, 10)));
}

#[test]
fn what_is_new_comes_before_the_rest_of_the_pass() {
    let from = place(3, 6);
    assert_eq!(run(&LIST, from, ScrubWhat::All, 2), (vec![6, 8], place(3, 9)));
    assert_eq!(run(&LIST, from, ScrubWhat::All, 4), (vec![6, 8, 9, 3], place(5, 10)));
    assert_eq!(run(&LIST, from, ScrubWhat::All, 9), (vec![6, 8, 9, 3, 5], place(0, 10)));
}

#[test]
fn a_run_for_what_is_new_leaves_the_pass_where_it_is() {
    assert_eq!(run(&LIST, place(3, 6), ScrubWhat::New, 9), (vec![6, 8, 9], place(3, 10)));
    assert_eq!(run(&LIST, place(0, 9), ScrubWhat::New, 9), (vec![9], place(0, 10)));
    assert_eq!(run(&LIST, place(3, 10), ScrubWhat::New, 9), (vec![], place(3, 10)));
}

#[test]
fn what_is_not_on_every_disk_ends_what_is_verified_and_not_the_pass() {
    let from = place(5, 5);
    let mut walk = plan(&LIST, from, ScrubWhat::All, true);
    for whole in [true, false, true, true] {
        let (turn, _) = walk.take().unwrap();
        walk.read(turn, whole);
    }
    assert_eq!(walk.place(from), place(0, 6));
}

#[test]
fn what_is_handed_out_is_not_read_yet() {
    let from = ScrubPlace::START;
    let mut walk = plan(&LIST, from, ScrubWhat::All, true);
    let turns: Vec<usize> = (0..3).map(|_| walk.take().unwrap().0).collect();
    walk.read(turns[2], true);
    walk.read(turns[1], true);
    assert_eq!(walk.place(from), place(2, 1));
    walk.read(turns[0], true);
    assert_eq!(walk.place(from), place(6, 6));
}

proptest! {
    /// Runs of some steps each, while segments come and go: a pass that ends has read every
    /// segment that was there from its begin to its end, and what is verified was read.
    #[test]
    fn a_pass_leaves_nothing_out(
        steps in prop::collection::vec((0_usize..6, any::<bool>(), 0_u64..4, any::<bool>()), 1..40),
    ) {
        let mut list: Vec<u64> = (1..12).collect();
        let (mut from, mut last) = (ScrubPlace::START, 11);
        let mut since: Vec<u64> = list.clone();
        let (mut ever, mut pass) = (HashSet::new(), HashSet::new());
        for (steps, new, more, drop) in steps {
            let what = if new { ScrubWhat::New } else { ScrubWhat::All };
            let (read, at) = run(&list, from, what, steps);
            ever.extend(read.iter().copied());
            pass.extend(read);
            prop_assert!(at.verified_below >= from.verified_below);
            prop_assert!(list.iter().all(|id| *id >= at.verified_below || ever.contains(id)));
            from = at;
            if at.is_done() {
                prop_assert!(since.iter().all(|id| pass.contains(id)), "{since:?} {pass:?}");
                from = at.again();
                pass.clear();
                since = list.clone();
            }
            list.extend(last + 1..=last + more);
            last += more;
            if drop && list.len() > 2 {
                let gone = list.remove(list.len() / 2);
                since.retain(|id| *id != gone);
            }
        }
    }
}
