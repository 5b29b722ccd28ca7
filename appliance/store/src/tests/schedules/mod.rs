//! The store under many schedules of the tasks that work with it: the commit queue in `commits`,
//! the slots of segments and who may still read them in `slots`.

mod commits;
mod slots;

use disk::schedules::finds;

use crate::planted::{Bug, plant};

/// Schedules within which each bug that was planted must be found.
const WITHIN: usize = 10_000;

/// Runs a test with a bug; under which schedule it was found.
macro_rules! hunted {
    ($bug:ident, $test:path) => {
        let found = finds(WITHIN, || {
            plant(Some(Bug::$bug));
            $test();
        });
        println!("{:?}: under schedule {found:?}", Bug::$bug);
        assert!(found.is_some(), "{:?} is not found", Bug::$bug);
    };
}

#[test]
fn schedules_find_every_bug_that_needs_several_threads() {
    hunted!(BusyWriterSkipped, commits::committing);
    hunted!(AckWhenTaken, commits::giving_up);
    hunted!(SlotSeenThenTaken, slots::taking);
    hunted!(LeaseSeenEarly, slots::reading);
    hunted!(FoundWhereItWas, slots::reclaiming);
    hunted!(ReleasedUnaged, slots::releasing);
    hunted!(NowhereForAMoment, slots::reading);
}
