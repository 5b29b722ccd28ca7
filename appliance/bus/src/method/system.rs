//! Methods of a protected system.

use super::{Method, PLAIN, arguments, at, ready};
use crate::authorize::Action;
use crate::command::{self, Command, Options, RunOptions};

pub(crate) const METHODS: &[Method] = &[
    Method {
        name: "RunNow",
        takes: &[("options", "a{sv}")],
        gives: &[("job", "o")],
        action: Some(Action::RunSystems),
        options: RunOptions::KEYS,
        about: "Ingests the system now, whatever its schedule says.",
        parse: |place, body| {
            let (options,) = arguments(body)?;
            let options = RunOptions::parse(options)?;
            ready(Command::RunSystem { system: at!(place, System), options })
        },
        ..PLAIN
    },
    Method {
        name: "Pause",
        takes: &[("reason", "s")],
        action: Some(Action::PauseSystems),
        about: "Keeps schedules from starting ingests of the system. Its RPO goes on counting.",
        parse: |place, body| {
            let (reason,) = arguments(body)?;
            let reason = command::comment("the reason", reason)?;
            ready(Command::PauseSystem { system: at!(place, System), reason })
        },
        ..PLAIN
    },
    Method {
        name: "Resume",
        action: Some(Action::PauseSystems),
        about: "Lets schedules start ingests of the system again.",
        parse: |place, _| ready(Command::ResumeSystem { system: at!(place, System) }),
        ..PLAIN
    },
];
