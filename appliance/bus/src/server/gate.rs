//! How many calls run at the same time: a bound for all, and one for each caller, so that none can
//! take the room of the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zbus::names::OwnedUniqueName;

/// Calls that run at the same time. Some wait for a person to type a password.
const CALLS_MAX: usize = 1024;

/// Calls of one caller that run at the same time.
pub(crate) const CALLS_OF_ONE_MAX: usize = 64;

/// Counts calls. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    running: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
struct Running {
    all: usize,
    of: HashMap<Option<OwnedUniqueName>, usize>,
}

impl Gate {
    /// Lets one more call of this caller in, until the pass is dropped. None if there are too many.
    pub(super) fn enter(&self, caller: Option<OwnedUniqueName>) -> Option<Pass> {
        let mut running = self.running();
        let own = running.of.get(&caller).copied().unwrap_or_default();
        if running.all >= CALLS_MAX || own >= CALLS_OF_ONE_MAX {
            return None;
        }
        running.all += 1;
        running.of.insert(caller.clone(), own + 1);
        Some(Pass { gate: self.clone(), caller })
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One running call.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Gate,
    caller: Option<OwnedUniqueName>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut running = self.gate.running();
        running.all -= 1;
        match running.of.get_mut(&self.caller) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                running.of.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(number: usize) -> Option<OwnedUniqueName> {
        Some(format!(":1.{number}").as_str().try_into().unwrap())
    }

    #[test]
    fn one_caller_cannot_take_the_room_of_another() {
        let gate = Gate::default();
        let mut passes: Vec<Pass> = Vec::new();
        passes.extend((0..CALLS_OF_ONE_MAX).map(|_| gate.enter(caller(1)).unwrap()));
        assert!(gate.enter(caller(1)).is_none());
        assert!(gate.enter(caller(2)).is_some());
        passes.pop();
        assert!(gate.enter(caller(1)).is_some());
    }

    #[test]
    fn all_together_are_bounded_and_nothing_is_left_behind() {
        let gate = Gate::default();
        let passes: Vec<Pass> = (0..2 * CALLS_MAX).filter_map(|n| gate.enter(caller(n))).collect();
        assert_eq!(passes.len(), CALLS_MAX);
        drop(passes);
        assert_eq!(gate.running().all, 0);
        assert!(gate.running().of.is_empty());
    }
}
