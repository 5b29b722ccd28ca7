//! The moment that it is, by both clocks.

use operations::{now, uptime};

use crate::jobs::Moment;

/// Now: by how long the machine has run, and by the clock on the wall.
pub(crate) fn moment() -> Moment {
    Moment { running: uptime().seconds, wall: now().0 }
}
