//! The methods of our interfaces: what they take and give, who may call them, and which command
//! each becomes. Introspection, BUS.md and the server all go by these tables.

mod appliance;
mod disk;
mod other;
mod point;
mod pool;
mod system;

use std::os::fd;

use zbus::OwnedFd;
use zbus::message::Body;
use zbus::wire::DynamicDeserialize;

use crate::authorize::Action;
use crate::command::{Command, OptionKey, PLAN_MAX, Passphrase};
use crate::place::Place;
use crate::refusal::Refusal;

pub(crate) use appliance::METHODS as APPLIANCE;
pub(crate) use disk::METHODS as DISK;
pub(crate) use other::{ALERT, EXPORT, INTAKE, JOB};
pub(crate) use point::METHODS as POINT;
pub(crate) use pool::METHODS as POOL;
pub(crate) use system::METHODS as SYSTEM;

/// Largest body of a call, in bytes: some times what the longest arguments take.
pub(crate) const BODY_MAX: usize = 16 * 1024;

/// Largest body of a call that carries a plan, in bytes.
pub(crate) const PLAN_BODY_MAX: usize = PLAN_MAX + BODY_MAX;

/// Name and signature of an argument.
pub(crate) type Argument = (&'static str, &'static str);

/// One method.
#[derive(Debug)]
#[cfg_attr(not(test), allow(dead_code, reason = "read where BUS.md is made"))]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static [Argument],
    pub(crate) gives: &'static [Argument],
    /// What a caller must be allowed to do. None for what only reads.
    pub(crate) action: Option<Action>,
    /// Keys that its options know.
    pub(crate) options: &'static [OptionKey],
    /// The text of BUS.md.
    pub(crate) about: &'static str,
    /// Largest body, in bytes.
    pub(crate) body_max: usize,
    /// The body has the signature that `takes` says. The place has the interface of the method.
    pub(crate) parse: fn(&Place, &Body) -> Result<Draft, Refusal>,
}

/// What a table leaves out: a method that takes and gives nothing.
const PLAIN: Method = Method {
    name: "",
    takes: &[],
    gives: &[],
    action: None,
    options: &[],
    about: "",
    body_max: BODY_MAX,
    parse: |_, _| Err(elsewhere()),
};

/// A command, or what is needed to make one once the caller is known to be allowed to.
#[derive(Debug)]
pub(crate) enum Draft {
    Ready(Command),
    /// The passphrase is still to be read.
    Unlock(fd::OwnedFd),
}

impl Draft {
    pub(crate) async fn finish(self) -> Result<Command, Refusal> {
        match self {
            Self::Ready(command) => Ok(command),
            Self::Unlock(from) => {
                Passphrase::read(from).await.map(|passphrase| Command::Unlock { passphrase })
            }
        }
    }
}

fn ready(command: Command) -> Result<Draft, Refusal> {
    Ok(Draft::Ready(command))
}

fn arguments<'b, T: DynamicDeserialize<'b>>(body: &'b Body) -> Result<T, Refusal> {
    body.deserialize().map_err(|error| {
        Refusal::invalid(format!("the arguments cannot be read: {error}"), "check the call")
    })
}

fn descriptor(fd: OwnedFd) -> fd::OwnedFd {
    fd.into()
}

/// The tables give each place the methods of its own interface, so this is not reached.
fn elsewhere() -> Refusal {
    Refusal::invalid("this object has no such method", "introspect it")
}

/// Takes the key out of the place that the method was called at.
macro_rules! at {
    ($place:expr, $kind:ident) => {
        match $place {
            crate::place::Place::$kind(key) => key.to_owned(),
            _ => return Err(super::elsewhere()),
        }
    };
}

use at;
