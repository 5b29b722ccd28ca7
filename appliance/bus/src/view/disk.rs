//! One disk of the pool.

use super::view;
use crate::place::Place;
use crate::value::Facts;
use crate::word::words;

words! {
    /// What part a disk takes in the pool.
    DiskState {
        /// It has everything.
        Active = "active",
        /// It gets every write, and is being filled with what was there before.
        Syncing = "syncing",
        /// The pool knows it and cannot find it.
        Missing = "missing",
        /// It failed and gets no more writes.
        Failed = "failed",
        /// It is there, and missed writes while it was away. Return or replace it.
        Stale = "stale",
        /// It was removed from the pool.
        Left = "left",
    }
    /// What the disk says about itself.
    Smart {
        /// It says nothing, or was not asked yet.
        Unknown = "unknown",
        Good = "good",
        /// It works and wears out.
        Worn = "worn",
        /// It expects to fail.
        Failing = "failing",
    }
}

view! {
    /// One disk of the pool, there or not.
    DiskView on "org.holdfast.Disk1" at |view| view.id.parse().ok().map(Place::Disk);

    /// The id that the pool gave the disk, in hexadecimal digits: the last part of the path.
    Constant id: String = "Id";
    /// Its number in the pool.
    State number: u32 = "Number";
    /// The device or file that it was last found at; empty if it was not.
    State name: String = "Name";
    /// The serial number that the disk tells; empty if it tells none.
    State serial: String = "Serial";
    /// What part it takes in the pool.
    State state: DiskState = "State";
    /// The size of it.
    State size_bytes: u64 = "SizeBytes";
    /// Segments that it should have and has not.
    Progress segments_behind: u64 = "SegmentsBehind";
    /// What these segments take.
    Progress bytes_behind: u64 = "BytesBehind";
    /// Reads that failed since the pool was opened.
    State read_errors: u64 = "ReadErrors";
    /// Writes and flushes that failed since the pool was opened. One is enough to fail a disk.
    State write_errors: u64 = "WriteErrors";
    /// Copies on it that were not what had been written, since the pool was opened.
    State damaged_records: u64 = "DamagedRecords";
    /// How many of those were written again from a good copy.
    State healed_records: u64 = "HealedRecords";
    /// What the disk says about itself.
    State smart: Smart = "Smart";
    /// Figures behind that, as far as the disk tells them: `temperature_celsius`,
    /// `power_on_hours`, `wear_percent`, `reallocated_sectors`, `pending_sectors`.
    Progress smart_facts: Facts = "SmartFacts";
}
