//! What is known of the machine: memory, heat, services, power, time, certificates.

use model::{Bytes, Span, WallTime};

use super::Reading;

/// The machine under the appliance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineFacts {
    pub memory: Option<Memory>,
    /// Sensors of the machine; absent in a virtual one. Those of disks stand with the disks.
    pub sensors: Reading<Vec<Sensor>>,
    pub fans: Reading<Vec<Fan>>,
    /// Services of the appliance that have failed.
    pub failed_services: Option<Vec<String>>,
    pub restarts: Option<Restarts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub total: Bytes,
    /// What could be had without swapping.
    pub available: Bytes,
    /// Errors that could not be corrected since the start; `None` for memory that cannot tell.
    pub errors: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sensor {
    pub name: String,
    /// `None` when it cannot be read.
    pub celsius: Option<i16>,
    /// The most that its maker allows.
    pub celsius_max: Option<i16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fan {
    pub name: String,
    /// Rounds a minute; `None` when it cannot be read.
    pub rpm: Option<u32>,
    /// The least that the board allows.
    pub rpm_min: Option<u32>,
}

/// Restarts of the engine that nobody asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restarts {
    /// Within the last day.
    pub count: u32,
    /// How long ago the last one was.
    pub last: Option<Span>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpsFacts {
    pub name: String,
    /// `None` when it does not answer.
    pub state: Option<UpsState>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpsState {
    pub on_battery: bool,
    /// The UPS says itself that its battery is nearly empty.
    pub low: bool,
    pub charge_percent: Option<u8>,
    /// For how long its battery would do.
    pub runtime: Option<Span>,
    /// The UPS says itself that its battery is to be replaced.
    pub replace_battery: bool,
    pub battery_age: Option<Span>,
    /// Whether its last self-test failed; `None` when none was made.
    pub test_failed: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockFacts {
    /// The clock on the wall.
    pub wall: WallTime,
    /// When this version was made: no clock can be earlier.
    pub built: WallTime,
    /// The newest jump.
    pub jump: Option<Jump>,
    /// Since when no time server has confirmed the clock: zero when one does. `None` when it is
    /// not known whether one does. Absent where the box is to have none.
    pub unconfirmed: Reading<Span>,
    pub uptimes: Option<Uptimes>,
}

/// A clock that was set while it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    pub by: Span,
    pub forward: bool,
    pub ago: Span,
}

/// How much of a span on the wall the box ran. The span begins when the appliance was set up or
/// later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptimes {
    pub wall: Span,
    pub ran: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Whose it is and what for.
    pub name: String,
    pub validity: Validity,
}

/// Judged by the clock on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    Left(Span),
    /// How long ago it expired.
    Expired(Span),
}
