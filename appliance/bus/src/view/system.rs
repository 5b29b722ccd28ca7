//! One protected system.

use zbus::OwnedObjectPath;

use super::view;
use crate::place::{Place, SYSTEM_ID_MAX};
use crate::word::words;

words! {
    /// Whether the newest recovery point is young enough.
    RpoState {
        /// There is no recovery point yet, or no RPO was agreed.
        Unknown = "unknown",
        Met = "met",
        /// The next one must not fail.
        Warning = "warning",
        Breached = "breached",
    }
}

view! {
    /// One protected system: what was agreed for it and what is there.
    SystemView on "org.holdfast.ProtectedSystem1"
        at |view| (view.id.len() <= SYSTEM_ID_MAX).then(|| Place::System(view.id.clone()));

    /// Names the system on this appliance, at most 255 bytes: the last part of the path says the
    /// same, with `_` and two hexadecimal digits for each byte that a path cannot hold.
    Constant id: String = "Id";
    /// The name of it, for people.
    State name: String = "Name";
    /// Under whose keys it is stored.
    Constant tenant: String = "Tenant";
    /// The client of the MSP that it belongs to, as the plan names it; empty if that names none.
    State client: String = "Client";
    /// How its bytes come: `qemu`, `nbd`, `agent`, `push`, `stream`, `file`.
    State kind: String = "Kind";
    /// How old the newest recovery point may get, in seconds; 0 if nothing was agreed.
    State rpo_seconds: u64 = "RpoSeconds";
    /// How long a restore may take, in seconds; 0 if nothing was agreed.
    State rto_seconds: u64 = "RtoSeconds";
    /// Whether the newest recovery point is young enough.
    State rpo_state: RpoState = "RpoState";
    /// The newest recovery point.
    State last_point: OwnedObjectPath = "LastPoint";
    /// When that was made.
    State last_point_at: u64 = "LastPointAt";
    /// The newest recovery point that was proved by booting it.
    State last_proved_point: OwnedObjectPath = "LastProvedPoint";
    /// When that was proved.
    State last_proved_at: u64 = "LastProvedAt";
    /// When the next ingest is to run; 0 if none is planned.
    State next_run_at: u64 = "NextRunAt";
    /// The state that the last ingest ended in, as of a job; empty if there was none.
    State last_result: String = "LastResult";
    /// Schedules do not start ingests of it.
    State paused: bool = "Paused";
    /// Why it is paused; empty if it is not.
    State pause_reason: String = "PauseReason";
    /// Recovery points that it has.
    State points: u32 = "Points";
    /// The sizes of its volumes in the newest recovery point, added up.
    State logical_bytes: u64 = "LogicalBytes";
}
