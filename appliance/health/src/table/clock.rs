//! The clock on the wall, running time, and certificates, which live by the clock.

use crate::Side;
use crate::table::Row;

pub(crate) const CLOCK_JUMPED: Row = Row {
    name: "clock-jumped",
    title: "The clock jumped",
    severity: 6,
    side: Side::Box,
    message_id: 0x3272375e_b4359039_b2e47485_591cb514,
    cause: "The clock on the wall was moved {direction} by {jump}, {ago} ago.",
    next: "Check the time with `timedatectl`; if nobody set it, look for who did.",
    clears: "it has not happened for a day",
    hold_minutes: 0,
};

pub(crate) const CLOCK_UNSYNCHRONISED: Row = Row {
    name: "clock-unsynchronised",
    title: "The clock is not synchronised",
    severity: 5,
    side: Side::Network,
    message_id: 0x1bf7e4e1_69597bbc_0bac8f2e_97980ab4,
    cause: "No time server has confirmed the clock for {since}.",
    next: "Allow the box to reach its time servers: `timedatectl timesync-status`.",
    clears: "a time server confirms the clock",
    hold_minutes: 60,
};

pub(crate) const CLOCK_IMPLAUSIBLE: Row = Row {
    name: "clock-implausible",
    title: "The clock cannot be right",
    severity: 7,
    side: Side::Box,
    message_id: 0x8e604f7f_76581159_713ded13_ed882cf9,
    cause: "The clock says {wall}, before the {built} on which this version was made.",
    next: "Set the clock, and replace the battery on the main board.",
    clears: "the clock is later than that",
    hold_minutes: 0,
};

pub(crate) const RUNNING_BEHIND: Row = Row {
    name: "running-behind",
    title: "Running time lags behind",
    severity: 4,
    side: Side::Box,
    message_id: 0x6f10b4fc_63dfd46a_2a4c046a_d08b749c,
    cause: "Of the last {span} the box ran {ran}; retention and locks wait for running time.",
    next: "Let the box run through; see why it was switched off.",
    clears: "it runs most of the time",
    hold_minutes: 1440,
};

pub(crate) const CERTIFICATE_EXPIRING: Row = Row {
    name: "certificate-expiring",
    title: "A certificate expires soon",
    severity: 5,
    side: Side::Box,
    message_id: 0xc98ce89e_ce90fe53_c385ca67_2a343612,
    cause: "Certificate {certificate} expires in {left}.",
    next: "Renew it; the box does so by itself when it reaches its authority.",
    clears: "it was renewed",
    hold_minutes: 0,
};

pub(crate) const CERTIFICATE_EXPIRED: Row = Row {
    name: "certificate-expired",
    title: "A certificate has expired",
    severity: 7,
    side: Side::Box,
    message_id: 0x0e387ea0_8c104971_da0226a3_c74fb939,
    cause: "Certificate {certificate} expired {ago} ago; recovery points and restores on the box \
        go on.",
    next: "Renew it now at the console; whoever checks it refuses the box.",
    clears: "it was renewed",
    hold_minutes: 0,
};
