//! Who may do what. Reading needs no leave beyond the policy of the bus; every method that changes
//! something names one action.

use futures_util::future::BoxFuture;
use rustix::process::geteuid;

use crate::caller::Caller;

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal,)+) => {
        /// Something that a caller may or may not do: an action of polkit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The id that polkit knows it by.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }
        }
    };
}

actions! {
    /// Give the appliance its key.
    Unlock = "org.holdfast.appliance.unlock",
    /// Take the key away until it is given again.
    Lock = "org.holdfast.appliance.lock",
    /// Change protected systems, schedules and retention.
    ApplyPlan = "org.holdfast.plan.apply",
    /// Scrub, verify, expire and reclaim; ingest what no plan names; do a job once more.
    ManagePool = "org.holdfast.pool.manage",
    /// Add, remove, return, replace and fill disks.
    ManageDisks = "org.holdfast.disks.manage",
    /// Ingest a protected system now.
    RunSystems = "org.holdfast.systems.run",
    /// Write what becomes a recovery point, and nothing else.
    AddPoints = "org.holdfast.points.add",
    /// Keep schedules from a protected system, and let them go on.
    PauseSystems = "org.holdfast.systems.pause",
    /// Verify a recovery point.
    VerifyPoints = "org.holdfast.points.verify",
    /// Serve a recovery point as a disk, and stop that.
    ExportPoints = "org.holdfast.points.export",
    /// Give the bytes of a recovery point back.
    RestorePoints = "org.holdfast.points.restore",
    /// Hold and release recovery points.
    HoldPoints = "org.holdfast.points.hold",
    /// Remove recovery points, and take that back.
    RemovePoints = "org.holdfast.points.remove",
    /// Cancel jobs.
    CancelJobs = "org.holdfast.jobs.cancel",
    /// Acknowledge alerts.
    AcknowledgeAlerts = "org.holdfast.alerts.acknowledge",
    /// Raise an alert to see where it comes out.
    TestAlerts = "org.holdfast.alerts.test",
}

/// Why it is not known whether a caller may.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// The caller has gone, or cannot be told from others.
    #[error("nobody knows who calls")]
    UnknownCaller,
    #[error("polkit does not answer")]
    Polkit(#[source] zbus::Error),
    /// It waited too long for an answer, or for a person.
    #[error("polkit did not answer in time")]
    TimedOut,
}

/// Says who may do what. An error counts as no.
pub trait Authorize: Send + Sync {
    /// Whether `caller` may do `action`. May take as long as a person takes to type a password.
    fn allowed<'a>(
        &'a self,
        caller: &'a Caller,
        action: Action,
    ) -> BoxFuture<'a, Result<bool, AuthorizeError>>;
}

/// The user that runs this process may do everything, and so may root; others nothing. For
/// private buses and connections without a bus.
#[derive(Debug, Clone, Copy, Default)]
pub struct SameUser;

impl Authorize for SameUser {
    fn allowed<'a>(
        &'a self,
        caller: &'a Caller,
        _action: Action,
    ) -> BoxFuture<'a, Result<bool, AuthorizeError>> {
        let own = geteuid().as_raw();
        let answer = caller.uid.map(|uid| uid == own || uid == 0);
        Box::pin(async move { answer.ok_or(AuthorizeError::UnknownCaller) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(uid: Option<u32>) -> Caller {
        Caller { name: None, uid, pid: None, interactive: false }
    }

    #[tokio::test]
    async fn the_same_user_and_root_may_and_others_may_not() {
        let own = geteuid().as_raw();
        let other = own + 1;
        for action in Action::ALL {
            let allowed = async |uid| SameUser.allowed(&caller(uid), *action).await;
            assert!(allowed(Some(own)).await.unwrap());
            assert!(allowed(Some(0)).await.unwrap());
            assert!(!allowed(Some(other)).await.unwrap());
            assert!(allowed(None).await.is_err());
        }
    }
}
