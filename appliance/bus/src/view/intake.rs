//! One intake.

use zbus::OwnedObjectPath;

use super::view;
use crate::place::Place;

view! {
    /// One intake: a disk that somebody writes, which becomes a recovery point when it is finished.
    IntakeView on "org.holdfast.Intake1" at |view| Some(Place::Intake(view.number));

    /// Its number: the last part of the path.
    Constant number: u64 = "Number";
    /// The protected system.
    Constant system: OwnedObjectPath = "System";
    /// The name of the volume.
    Constant volume: String = "Volume";
    /// The size of the volume.
    Constant bytes: u64 = "Bytes";
    /// The recovery point that it lies above: what nobody writes stays as it is there. `/` if it
    /// lies above nothing, and what nobody writes is zero.
    Constant base: OwnedObjectPath = "Base";
    /// Whether only `Finish` makes a recovery point of it. If not, clients that disconnect after
    /// they have written do.
    Constant explicit: bool = "Explicit";
    /// The Unix socket that NBD clients of this machine connect to. It takes writes and flushes,
    /// and refuses every read.
    Constant socket: String = "Socket";
    /// Since when it is there.
    Constant since: u64 = "Since";
    /// Whether it is finished: it takes no more writes, and a job makes a recovery point of it.
    State finished: bool = "Finished";
    /// Clients connected now.
    State connections: u32 = "Connections";
    /// What clients have written since the engine started.
    Progress bytes_written: u64 = "BytesWritten";
}
