//! Protected systems and their recovery points.

use crate::Side;
use crate::table::Row;

pub(crate) const SCHEDULE_MISSED: Row = Row {
    name: "schedule-missed",
    title: "A scheduled run was missed",
    severity: 7,
    side: Side::Box,
    message_id: 0x97646807_66d97568_a057b4b7_cd3f024a,
    cause: "{system} was due {ago} ago and has not been started (runs missed: {missed}).",
    next: "See which jobs are in the way, or widen the window of {system}; run it now.",
    clears: "it was started",
    hold_minutes: 0,
};

pub(crate) const SYSTEM_UNSEEN: Row = Row {
    name: "system-unseen",
    title: "A protected system is not seen",
    severity: 7,
    side: Side::Source,
    message_id: 0x49863035_09bb5a4a_73a4870b_9d788c8e,
    cause: "{system} has not been seen for {unseen}.",
    next: "See whether {system} is switched on and reaches the box.",
    clears: "it was seen",
    hold_minutes: 10,
};

pub(crate) const RPO_BREACHED: Row = Row {
    name: "rpo-breached",
    title: "A recovery point is too old",
    severity: 7,
    side: Side::Box,
    message_id: 0xb933bb98_abc4aff2_b700b58d_094dbb75,
    cause: "The newest recovery point of {system} is {age} old; its RPO is {rpo}.",
    next: "See the jobs of {system} for why; run it now.",
    clears: "a new recovery point is there",
    hold_minutes: 0,
};

pub(crate) const NEVER_PROTECTED: Row = Row {
    name: "never-protected",
    title: "A system has no recovery point",
    severity: 7,
    side: Side::Box,
    message_id: 0xda4aea74_5d80f10d_4ffdabfe_62d447fa,
    cause: "{system} has no recovery point at all.",
    next: "Take one now, and see the jobs of {system} if that fails.",
    clears: "a recovery point is there",
    hold_minutes: 0,
};

pub(crate) const POINT_SUSPECT: Row = Row {
    name: "point-suspect",
    title: "A recovery point looks attacked",
    severity: 8,
    side: Side::Source,
    message_id: 0xaef06d53_4dac9ff7_0d48b7ec_fbbf6310,
    cause: "Recovery point {point} of {system} shows signs of an attack: {signals}.",
    next: "Look at {system} before anything else; if it is sound run `holdfast points clear \
        {point}`.",
    clears: "somebody cleared the point",
    hold_minutes: 0,
};

pub(crate) const EXPIRY_FROZEN: Row = Row {
    name: "expiry-frozen",
    title: "Nothing of a system expires",
    severity: 5,
    side: Side::Box,
    message_id: 0x0bab1f4d_babc476c_ea3b2e35_df492ee6,
    cause: "Nothing of {system} expires until somebody has looked at its suspect recovery points.",
    next: "Look at its suspect recovery points and clear them with `holdfast points clear`.",
    clears: "the suspect points were cleared",
    hold_minutes: 0,
};

pub(crate) const POINTS_UNVERIFIED: Row = Row {
    name: "points-unverified",
    title: "Recovery points are not verified",
    severity: 5,
    side: Side::Box,
    message_id: 0xe7292da1_9b79814c_87b456ca_5741ada2,
    cause: "Recovery points of {system} not verified in time: {points}, the oldest for {oldest}; \
        due within {within}.",
    next: "Run `holdfast verify`, or widen the window for it.",
    clears: "they were verified",
    hold_minutes: 0,
};
