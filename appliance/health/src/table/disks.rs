//! Disks of the pool: there, failing, worn, hot.

use crate::Side;
use crate::table::Row;

pub(crate) const DISK_MISSING: Row = Row {
    name: "disk-missing",
    title: "A disk is missing",
    severity: 7,
    side: Side::Box,
    message_id: 0xea226e25_7fda2fa5_87a630b7_f0abb7da,
    cause: "Disk {disk} ({place}) is not there; the pool runs without it.",
    next: "Put it back and run `holdfast disk return`, or put in a new disk and run `holdfast \
        disk replace`.",
    clears: "the disk is back in the pool, or was replaced",
    hold_minutes: 10,
};

pub(crate) const DISK_FAILED: Row = Row {
    name: "disk-failed",
    title: "A disk failed",
    severity: 7,
    side: Side::Box,
    message_id: 0x2a97a773_fa37e3cf_07226620_4bf55e4d,
    cause: "Disk {disk} ({place}) failed: {error}.",
    next: "Put in a new disk and run `holdfast disk replace`.",
    clears: "the disk was replaced",
    hold_minutes: 10,
};

pub(crate) const DISK_RETURNED: Row = Row {
    name: "disk-returned",
    title: "A disk is back, out of date",
    severity: 5,
    side: Side::Box,
    message_id: 0xade088d1_3b487b96_97b61e9c_e2a7138d,
    cause: "Disk {disk} ({place}) is back after {away}; it lacks what was written since and does \
        not count as a copy.",
    next: "Run `holdfast disk return`: only what differs is copied.",
    clears: "the disk is up to date, or was taken out",
    hold_minutes: 10,
};

pub(crate) const DISK_FOREIGN: Row = Row {
    name: "disk-foreign",
    title: "A disk that is not of this pool",
    severity: 4,
    side: Side::Box,
    message_id: 0x03db519f_da59d8e5_6fe22a69_f346af70,
    cause: "Disk {disk} ({place}) does not belong to this pool and is left alone.",
    next: "Take it out; only if nothing on it is needed add it with `holdfast disk add`.",
    clears: "the disk was taken out or added",
    hold_minutes: 10,
};

pub(crate) const DISK_SLOW: Row = Row {
    name: "disk-slow",
    title: "A disk answers slowly",
    severity: 5,
    side: Side::Box,
    message_id: 0x10f8b996_514980ed_7c2a9bb2_053df1cb,
    cause: "Disk {disk} ({place}) takes {latency} ms for a request; {limit} ms is the most that \
        is good.",
    next: "Look at its cable and at `smartctl -x`; replace the disk if it stays slow.",
    clears: "the disk answers in time again",
    hold_minutes: 60,
};

pub(crate) const DISK_FAILING: Row = Row {
    name: "disk-failing",
    title: "A disk foretells its failure",
    severity: 7,
    side: Side::Box,
    message_id: 0xadf7f166_ac8c0011_4a5d8450_f716da1f,
    cause: "Disk {disk} ({place}) says of itself by SMART that it is about to fail.",
    next: "Replace it while the other copy is whole: `holdfast disk replace`.",
    clears: "the disk was replaced",
    hold_minutes: 60,
};

pub(crate) const DISK_SECTORS: Row = Row {
    name: "disk-sectors",
    title: "A disk has bad sectors",
    severity: 5,
    side: Side::Box,
    message_id: 0x8ee947ad_2684b3e4_9b074e8b_7b6eddc1,
    cause: "Disk {disk} ({place}) counts {reallocated} reallocated, {pending} pending and \
        {uncorrectable} uncorrectable sectors.",
    next: "Run `holdfast scrub`, order a replacement, and replace the disk when the numbers grow.",
    clears: "the disk was replaced, or its counts are below the limits",
    hold_minutes: 1440,
};

pub(crate) const DISK_WORN: Row = Row {
    name: "disk-worn",
    title: "A disk is worn",
    severity: 5,
    side: Side::Box,
    message_id: 0xa1d6a76c_d8f47957_3245b658_286adbab,
    cause: "Disk {disk} ({place}) has used {wear} % of the writes that it is rated for.",
    next: "Plan its replacement: `holdfast disk replace`.",
    clears: "the disk was replaced",
    hold_minutes: 1440,
};

pub(crate) const DISK_HOT: Row = Row {
    name: "disk-hot",
    title: "A disk is hot",
    severity: 6,
    side: Side::Box,
    message_id: 0x3eba7bb9_18678a04_053590a6_d639a9b8,
    cause: "Disk {disk} ({place}) is at {celsius} °C; {limit} °C is the most that is good.",
    next: "Look at the fans, the filters and the room.",
    clears: "the disk is below the limit",
    hold_minutes: 30,
};
