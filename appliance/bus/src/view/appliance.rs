//! The appliance as a whole.

use super::view;
use crate::place::Place;
use crate::word::words;

words! {
    /// What the engine is doing.
    ApplianceState {
        /// It opens disks and reads the index.
        Starting = "starting",
        /// It has no key: nothing can be read or written.
        Locked = "locked",
        Ready = "ready",
        /// It works, with less than it should have.
        Degraded = "degraded",
        Stopping = "stopping",
    }
    /// How the appliance is, all facts taken together.
    Verdict {
        Healthy = "healthy",
        /// Somebody should look at it, some day.
        Attention = "attention",
        Degraded = "degraded",
        Critical = "critical",
    }
}

view! {
    /// The appliance as a whole: what it is doing and how it is.
    ApplianceView on "org.holdfast.Appliance1" at |_view| Some(Place::Appliance);

    /// The version of the engine.
    Constant version: String = "Version";
    /// What the engine is doing.
    State state: ApplianceState = "State";
    /// How the appliance is, all facts taken together. Alerts say why.
    State verdict: Verdict = "Verdict";
    /// Alerts that are neither cleared nor acknowledged.
    State open_alerts: u32 = "OpenAlerts";
    /// When the engine was started.
    State started_at: u64 = "StartedAt";
    /// When it was ready for work first; 0 until then.
    State ready_at: u64 = "ReadyAt";
    /// How often the engine was started again after it ended without being told to, since the
    /// appliance was switched on.
    State engine_restarts: u32 = "EngineRestarts";
    /// Whether servers that prove who they are tell the time. While the appliance is off, the pool
    /// ages by what they tell; without them it goes by running time alone.
    State time_proven: bool = "TimeProven";
    /// Memory that the engine takes.
    Progress memory_bytes: u64 = "MemoryBytes";
    /// Memory that it may take; 0 if there is no limit.
    State memory_limit_bytes: u64 = "MemoryLimitBytes";
}
