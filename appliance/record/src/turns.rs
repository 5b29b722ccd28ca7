//! Workers that take turns: none may wait for the turn of one that is gone.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::Progress;

/// What workers share in an order: each waits for its turn, and whoever ends without having had it
/// ends the others.
#[derive(Debug)]
pub struct Turns<'a, T> {
    state: Mutex<T>,
    moved: Condvar,
    progress: &'a Progress,
}

/// Ends the others when it is dropped, unless its worker has come to a good end.
struct Leaving<'a, 'b, T> {
    turns: &'a Turns<'b, T>,
    well: bool,
}

impl<'a, T> Turns<'a, T> {
    pub fn new(state: T, progress: &'a Progress) -> Self {
        Self { state: Mutex::new(state), moved: Condvar::new(), progress }
    }

    /// Waits until `is_mine`, or somebody asked to stop; then works on what is shared.
    pub fn take<R>(&self, is_mine: impl Fn(&T) -> bool, work: impl FnOnce(&mut T) -> R) -> R {
        let waits = |state: &mut T| !is_mine(state) && !self.progress.stopped();
        let turn = self.moved.wait_while(self.lock(), waits);
        let outcome = work(&mut turn.unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_all();
        outcome
    }

    /// Runs a worker to its end. When it fails or panics, the progress is asked to stop, and those
    /// who wait are woken.
    pub fn worker<R, E>(&self, work: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
        let mut leaving = Leaving { turns: self, well: false };
        let outcome = work();
        leaving.well = outcome.is_ok();
        outcome
    }

    /// What came of it.
    pub fn into_inner(self) -> T {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Leaving<'_, '_, T> {
    fn drop(&mut self) {
        if !self.well {
            self.turns.progress.stop();
            // Whoever looked before the wish came has begun to wait once this is free.
            drop(self.turns.lock());
            self.turns.moved.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_in_turn_whoever_comes_first() {
        let progress = Progress::default();
        let turns = Turns::new(Vec::new(), &progress);
        std::thread::scope(|scope| {
            for number in (0..8).rev() {
                let turns = &turns;
                scope.spawn(move || {
                    turns.take(|list| list.len() == number, |list| list.push(number))
                });
            }
        });
        assert_eq!(turns.into_inner(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn nobody_waits_for_a_worker_that_panicked_or_failed() {
        for panics in [true, false] {
            let progress = Progress::default();
            let turns = Turns::new(0, &progress);
            std::thread::scope(|scope| {
                let waits = scope.spawn(|| turns.take(|turn| *turn == 1, |turn| *turn));
                let fails = scope.spawn(|| {
                    turns.worker(|| if panics { panic!("a fault") } else { Err::<(), ()>(()) })
                });
                assert_eq!(fails.join().is_err(), panics);
                assert_eq!(waits.join().unwrap(), 0);
            });
            assert!(progress.stopped());
        }
    }
}
