//! Methods of jobs, exports, intakes and alerts: few each.

use super::{Method, PLAIN, arguments, at, ready};
use crate::authorize::Action;
use crate::command::{self, Command, FinishOptions, Options};

pub(crate) const JOB: &[Method] = &[
    Method {
        name: "Cancel",
        action: Some(Action::CancelJobs),
        about: "Ends the job before it is done. It has not ended when the call returns: its state \
            says when. Of a cancelled ingest no recovery point is left.",
        parse: |place, _| ready(Command::CancelJob { job: at!(place, Job) }),
        ..PLAIN
    },
    Method {
        name: "Retry",
        gives: &[("job", "o")],
        action: Some(Action::ManagePool),
        about: "Does the same once more, as a job of its own; one that waits for its next try \
            begins that now. Refused while it runs, and for a restore to a descriptor.",
        parse: |place, _| ready(Command::RetryJob { job: at!(place, Job) }),
        ..PLAIN
    },
];

pub(crate) const EXPORT: &[Method] = &[Method {
    name: "Stop",
    takes: &[("discard_overlay", "b")],
    action: Some(Action::ExportPoints),
    about: "Ends the export and cuts its clients off. The overlay stays as a file in \
        the folder of the engine's state, unless it is to be discarded: then what clients wrote is \
        lost.",
    parse: |place, body| {
        let (discard_overlay,) = arguments(body)?;
        ready(Command::StopExport { export: at!(place, Export), discard_overlay })
    },
    ..PLAIN
}];

pub(crate) const INTAKE: &[Method] = &[
    Method {
        name: "Finish",
        takes: &[("options", "a{sv}")],
        gives: &[("job", "o")],
        action: Some(Action::AddPoints),
        about: "Takes no more writes, and begins the job that makes a recovery point of what was \
            written. Once that is done the intake goes; if the job fails, `Finish` tries again. \
            What was not flushed is lost when the engine is killed before.",
        options: FinishOptions::KEYS,
        parse: |place, body| {
            let (options,) = arguments(body)?;
            let options = FinishOptions::parse(options)?;
            ready(Command::FinishIntake { intake: at!(place, Intake), options })
        },
        ..PLAIN
    },
    Method {
        name: "Discard",
        action: Some(Action::AddPoints),
        about: "Cuts its clients off and forgets what they wrote.",
        parse: |place, _| ready(Command::DiscardIntake { intake: at!(place, Intake) }),
        ..PLAIN
    },
];

pub(crate) const ALERT: &[Method] = &[Method {
    name: "Acknowledge",
    takes: &[("by", "s")],
    action: Some(Action::AcknowledgeAlerts),
    about: "Says who has taken the alert on, with a comment if there is one. It still goes only \
        when its cause is gone.",
    parse: |place, body| {
        let (by,) = arguments(body)?;
        let by = command::comment("who it is", by)?;
        ready(Command::AcknowledgeAlert { alert: at!(place, Alert), by })
    },
    ..PLAIN
}];
