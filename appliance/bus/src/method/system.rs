//! Methods of a protected system.

use super::{Method, PLAIN, arguments, at, ready};
use crate::authorize::Action;
use crate::command::{self, Command, Options, ReceiveOptions, RunOptions};
use crate::refusal::Refusal;

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
    Method {
        name: "Receive",
        takes: &[("options", "a{sv}")],
        gives: &[("intake", "o")],
        action: Some(Action::AddPoints),
        options: ReceiveOptions::KEYS,
        about: "Gives a disk to write a volume of the system to: for `qemu-img convert`, a \
            hypervisor's own block job, or anything else that writes over NBD. When clients \
            disconnect after they have written, it becomes a recovery point; when one of them \
            vanishes or is told that a write failed, the disk goes, and nothing is left of it.",
        parse: |place, body| {
            let (options,) = arguments(body)?;
            let options = ReceiveOptions::parse(options)?;
            if options.bytes.is_none_or(|bytes| bytes == 0) {
                let next_step = "give the option `bytes`: the size of the volume";
                return Err(Refusal::invalid("the size of the volume is not said", next_step));
            }
            ready(Command::Receive { system: at!(place, System), options })
        },
        ..PLAIN
    },
];
