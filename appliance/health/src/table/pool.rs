//! The pool: copies, damage, keys, room.

use crate::Side;
use crate::table::Row;

pub(crate) const POOL_DEGRADED: Row = Row {
    name: "pool-degraded",
    title: "The pool has no second copy",
    severity: 7,
    side: Side::Box,
    message_id: 0xc2e5ba2a_ad28fae6_d0a3de53_2485c26d,
    cause: "{whole} of {disks} disks hold everything; what is on them has fewer copies than it \
        should have.",
    next: "Run `holdfast disk status` and replace or return what is missing.",
    clears: "all disks hold everything",
    hold_minutes: 0,
};

pub(crate) const POOL_RESYNCING: Row = Row {
    name: "pool-resyncing",
    title: "A disk is being brought up to date",
    severity: 4,
    side: Side::Box,
    message_id: 0x17096738_4de0f2b9_ee383628_41d3cda0,
    cause: "A disk is being brought up to date: {done} of {all} are copied.",
    next: "Leave the disks in; `holdfast disk status` shows how far it is.",
    clears: "everything is copied",
    hold_minutes: 0,
};

pub(crate) const RECORDS_HEALED: Row = Row {
    name: "records-healed",
    title: "Damaged records were healed",
    severity: 4,
    side: Side::Box,
    message_id: 0xb3a3471d_5b0b30df_faad58c4_63d3bc8a,
    cause: "Damaged records on disk {disk}, healed from another within the last {within}: \
        {records}.",
    next: "Run `holdfast scrub`; replace the disk if the number grows.",
    clears: "nothing had to be healed for that long",
    hold_minutes: 60,
};

pub(crate) const STORE_DAMAGED: Row = Row {
    name: "store-damaged",
    title: "Records are damaged on every disk",
    severity: 7,
    side: Side::Box,
    message_id: 0x4ac7270d_15dd219d_3d4eaec7_246154c0,
    cause: "Records of the store that no disk holds whole: {records}.",
    next: "Run `holdfast verify` to learn which recovery points they belong to.",
    clears: "a verify finds every record whole",
    hold_minutes: 0,
};

pub(crate) const LOG_DAMAGED: Row = Row {
    name: "log-damaged",
    title: "The log of the store is damaged",
    severity: 7,
    side: Side::Box,
    message_id: 0x783ce1c4_ccb8d3f1_fe95129b_79846061,
    cause: "The log of the store could not be read to its end: {error}.",
    next: "Run `holdfast verify`, then `holdfast inspect` on each disk; keep the disks as they \
        are.",
    clears: "the log reads whole",
    hold_minutes: 0,
};

pub(crate) const INDEX_REBUILT: Row = Row {
    name: "index-rebuilt",
    title: "The index was rebuilt",
    severity: 4,
    side: Side::Box,
    message_id: 0x0baf8202_98dda63a_99b691fc_9b31d756,
    cause: "The index of the store was rebuilt from its segments {ago} ago.",
    next: "Nothing is lost; if it happens again run `holdfast verify`.",
    clears: "it has not happened for a day",
    hold_minutes: 0,
};

pub(crate) const POINTS_LOST: Row = Row {
    name: "points-lost",
    title: "Recovery points are lost",
    severity: 9,
    side: Side::Box,
    message_id: 0x11a98609_7ae40b57_2d3f0be1_e371e44d,
    cause: "Recovery points of {system} that cannot be given back whole: {points} ({names}).",
    next: "Take a new recovery point of {system} now, and get the lost ones from the vault if it \
        has them.",
    clears: "they are whole again, or were removed",
    hold_minutes: 0,
};

pub(crate) const POOL_NOT_OPENABLE: Row = Row {
    name: "pool-not-openable",
    title: "The pool cannot be opened",
    severity: 10,
    side: Side::Box,
    message_id: 0x4148eb1b_d10321d6_a89918b3_46fa9f76,
    cause: "The pool cannot be opened: {error}.",
    next: "Write nothing to its disks; run `holdfast inspect` on each and escalate.",
    clears: "the pool is open",
    hold_minutes: 0,
};

pub(crate) const POOL_LOCKED: Row = Row {
    name: "pool-locked",
    title: "The pool is locked",
    severity: 8,
    side: Side::Box,
    message_id: 0xf642a5f7_ce335b43_3ce9b27c_b40b1ccf,
    cause: "The pool is locked: there is no key to open it with.",
    next: "Unlock it with its passphrase or with the recovery kit.",
    clears: "the pool is open",
    hold_minutes: 0,
};

pub(crate) const KIT_UNPROVED: Row = Row {
    name: "kit-unproved",
    title: "No recovery kit is proved",
    severity: 8,
    side: Side::Box,
    message_id: 0xba2b8a00_d9c45419_84d8ee2f_56438d6f,
    cause: "No recovery kit of this pool has been proved, so no recovery point is made.",
    next: "Get the printed kit and run `holdfast kit prove`.",
    clears: "a kit was proved",
    hold_minutes: 0,
};

pub(crate) const POOL_FILLING: Row = Row {
    name: "pool-filling",
    title: "The pool will be full",
    severity: 5,
    side: Side::Box,
    message_id: 0x3974cebb_71f8634d_0071aca9_b737f6bd,
    cause: "The pool is {used} % full and, as it grows, full in {days} days; {reclaimable} can be \
        reclaimed.",
    next: "Look at the retention with `holdfast policy show`, run `holdfast expire` and `holdfast \
        reclaim`, or order larger disks.",
    clears: "the forecast is longer again",
    hold_minutes: 720,
};

pub(crate) const SPACE_LOW: Row = Row {
    name: "space-low",
    title: "Little room is left",
    severity: 7,
    side: Side::Box,
    message_id: 0x469b5d36_0c5a9a60_e78a8f43_cb03c612,
    cause: "The pool is {used} % full with {free} left, full in {days} days as it grows; \
        {reclaimable} can be reclaimed.",
    next: "Run `holdfast expire` and `holdfast reclaim`; shorten a retention or put in larger \
        disks.",
    clears: "enough is free again",
    hold_minutes: 60,
};

pub(crate) const POOL_FULL: Row = Row {
    name: "pool-full",
    title: "The pool is full",
    severity: 9,
    side: Side::Box,
    message_id: 0x9c59c703_4e46c18f_86d02ec4_045033ef,
    cause: "The pool is full with {free} left and takes no recovery points; {reclaimable} can be \
        reclaimed.",
    next: "Run `holdfast expire` and `holdfast reclaim` now, then shorten a retention or put in \
        larger disks.",
    clears: "recovery points are taken again",
    hold_minutes: 10,
};

pub(crate) const POINTS_SCATTERED: Row = Row {
    name: "points-scattered",
    title: "A system reads slowly",
    severity: 4,
    side: Side::Box,
    message_id: 0x2c1b8088_12ec9639_be00a5f6_4d134e60,
    cause: "Reading the newest recovery point of {system} takes {amplification} times the reads \
        that it would take in order.",
    next: "Leave the box idle for a night so that it can be rewritten in order.",
    clears: "reads are in order again",
    hold_minutes: 1440,
};
