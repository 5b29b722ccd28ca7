//! Power: the UPS.

use crate::Side;
use crate::table::Row;

pub(crate) const UPS_ON_BATTERY: Row = Row {
    name: "ups-on-battery",
    title: "The box runs on battery",
    severity: 6,
    side: Side::Box,
    message_id: 0x2b239198_a98f3e47_ed888584_4b8f3c0f,
    cause: "UPS {ups} feeds the box from its battery: {charge} left, enough for {runtime}.",
    next: "See to the mains; the box stops in order before the battery is empty.",
    clears: "the mains are back",
    hold_minutes: 5,
};

pub(crate) const UPS_BATTERY_LOW: Row = Row {
    name: "ups-battery-low",
    title: "The battery is nearly empty",
    severity: 9,
    side: Side::Box,
    message_id: 0x52f1898e_30e80ccf_ddd23f96_2e84dc1b,
    cause: "UPS {ups} is on battery and nearly empty: {charge} left, enough for {runtime}.",
    next: "Restore the mains now; the box is about to stop.",
    clears: "the mains are back and the battery is loaded",
    hold_minutes: 5,
};

pub(crate) const UPS_BATTERY_OLD: Row = Row {
    name: "ups-battery-old",
    title: "The battery is old",
    severity: 4,
    side: Side::Box,
    message_id: 0xef43e7e6_d0d8808f_249947ea_1434933e,
    cause: "The battery of UPS {ups} is to be replaced: {reason}.",
    next: "Replace the battery and run a self-test.",
    clears: "the battery was replaced",
    hold_minutes: 1440,
};

pub(crate) const UPS_TEST_FAILED: Row = Row {
    name: "ups-test-failed",
    title: "The self-test of the UPS failed",
    severity: 5,
    side: Side::Box,
    message_id: 0x03bc45bc_4b586e44_8fc33630_fe7aa930,
    cause: "The last self-test of UPS {ups} failed.",
    next: "Replace the battery, then run a self-test.",
    clears: "a self-test passed",
    hold_minutes: 0,
};

pub(crate) const UPS_UNREACHABLE: Row = Row {
    name: "ups-unreachable",
    title: "The UPS does not answer",
    severity: 5,
    side: Side::Box,
    message_id: 0x82e934bc_2f81a62c_27975e64_adb08010,
    cause: "UPS {ups} does not answer: a power cut would not be noticed in time.",
    next: "Look at its cable and at `systemctl status nut-driver@{ups}`.",
    clears: "the UPS answers",
    hold_minutes: 15,
};
