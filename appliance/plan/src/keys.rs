//! Every key of a plan: what it means, its unit and range, its default, an example.
//!
//! The reader takes no other keys, the nearest known one is looked for here, and PLAN.md is held
//! to this table by a test.

use document::{Section, key};

const SPAN: &str = "time";
const TEXT: &str = "text";
const LIST: &str = "list";
const TABLE: &str = "table";
const COUNT: &str = "number";
const ANY_TEXT: &str = "1 to 255 characters";
const WINDOWS: &str = "up to 64 windows";

pub(crate) const DOCUMENT: Section = Section {
    name: "top level",
    keys: &[
        key("format", "version of this format", COUNT, "1", "required", "1"),
        key("client", "clients of the MSP, one table each", LIST, "up to 500", "none", "[]"),
        key("system", "protected systems, one table each", LIST, "up to 2000", "none", "[]"),
        key("maintenance", "what keeps the store sound", TABLE, "-", "see below", "{}"),
        key("limits", "how much the box does at once", TABLE, "-", "see below", "{}"),
    ],
};

pub(crate) const CLIENT: Section = Section {
    name: "[[client]]",
    keys: &[
        key("name", "name of its tenant", TEXT, ANY_TEXT, "required", "\"acme\""),
        key(
            "zone",
            "time zone in which its windows and times are meant",
            TEXT,
            "IANA name",
            "required",
            "\"Europe/Berlin\"",
        ),
        key(
            "code-priority",
            "priority of alerts by alert code, before any other rule",
            TABLE,
            "p1, p2, p3, notify, stored",
            "none",
            "{ job-warned = \"notify\" }",
        ),
        key(
            "severity-priority",
            "priority of alerts by severity",
            TABLE,
            "1 to 10; p1, p2, p3, notify, stored",
            "10-9 p1, 8-7 p2, 6-5 p3, 4-3 notify, 2-1 stored",
            "{ 6 = \"p2\", 5 = \"notify\" }",
        ),
        key("retry", "how failed jobs are run again", TABLE, "-", "see below", "{ count = 5 }"),
    ],
};

pub(crate) const RETRY: Section = Section {
    name: "[client.retry]",
    keys: &[
        key("count", "most retries of a run; 0 for none", COUNT, "0 to 100", "3", "5"),
        key(
            "back-off",
            "wait before the first retry, doubled before each further one",
            SPAN,
            "1s to 1d",
            "5m",
            "\"10m\"",
        ),
        key(
            "window",
            "counted from the first failure; nothing is retried after it",
            SPAN,
            "1m to 7d",
            "4h",
            "\"6h\"",
        ),
        key(
            "escalate-after",
            "from so many failures in a row on a person is told",
            COUNT,
            "1 to 100",
            "2",
            "3",
        ),
        key(
            "never-during",
            "no retry begins within these",
            LIST,
            WINDOWS,
            "none",
            "[\"Mon-Fri 08:00-18:00\"]",
        ),
    ],
};

pub(crate) const SYSTEM: Section = Section {
    name: "[[system]]",
    keys: &[
        key("name", "unique among all systems", TEXT, ANY_TEXT, "required", "\"mail\""),
        key("client", "name of its client", TEXT, "a [[client]]", "required", "\"acme\""),
        key(
            "source",
            "where its bytes come from",
            TABLE,
            "see below",
            "required",
            "{ kind = \"push\" }",
        ),
        key(
            "rpo",
            "most that its newest recovery point may be old",
            SPAN,
            "1m to 365d",
            "required",
            "\"4h\"",
        ),
        key("rto", "in what time it is to run again", SPAN, "1m to 365d", "required", "\"1h\""),
        key(
            "interval",
            "a run begins so long after the last one began; this or `times`",
            SPAN,
            "1m to 365d",
            "required",
            "\"2h\"",
        ),
        key(
            "times",
            "a run begins each day at these times; this or `interval`",
            LIST,
            "1 to 96 times, 00:00 to 23:59",
            "none",
            "[\"06:30\", \"12:00\", \"18:00\"]",
        ),
        key(
            "windows",
            "runs begin only within these",
            LIST,
            WINDOWS,
            "always",
            "[\"Mon-Fri 18:00-07:00\", \"Sat,Sun 00:00-24:00\"]",
        ),
        key(
            "blackouts",
            "no run begins within these",
            LIST,
            WINDOWS,
            "none",
            "[\"Sun 02:00-04:00\"]",
        ),
        key(
            "retention",
            "which recovery points stay",
            TABLE,
            "see below",
            "everything stays",
            "{ daily = 14, monthly = 12 }",
        ),
        key(
            "verify",
            "at this age a recovery point is to have been verified",
            SPAN,
            "1h to 365d",
            "left to scrubs",
            "\"7d\"",
        ),
        key(
            "excluded",
            "volumes or disks that are left out",
            LIST,
            "up to 100 names",
            "none",
            "[\"swap\"]",
        ),
    ],
};

