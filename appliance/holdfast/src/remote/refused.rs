//! What the bus refused, as a failure.

use std::error::Error;

use bus::{ClientError, Refusal, RefusalKind};
use operations::Failure;

/// What went wrong with a call, and what to do.
pub(crate) fn failure(error: &ClientError) -> Failure {
    if error.is_absence() {
        return no_engine();
    }
    match error {
        ClientError::Call(call) => match Refusal::of(call) {
            Some(refusal) => refused(refusal),
            None => unanswered(call),
        },
        ClientError::Unreachable(cause) => {
            let next = "see that the bus runs; --bus or HOLDFAST_BUS_ADDRESS names another one \
                than the system's, --pool the disks to work without an engine";
            Failure::new(format!("{error}: {cause}"), next)
        }
        ClientError::Missing(_) => Failure::new(error, "list them again"),
        ClientError::Unexpected { .. } => {
            Failure::new(error, "use the holdfast of the engine's own version")
        }
    }
}

/// That nobody has the engine's name on the bus.
pub(super) fn no_engine() -> Failure {
    let next = "start it (systemctl start holdfast-engine), or name the disks of the pool with \
        --pool to work without it";
    Failure::new("no engine runs on this bus", next)
}

fn refused(refusal: Refusal) -> Failure {
    let Refusal { kind, problem, next_step } = refusal;
    let usual = match kind {
        RefusalKind::Locked => return Failure::new(problem, "open it with `holdfast unlock`"),
        RefusalKind::NotFound => "list them again",
        RefusalKind::Busy => "try again when that is over",
        RefusalKind::Full => operations::MAKE_ROOM,
        RefusalKind::NotPermitted => "call as a user who may do that",
        RefusalKind::InvalidArguments => "change what was typed",
        RefusalKind::Failed => "see the journal of the engine",
    };
    match next_step.is_empty() {
        true => Failure::new(problem, usual),
        false => Failure::new(problem, next_step),
    }
}

/// An error of the bus itself.
fn unanswered(error: &zbus::Error) -> Failure {
    use zbus::fdo::Error::{AccessDenied, NoReply};
    match error {
        zbus::Error::FDO(error) if matches!(**error, AccessDenied(_)) => {
            let what = "the bus does not let this user talk to the engine";
            return Failure::new(what, "be root or a member of the group holdfast");
        }
        zbus::Error::FDO(error) if matches!(**error, NoReply(_)) => {
            let next = "see why (systemctl status holdfast-engine); when it runs again, `holdfast \
                jobs list` says whether it began what it was asked for";
            return Failure::new("the engine went away before it answered", next);
        }
        _ => {}
    }
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let what = format!("the engine did not answer: {error}{cause}");
    Failure::new(what, "see whether it runs: systemctl status holdfast-engine")
}
