//! One recovery point.

use zbus::OwnedObjectPath;

use super::view;
use crate::place::Place;

view! {
    /// One recovery point: a protected system at an instant, which can be restored.
    PointView on "org.holdfast.RecoveryPoint1" at |view| view.id.parse().ok().map(Place::Point);

    /// The id of it, in hexadecimal digits: the last part of the path.
    Constant id: String = "Id";
    /// The protected system.
    Constant system: OwnedObjectPath = "System";
    /// Under whose keys it is stored.
    Constant tenant: String = "Tenant";
    /// When it was made, as the clock of the box had it.
    Constant created_at: u64 = "CreatedAt";
    /// Orders recovery points: the higher is the newer, whatever the clock said.
    Constant sequence: u64 = "Sequence";
    /// What it is of: `volumes`, or `stream`: what a program wrote, which is restored in one piece
    /// and is no disk.
    Constant content: String = "Content";
    /// Number, name and bytes of each volume, or of the stream.
    Constant volumes: Vec<(u32, String, u64)> = "Volumes";
    /// The sizes of its volumes, added up.
    Constant logical_bytes: u64 = "LogicalBytes";
    /// What it added to the store when it was made.
    Constant added_bytes: u64 = "AddedBytes";
    /// Of what moment its bytes are: `inconsistent` (of several), `crash` (of one, as after a power
    /// failure), `file-system` (file systems had written all that they had), `application` (they
    /// and the applications had), or `unknown`.
    Constant consistency: String = "Consistency";
    /// What was unusual when it was made: `change` (much of it changed) and `dense` (what changed
    /// cannot be compressed). Both together look like encryption by an intruder.
    Constant signals: Vec<String> = "Signals";
    /// Somebody has looked at the signals.
    State cleared: bool = "Cleared";
    /// It stays, whatever retention says, until it is released.
    State held: bool = "Held";
    /// It is to go; until then it is whole and can be restored.
    State removed: bool = "Removed";
    /// Who removed it: `hand` or `policy`; empty if it is not removed.
    State removed_by: String = "RemovedBy";
    /// Running time of the appliance, in seconds, after which it goes; 0 if it is not removed.
    Progress goes_in_seconds: u64 = "GoesInSeconds";
    /// When every byte of it was last verified.
    State verified_at: u64 = "VerifiedAt";
    /// When it was last proved by booting it.
    State proved_at: u64 = "ProvedAt";
    /// Something that it needs is lost. It cannot be restored as a whole.
    State broken: bool = "Broken";
}
