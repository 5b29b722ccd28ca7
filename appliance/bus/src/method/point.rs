//! Methods of a recovery point.

use super::{Method, PLAIN, arguments, at, descriptor, ready};
use crate::authorize::Action;
use crate::command::{self, Command, ExportOptions, Options, RestoreOptions};
use crate::refusal::Refusal;

pub(crate) const METHODS: &[Method] = &[
    Method {
        name: "Verify",
        gives: &[("job", "o")],
        action: Some(Action::VerifyPoints),
        about: "Reads everything that the recovery point needs and compares it.",
        parse: |place, _| ready(Command::VerifyPoint { point: at!(place, Point) }),
        ..PLAIN
    },
    Method {
        name: "Export",
        takes: &[("options", "a{sv}")],
        gives: &[("export", "o")],
        action: Some(Action::ExportPoints),
        options: ExportOptions::KEYS,
        about: "Serves a volume of the recovery point as a disk over NBD.",
        parse: |place, body| {
            let (options,) = arguments(body)?;
            let options = ExportOptions::parse(options)?;
            ready(Command::ExportPoint { point: at!(place, Point), options })
        },
        ..PLAIN
    },
    Method {
        name: "Restore",
        takes: &[("options", "a{sv}")],
        gives: &[("job", "o")],
        action: Some(Action::RestorePoints),
        options: RestoreOptions::KEYS,
        about: "Writes a volume of the recovery point to a new file or a block device of the \
            appliance.",
        parse: |place, body| {
            let (options,) = arguments(body)?;
            let options = RestoreOptions::parse(options)?;
            if options.target.is_none() {
                let next_step = "give the option `target`";
                return Err(Refusal::invalid("a restore needs somewhere to go", next_step));
            }
            ready(Command::RestorePoint { point: at!(place, Point), options })
        },
        ..PLAIN
    },
    Method {
        name: "RestoreTo",
        takes: &[("target", "h"), ("volume", "s")],
        gives: &[("job", "o")],
        action: Some(Action::RestorePoints),
        about: "Writes a volume of the recovery point to a descriptor: a file or block device of \
            the caller that the appliance itself may not open, or a pipe. In an empty file what \
            is zeroes takes no room. The volume may be empty if there is only one.",
        parse: |place, body| {
            let (target, volume) = arguments(body)?;
            ready(Command::RestoreTo {
                point: at!(place, Point),
                volume: command::volume(volume)?,
                target: descriptor(target),
            })
        },
        ..PLAIN
    },
    Method {
        name: "Hold",
        takes: &[("comment", "s")],
        action: Some(Action::HoldPoints),
        about: "Keeps the recovery point, whatever retention says, until it is released.",
        parse: |place, body| {
            let (comment,) = arguments(body)?;
            let comment = command::comment("the comment", comment)?;
            ready(Command::HoldPoint { point: at!(place, Point), comment })
        },
        ..PLAIN
    },
    Method {
        name: "Release",
        takes: &[("comment", "s")],
        action: Some(Action::HoldPoints),
        about: "Leaves the recovery point to retention again.",
        parse: |place, body| {
            let (comment,) = arguments(body)?;
            let comment = command::comment("the comment", comment)?;
            ready(Command::ReleasePoint { point: at!(place, Point), comment })
        },
        ..PLAIN
    },
    Method {
        name: "Remove",
        takes: &[("reason", "s")],
        action: Some(Action::RemovePoints),
        about: "Lets the recovery point go, after the delay of its policy. Until then it is whole \
            and can be returned. Refused while it is held.",
        parse: |place, body| {
            let (reason,) = arguments(body)?;
            let reason = command::comment("the reason", reason)?;
            ready(Command::RemovePoint { point: at!(place, Point), reason })
        },
        ..PLAIN
    },
    Method {
        name: "RemoveNewest",
        takes: &[("reason", "s")],
        action: Some(Action::RemovePoints),
        about: "As `Remove`, also if nothing newer is left of its protected system.",
        parse: |place, body| {
            let (reason,) = arguments(body)?;
            let reason = command::comment("the reason", reason)?;
            ready(Command::RemoveNewestPoint { point: at!(place, Point), reason })
        },
        ..PLAIN
    },
    Method {
        name: "Return",
        action: Some(Action::RemovePoints),
        about: "Takes the removal back.",
        parse: |place, _| ready(Command::ReturnPoint { point: at!(place, Point) }),
        ..PLAIN
    },
    Method {
        name: "Clear",
        action: Some(Action::RemovePoints),
        about: "Says that somebody has looked at what was unusual about the recovery point: \
            retention of its protected system goes on.",
        parse: |place, _| ready(Command::ClearPoint { point: at!(place, Point) }),
        ..PLAIN
    },
];
