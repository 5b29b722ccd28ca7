//! polkit as the one who says who may do what.
//!
//! Root is not asked about: the appliance must stay usable when polkit is down. A caller on the
//! bus is named by its unique name there, which no other process can take over.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;
use zbus::{Connection, Variant, proxy};

use crate::authorize::{Action, Authorize, AuthorizeError};
use crate::caller::Caller;

/// How long a person may take to type a password.
const PATIENCE: Duration = Duration::from_secs(120);

/// `AllowUserInteraction` of `CheckAuthorization`.
const INTERACTIVE: u32 = 1;

/// Kind and details of who is asked about.
type Subject<'a> = (&'a str, HashMap<&'a str, Variant<'a>>);

#[proxy(
    interface = "org.freedesktop.PolicyKit1.Authority",
    default_service = "org.freedesktop.PolicyKit1",
    default_path = "/org/freedesktop/PolicyKit1/Authority"
)]
trait Authority {
    fn check_authorization(
        &self,
        subject: &Subject<'_>,
        action_id: &str,
        details: &HashMap<&str, &str>,
        flags: u32,
        cancellation_id: &str,
    ) -> zbus::Result<(bool, bool, HashMap<String, String>)>;
}

/// Asks polkit over a connection to the system bus.
#[derive(Debug, Clone)]
pub struct Polkit {
    connection: Connection,
}

impl Polkit {
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    async fn ask(&self, caller: &Caller, action: Action) -> Result<bool, AuthorizeError> {
        let subject = subject(caller)?;
        let flags = if caller.interactive { INTERACTIVE } else { 0 };
        let asked = async {
            let authority = AuthorityProxy::new(&self.connection).await?;
            authority.check_authorization(&subject, action.id(), &HashMap::new(), flags, "").await
        };
        let (authorized, _, _) = timeout(PATIENCE, asked)
            .await
            .map_err(|_| AuthorizeError::TimedOut)?
            .map_err(AuthorizeError::Polkit)?;
        Ok(authorized)
    }
}

impl Authorize for Polkit {
    fn allowed<'a>(
        &'a self,
        caller: &'a Caller,
        action: Action,
    ) -> BoxFuture<'a, Result<bool, AuthorizeError>> {
        Box::pin(async move {
            match caller.uid {
                Some(0) => Ok(true),
                _ => self.ask(caller, action).await,
            }
        })
    }
}

/// By the name on the bus. Without one, by process, its start and its user together: a process
/// number alone may belong to somebody else by the time that polkit looks.
fn subject(caller: &Caller) -> Result<Subject<'_>, AuthorizeError> {
    if let Some(name) = &caller.name {
        let details = HashMap::from([("name", Variant::from(name.as_str()))]);
        return Ok(("system-bus-name", details));
    }
    let (Some(pid), Some(uid)) = (caller.pid, caller.uid) else {
        return Err(AuthorizeError::UnknownCaller);
    };
    let uid = i32::try_from(uid).map_err(|_| AuthorizeError::UnknownCaller)?;
    let started = started(pid).ok_or(AuthorizeError::UnknownCaller)?;
    let details = [("pid", pid.into()), ("start-time", started.into()), ("uid", uid.into())];
    Ok(("unix-process", HashMap::from(details)))
}

/// When a process was started, in ticks since the machine was: field 22 of its `stat`, counted
/// behind the name, which may hold anything.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(") ")?;
    behind_name.split(' ').nth(19)?.parse().ok()
}
