//! Jobs, and the maintenance that they do.

use crate::Side;
use crate::table::Row;

pub(crate) const JOB_FAILED: Row = Row {
    name: "job-failed",
    title: "A job failed",
    severity: 7,
    side: Side::Box,
    message_id: 0x648d8295_6df30341_861557c9_81061b48,
    cause: "{job} failed: {error}.",
    next: "{next}.",
    clears: "the job ran well",
    hold_minutes: 0,
};

pub(crate) const JOB_RETRYING: Row = Row {
    name: "job-retrying",
    title: "A job failed and is tried again",
    severity: 3,
    side: Side::Box,
    message_id: 0xa3f13ded_9ffdeabc_474e4346_74096e4b,
    cause: "{job} failed and is tried again in {retry} (failures in a row: {failures}): {error}.",
    next: "Nothing yet: it is escalated when the retries are used up.",
    clears: "the job ran well",
    hold_minutes: 0,
};

pub(crate) const JOB_WARNED: Row = Row {
    name: "job-warned",
    title: "A job ended with warnings",
    severity: 7,
    side: Side::Box,
    message_id: 0xd1e26fda_3b4506a6_6ef6e4dd_4e72141f,
    cause: "{job} ended with warnings ({warnings}): {error}.",
    next: "{next}.",
    clears: "the job ran without warnings",
    hold_minutes: 0,
};

pub(crate) const JOB_STALLED: Row = Row {
    name: "job-stalled",
    title: "A job stands still",
    severity: 7,
    side: Side::Box,
    message_id: 0x226f20dd_8330e35e_874f87db_82e6b406,
    cause: "{job} has moved no byte for {silent}.",
    next: "See whether its source and its disks answer; cancel it and run it again.",
    clears: "bytes move again, or the job ended",
    hold_minutes: 5,
};

pub(crate) const JOB_OVERDUE: Row = Row {
    name: "job-overdue",
    title: "A job runs too long",
    severity: 7,
    side: Side::Box,
    message_id: 0x5769daba_1d247898_8873b169_8e1b8953,
    cause: "{job} has run for {ran}; its deadline is {deadline}.",
    next: "See with `holdfast top` how far it is; cancel it if it will not end.",
    clears: "the job ended",
    hold_minutes: 0,
};

pub(crate) const JOB_INTERRUPTED: Row = Row {
    name: "job-interrupted",
    title: "A job was cut off by a stop",
    severity: 3,
    side: Side::Box,
    message_id: 0x8f23b3f4_eb891a16_af01f1ef_76264c0e,
    cause: "{job} was cut off when the box stopped and has not run since.",
    next: "See how far it came, and start it again if it is still wanted.",
    clears: "the job ran again",
    hold_minutes: 0,
};

pub(crate) const MAINTENANCE_OVERDUE: Row = Row {
    name: "maintenance-overdue",
    title: "Maintenance is overdue",
    severity: 7,
    side: Side::Box,
    message_id: 0xa452d8db_c685e316_bb908131_0ae45451,
    cause: "The last {task} that ended well was {ago}; one is due every {every}.",
    next: "See what kept it from running, widen its window, or run it now.",
    clears: "it ended well",
    hold_minutes: 0,
};

pub(crate) const MAINTENANCE_FAILED: Row = Row {
    name: "maintenance-failed",
    title: "Maintenance failed",
    severity: 7,
    side: Side::Box,
    message_id: 0x8ea2fc64_700b112f_941ffbfc_741a1a1b,
    cause: "The last {task} failed: {error}.",
    next: "Read its job's history; run it again once the cause is gone.",
    clears: "it ended well",
    hold_minutes: 0,
};
