//! All that is said of each alert code, one file for each area.

use crate::Side;

pub(crate) mod alerting;
pub(crate) mod clock;
pub(crate) mod disks;
pub(crate) mod jobs;
pub(crate) mod machine;
pub(crate) mod offsite;
pub(crate) mod pool;
pub(crate) mod power;
pub(crate) mod systems;

/// What is said of one alert code. ALERTS.md has the same, held to it by a test.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// From 1 to 10.
    pub(crate) severity: u8,
    pub(crate) side: Side,
    /// Random, given once and never changed.
    pub(crate) message_id: u128,
    /// One sentence; names of facts in braces.
    pub(crate) cause: &'static str,
    /// One sentence; names of facts in braces.
    pub(crate) next: &'static str,
    /// Half a sentence: what must hold for the alert to clear.
    pub(crate) clears: &'static str,
    /// For so long it must have held, in minutes of running time. For what flutters: a
    /// temperature at its limit is one alert, not one a minute.
    pub(crate) hold_minutes: u16,
}
