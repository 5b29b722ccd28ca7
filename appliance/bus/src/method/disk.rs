//! Methods of a disk.

use super::{Method, PLAIN, arguments, at, ready};
use crate::authorize::Action;
use crate::command::{self, Command};

pub(crate) const METHODS: &[Method] = &[
    Method {
        name: "Remove",
        action: Some(Action::ManageDisks),
        about: "Takes the disk out of the pool. Refused while it holds the only copy of anything.",
        parse: |place, _| ready(Command::RemoveDisk { disk: at!(place, Disk) }),
        ..PLAIN
    },
    Method {
        name: "Return",
        gives: &[("job", "o")],
        action: Some(Action::ManageDisks),
        about: "Takes a disk back that was away, and fills it with what it missed.",
        parse: |place, _| ready(Command::ReturnDisk { disk: at!(place, Disk) }),
        ..PLAIN
    },
    Method {
        name: "Replace",
        takes: &[("device", "s")],
        gives: &[("job", "o")],
        action: Some(Action::ManageDisks),
        about: "Puts the empty disk at this absolute path in its place and fills it. A disk that \
            still serves does so until the new one has everything, and then leaves.",
        parse: |place, body| {
            let (device,) = arguments(body)?;
            let device = command::path("the device", device)?;
            ready(Command::ReplaceDisk { disk: at!(place, Disk), device })
        },
        ..PLAIN
    },
];
