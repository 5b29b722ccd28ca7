//! A guest that is held still for a moment, through libvirt and the agent in it.
//!
//! As with an agent that is talked to directly, a thread freezes and thaws (`Stillness`), so that
//! the guest is thawed in time whatever happens to whoever wants it still; and once a freeze was
//! asked for, nothing but libvirt's word that the guest is thawed ends the thread's tries, within a
//! bound. A guest that was frozen before is thawed: nobody else is at work on the machine then, and
//! a pull that was cut off may have left it so.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::virsh::{SOON, Virsh};
use super::xml::values;
use super::{Stopped, disks};
use crate::error::{LiveError, Result};
use crate::still::{Outcome, Stillness, Told};

/// How long all of it may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// From the freeze until the guest is told to thaw: programs in it stand still.
    pub(super) frozen: Duration,
    /// One try to thaw.
    pub(super) thaw: Duration,
    /// Until it is told that the guest may be frozen still.
    pub(super) told: Duration,
    /// Until nobody tries to thaw it any more.
    pub(super) tried: Duration,
    /// Between two tries.
    pub(super) pause: Duration,
}

pub(super) const BOUNDS: Bounds = Bounds {
    frozen: Duration::from_secs(10),
    thaw: Duration::from_secs(10),
    told: Duration::from_secs(6),
    tried: Duration::from_secs(600),
    pause: Duration::from_secs(1),
};

/// What an agent says to a freeze that it may not do, and to one of a guest that is frozen.
const DISABLED: &str = "disabled";
const FROZEN: &str = "frozen";

/// Whether a guest has an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    /// Nobody has planned one.
    None,
    /// There is a channel for one, and nobody is there.
    Silent,
    Connected,
}

impl Agent {
    /// What came of it, if it was not even tried.
    pub(super) fn outcome(self) -> Option<Outcome> {
        (self == Self::Silent).then(|| Outcome {
            still: false,
            warning: Some(
                "the machine has a channel for a guest agent, and none is connected".to_owned(),
            ),
        })
    }
}

/// The agent of a machine's guest.
pub(super) fn agent(virsh: &Virsh, uuid: &str, stopped: Stopped<'_>) -> Result<Agent> {
    let domain = format!("--domain={uuid}");
    let path = "--xpath=/domain/devices/channel/target[@name='org.qemu.guest_agent.0']/@state";
    let states = values(&virsh.run(&["dumpxml", &domain, path], SOON, stopped)?);
    Ok(match states.iter().any(|state| state == "connected") {
        _ if states.is_empty() => Agent::None,
        true => Agent::Connected,
        false => Agent::Silent,
    })
}

/// A guest that stands still, or does not come to.
pub(super) fn begin<'a>(virsh: &Virsh, uuid: &str, stopped: Stopped<'a>) -> Stillness<'a> {
    bounded(virsh, uuid, BOUNDS, stopped)
}

pub(super) fn bounded<'a>(
    virsh: &Virsh,
    uuid: &str,
    bounds: Bounds,
    stopped: Stopped<'a>,
) -> Stillness<'a> {
    let (virsh, uuid) = (virsh.clone(), uuid.to_owned());
    let keep = move |released, tell| Keeper { virsh, uuid, bounds, released, tell }.keep();
    Stillness::kept(stopped, keep)
}

/// What libvirt finds, as soon as it answers; `None` when it does not within the time of a thaw, or
/// there is no such machine.
pub(super) fn until_found<T>(find: impl Fn() -> Result<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        match find() {
            Ok(found) => return Some(found),
            Err(LiveError::NoDomain { .. }) => return None,
            Err(_) if begun.elapsed() > BOUNDS.tried => return None,
            Err(_) => thread::park_timeout(BOUNDS.pause),
        }
    }
}

/// Thaws a guest of which somebody may have asked that it freezes, and was cut off.
pub(super) fn thaw(virsh: &Virsh, uuid: &str) {
    let (_release, released) = mpsc::channel();
    let (tell, _told) = mpsc::channel();
    let (virsh, uuid) = (virsh.clone(), uuid.to_owned());
    let keeper = Keeper { virsh, uuid, bounds: BOUNDS, released, tell };
    keeper.thaw(0, Outcome { still: false, warning: None });
}

