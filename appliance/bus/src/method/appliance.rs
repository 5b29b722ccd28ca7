//! Methods of the appliance.

use super::{Draft, Method, PLAIN, PLAN_BODY_MAX, arguments, descriptor, ready};
use crate::authorize::Action;
use crate::command::{self, Command};

pub(crate) const METHODS: &[Method] = &[
    Method {
        name: "Unlock",
        takes: &[("passphrase", "h")],
        action: Some(Action::Unlock),
        about: "Opens the keys of the pool. The descriptor is the end of a pipe to read from, or \
            a memfd, with a passphrase or recovery key of at most 4096 bytes, so that no secret \
            travels in a message. A newline at its end does not count. The end of the pipe to \
            write to must be closed within ten seconds.",
        parse: |_, body| {
            let (passphrase,) = arguments(body)?;
            Ok(Draft::Unlock(descriptor(passphrase)))
        },
        ..PLAIN
    },
    Method {
        name: "Lock",
        action: Some(Action::Lock),
        about: "Ends jobs and exports and forgets the keys, until they are given again.",
        parse: |_, _| ready(Command::Lock),
        ..PLAIN
    },
    Method {
        name: "ExportPlan",
        gives: &[("plan", "s")],
        about: "Gives the protected systems, schedules and retention in force, as TOML.",
        parse: |_, _| ready(Command::ExportPlan),
        ..PLAIN
    },
    Method {
        name: "ApplyPlan",
        takes: &[("plan", "s"), ("dry_run", "b")],
        gives: &[("difference", "s")],
        action: Some(Action::ApplyPlan),
        about: "Puts a plan (TOML, at most 256 KiB) into force, as a whole or not at all, and \
            gives what that changed as JSON. A key that is not known is refused with the nearest \
            known one. With `dry_run` it only says what would change.",
        body_max: PLAN_BODY_MAX,
        parse: |_, body| {
            let (plan, dry_run) = arguments(body)?;
            ready(Command::ApplyPlan { plan: command::plan(plan)?, dry_run })
        },
        ..PLAIN
    },
    Method {
        name: "TestAlert",
        action: Some(Action::TestAlerts),
        about: "Raises an alert that says it is a test and goes by itself, to see where alerts \
            come out.",
        parse: |_, _| ready(Command::TestAlert),
        ..PLAIN
    },
    Method {
        name: "ProbeTimes",
        gives: &[("times", "a(st)")],
        about: "Gives how long each disk thread and the catalog took to answer the last probe of \
            the watchdog, in microseconds. The watchdog is only fed when all of them did.",
        parse: |_, _| ready(Command::ProbeTimes),
        ..PLAIN
    },
];
