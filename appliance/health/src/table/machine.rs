//! The machine: memory, heat, fans, services, and what could not be found out.

use crate::Side;
use crate::table::Row;

pub(crate) const MEMORY_LOW: Row = Row {
    name: "memory-low",
    title: "Memory is short",
    severity: 6,
    side: Side::Box,
    message_id: 0x9b91d4cd_7f015602_ab414553_4f5b230c,
    cause: "{available} of {total} of memory are left.",
    next: "Stop exports that nobody uses; lower the number of concurrent ingests.",
    clears: "enough memory is free again",
    hold_minutes: 30,
};

pub(crate) const MEMORY_ERRORS: Row = Row {
    name: "memory-errors",
    title: "Memory is faulty",
    severity: 7,
    side: Side::Box,
    message_id: 0xb1c2bbc6_f48e64a6_82ed20aa_ede58e7d,
    cause: "The memory had {errors} errors that could not be corrected since the machine started.",
    next: "Replace the memory; run `holdfast verify` afterwards.",
    clears: "the machine was restarted with sound memory",
    hold_minutes: 0,
};

pub(crate) const BOX_HOT: Row = Row {
    name: "box-hot",
    title: "The box is hot",
    severity: 6,
    side: Side::Box,
    message_id: 0x56df23bd_fcf0d39a_c32117fa_faa50cb1,
    cause: "Sensor {sensor} is at {celsius} °C; {limit} °C is the most that is good.",
    next: "Look at the fans, the filters and the room.",
    clears: "the sensor is below the limit",
    hold_minutes: 30,
};

pub(crate) const FAN_FAILED: Row = Row {
    name: "fan-failed",
    title: "A fan failed",
    severity: 6,
    side: Side::Box,
    message_id: 0x2e1b5bc4_8850bf10_9a8f911f_fd7e2d40,
    cause: "Fan {fan} turns at {rpm} rounds a minute; {limit} is the least that is good.",
    next: "Clean or replace the fan before the disks get hot.",
    clears: "the fan turns again",
    hold_minutes: 30,
};

pub(crate) const SERVICE_FAILED: Row = Row {
    name: "service-failed",
    title: "A service failed",
    severity: 7,
    side: Side::Box,
    message_id: 0x2dac1411_89c9dba4_edc18ab9_0be4fabb,
    cause: "The service {service} has failed and does not run.",
    next: "Read `journalctl -u {service}`, then run `systemctl restart {service}`.",
    clears: "the service runs",
    hold_minutes: 10,
};

pub(crate) const ENGINE_RESTARTED: Row = Row {
    name: "engine-restarted",
    title: "The engine was restarted",
    severity: 6,
    side: Side::Box,
    message_id: 0x75aec7c8_6bbaf6b0_16e6efcf_3a2f65fc,
    cause: "The engine ended without being told to and was started again: {count} times within the \
        last day, {ago} ago the last time.",
    next: "Read `journalctl -u holdfast-engine` before the restart: whether it crashed, ran out of \
        memory, or hung on a disk and was ended by the watchdog.",
    clears: "it has not happened for a day",
    hold_minutes: 0,
};

pub(crate) const STATE_UNKNOWN: Row = Row {
    name: "state-unknown",
    title: "Something could not be found out",
    severity: 5,
    side: Side::Box,
    message_id: 0xea514b36_2333a539_07b71bf3_94f58b5d,
    cause: "It is not known how it stands with {what}.",
    next: "Read `journalctl -p warning -u 'holdfast-*'` for what could not be read.",
    clears: "it is known again",
    hold_minutes: 10,
};