/// The thread's side.
struct Keeper {
    virsh: Virsh,
    uuid: String,
    bounds: Bounds,
    released: Receiver<()>,
    tell: Sender<Told>,
}

impl Keeper {
    fn keep(self) {
        let end = Instant::now() + self.bounds.frozen;
        let given_up = || self.released.try_recv() == Err(mpsc::TryRecvError::Disconnected);
        let asked = self.run("domfsfreeze", self.bounds.frozen, &given_up);
        match asked.and_then(|said| self.count(&said)) {
            Err(error) if may_not(&error) => {
                self.over(Outcome::not(format!("the guest's agent may not freeze: {error}")));
            }
            Err(error) => self.thaw(0, Outcome::not(format!("the guest was not frozen: {error}"))),
            Ok(0) => self.thaw(0, Outcome::not("the guest has no file system that can freeze")),
            Ok(count) => {
                let _ = self.tell.send(Told::Frozen);
                let left = end.saturating_duration_since(Instant::now());
                let outcome = match self.released.recv_timeout(left) {
                    Ok(()) => Outcome { still: true, warning: None },
                    Err(RecvTimeoutError::Disconnected) => {
                        Outcome::not("it was given up to take the disks")
                    }
                    Err(RecvTimeoutError::Timeout) => Outcome::not(format!(
                        "the guest was to be frozen for {} s at most, and that was not enough",
                        self.bounds.frozen.as_secs()
                    )),
                };
                self.thaw(count, outcome);
            }
        }
    }

    fn run(&self, command: &str, patience: Duration, stopped: Stopped<'_>) -> Result<String> {
        self.virsh.run(&[command, &format!("--domain={}", self.uuid)], patience, stopped)
    }

    fn is_off(&self) -> bool {
        disks::is_off(&self.virsh, &self.uuid, &|| false).unwrap_or(false)
    }

    /// The number in what libvirt says: `Froze 2 filesystem(s)`.
    fn count(&self, said: &str) -> Result<u64> {
        let number = said.split_whitespace().find_map(|word| word.parse().ok());
        number.ok_or_else(|| LiveError::Unreachable {
            uri: self.virsh.uri().to_owned(),
            message: "it does not say how many file systems it has frozen or thawed".to_owned(),
        })
    }

    /// Nobody may want to know.
    fn over(&self, outcome: Outcome) {
        let _ = self.tell.send(Told::Over(outcome));
    }

    /// Thaws until libvirt says that it is done, and tells what came of it; when that takes long,
    /// what may be.
    fn thaw(&self, frozen: u64, mut outcome: Outcome) {
        let begun = Instant::now();
        let mut told = false;
        while begun.elapsed() < self.bounds.tried {
            let thawed = self.run("domfsthaw", self.bounds.thaw, &|| false);
            match thawed.map(|said| self.count(&said).unwrap_or(0)) {
                Ok(thawed) => {
                    // A guest may thaw by itself: then it wrote, who knows when.
                    if outcome.still && thawed < frozen {
                        outcome = Outcome::not("the guest thawed before it was told to");
                    }
                    break;
                }
                Err(LiveError::Libvirt { .. }) if self.is_off() => {
                    outcome.still = false;
                    break;
                }
                Err(error) if !told && begun.elapsed() >= self.bounds.told => {
                    told = true;
                    let why =
                        outcome.warning.as_ref().map_or(String::new(), |why| format!("{why}; "));
                    let maybe = format!("{why}the guest may still be frozen: {error}");
                    self.over(Outcome::not(maybe));
                }
                Err(_) => {}
            }
            thread::park_timeout(self.bounds.pause);
        }
        if !told {
            self.over(outcome);
        }
    }
}

/// Whether nothing was asked of the guest, as its agent is not allowed to do it.
fn may_not(error: &LiveError) -> bool {
    let LiveError::Libvirt { message, .. } = error else { return false };
    message.contains(DISABLED) && !message.contains(FROZEN)
}
