//! One export.

use zbus::OwnedObjectPath;

use super::view;
use crate::place::Place;

view! {
    /// One export: a volume of a recovery point served as a disk.
    ExportView on "org.holdfast.Export1" at |view| Some(Place::Export(view.number));

    /// Its number: the last part of the path.
    Constant number: u64 = "Number";
    /// The recovery point.
    Constant point: OwnedObjectPath = "Point";
    /// The name of the volume.
    Constant volume: String = "Volume";
    /// The Unix socket that NBD clients of this machine connect to; empty if there is none.
    Constant socket: String = "Socket";
    /// The address and port that NBD clients connect to with TLS; empty if there is none.
    Constant address: String = "Address";
    /// Whether clients may write. What they write goes to an overlay, never to the recovery point.
    Constant writable: bool = "Writable";
    /// Since when it is served.
    Constant since: u64 = "Since";
    /// Clients connected now.
    State connections: u32 = "Connections";
    /// What clients have read.
    Progress bytes_read: u64 = "BytesRead";
    /// What clients have written.
    Progress bytes_written: u64 = "BytesWritten";
    /// What the overlay takes.
    Progress overlay_bytes: u64 = "OverlayBytes";
}
