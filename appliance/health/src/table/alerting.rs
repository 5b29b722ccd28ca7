//! Whether alerts reach anybody, and whether there are too many.

use crate::Side;
use crate::table::Row;

pub(crate) const CHANNEL_DEAD: Row = Row {
    name: "channel-dead",
    title: "Alerts do not get through",
    severity: 6,
    side: Side::Network,
    message_id: 0x036f86a9_12bbf6d3_ac60d5fc_6708b22d,
    cause: "Alerts have not got through by {channel} for {since}: {error}.",
    next: "Check its address and credentials, then send a test alert.",
    clears: "an alert got through",
    hold_minutes: 15,
};

pub(crate) const WARNINGS_TOO_MANY: Row = Row {
    name: "warnings-too-many",
    title: "Too many warnings",
    severity: 5,
    side: Side::Box,
    message_id: 0xad2b1465_42e143ef_365a5102_bc738b10,
    cause: "Warnings of the kind {kind} within a day: {count}; more than {limit} are a problem of \
        their own.",
    next: "Find what they have in common; each of them alone may look harmless.",
    clears: "there are fewer within a day",
    hold_minutes: 0,
};

pub(crate) const ALERTS_OVERFLOW: Row = Row {
    name: "alerts-overflow",
    title: "There are too many alerts",
    severity: 6,
    side: Side::Box,
    message_id: 0x4eebc380_164d1167_34539b82_11a8f766,
    cause: "There is no room for {dropped} more alerts; the most severe {kept} are kept.",
    next: "Treat the most severe ones; look for one cause behind many.",
    clears: "there is room again",
    hold_minutes: 60,
};