pub(crate) const SOURCE: Section = Section {
    name: "[system.source]",
    keys: &[
        key(
            "kind",
            "image, nbd, libvirt, qmp, push (the client writes to a disk of the box), agent, \
             stream (pg_dump, tar)",
            TEXT,
            "one of these",
            "required",
            "\"image\"",
        ),
        key(
            "path",
            "of kind image: the image or device",
            TEXT,
            "absolute",
            "required",
            "\"/dev/vg/mail\"",
        ),
        key(
            "uri",
            "of kind nbd: the server; of kind libvirt: the hypervisor",
            TEXT,
            "nbd://, nbds://, nbd+unix://, nbds+unix:// ; qemu:// , qemu+…://",
            "required for nbd; qemu:///system for libvirt",
            "\"nbd://10.0.0.5/mail\"",
        ),
        key(
            "domain",
            "of kind libvirt: the virtual machine",
            TEXT,
            ANY_TEXT,
            "required",
            "\"mail\"",
        ),
        key(
            "socket",
            "of kind qmp: QEMU's socket",
            TEXT,
            "absolute",
            "required",
            "\"/run/vm/qmp\"",
        ),
        key(
            "guest-agent",
            "of kind qmp: the socket of the QEMU guest agent, which freezes file systems for the \
             moment",
            TEXT,
            "absolute",
            "none: as after a power failure",
            "\"/run/vm/qga\"",
        ),
        key(
            "disks",
            "of kind libvirt or qmp: the disks to take",
            LIST,
            "up to 100 names",
            "all",
            "[\"vda\"]",
        ),
        key(
            "volumes",
            "of kind agent: the volumes to take",
            LIST,
            "up to 100 names",
            "all",
            "[\"/\", \"/srv\"]",
        ),
    ],
};

pub(crate) const RETENTION: Section = Section {
    name: "[system.retention]",
    keys: &[
        key("last", "so many newest recovery points stay", COUNT, "0 to 65535", "0", "6"),
        key("hourly", "the last of so many hours that have one", COUNT, "0 to 65535", "0", "24"),
        key("daily", "so too for days", COUNT, "0 to 65535", "0", "14"),
        key("weekly", "so too for weeks", COUNT, "0 to 65535", "0", "8"),
        key("monthly", "so too for months", COUNT, "0 to 65535", "0", "12"),
        key("yearly", "so too for years", COUNT, "0 to 65535", "0", "7"),
        key("everything", "all stay; no counts beside it", "true", "true", "false", "true"),
        key(
            "lock",
            "nothing younger is removed by anybody; never made shorter",
            SPAN,
            "up to 100 years",
            "0s",
            "\"30d\"",
        ),
        key(
            "delay",
            "so long a removed recovery point can be taken back",
            SPAN,
            "up to 100 years",
            "7d",
            "\"14d\"",
        ),
    ],
};

pub(crate) const WINDOW: Section = Section {
    name: "a window as a table",
    keys: &[
        key("when", "days and times", TEXT, "see below", "required", "\"daily 20:00-06:00\""),
        key(
            "rate",
            "most bytes a second, for what is sent within it",
            "bytes a second",
            "1 kB to 1 TB",
            "no bound",
            "\"20 MB\"",
        ),
    ],
};

pub(crate) const MAINTENANCE: Section = Section {
    name: "[maintenance]",
    keys: &[
        key("zone", "time zone of its windows", TEXT, "IANA name", "UTC", "\"Europe/Berlin\""),
        key("scrub", "reads and checks everything", TABLE, "-", "30d, 20 %", "{ duty = 10 }"),
        key("reclaim", "gives room back", TABLE, "-", "1d, 30 %", "{ interval = \"12h\" }"),
        key("expire", "removes what no policy keeps", TABLE, "-", "1d, 100 %", "{}"),
        key("verify", "checks recovery points", TABLE, "-", "1d, 30 %", "{}"),
    ],
};

pub(crate) const TASK: Section = Section {
    name: "[maintenance.scrub] and the other tasks",
    keys: &[
        key(
            "interval",
            "it begins so long after it last began",
            SPAN,
            "1h to 365d",
            "of the task",
            "\"14d\"",
        ),
        key(
            "windows",
            "it begins only within these",
            LIST,
            WINDOWS,
            "always",
            "[\"Sat,Sun 00:00-24:00\"]",
        ),
        key(
            "duty",
            "most of the time that it keeps disks busy",
            "per cent",
            "1 to 100",
            "of the task",
            "25",
        ),
    ],
};

pub(crate) const LIMITS: Section = Section {
    name: "[limits]",
    keys: &[
        key("ingests", "most ingests at once", COUNT, "1 to 64", "4", "6"),
        key("restores", "most restores at once", COUNT, "1 to 64", "4", "2"),
        key(
            "memory",
            "most memory that jobs take together",
            "bytes",
            "256 MiB to 1 TiB",
            "2 GiB",
            "\"4 GiB\"",
        ),
    ],
};

/// All sections, in the order of PLAN.md.
pub const SECTIONS: [&Section; 10] = [
    &DOCUMENT,
    &CLIENT,
    &RETRY,
    &SYSTEM,
    &SOURCE,
    &RETENTION,
    &WINDOW,
    &MAINTENANCE,
    &TASK,
    &LIMITS,
];
