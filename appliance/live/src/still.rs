//! A guest that is held still for a moment, through its agent.
//!
//! A thread of its own freezes and thaws, so that the guest is thawed in time whatever happens to
//! whoever wants it still. Once a freeze was asked for nothing but an answer in step that the guest
//! is thawed ends the thread's tries, within a bound. An engine that is killed in between thaws at
//! its next start, and every pull begins with a thaw if one is needed.

use std::fmt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use crate::agent::{Agent, Status, random_id};
use crate::error::Result;

/// A guest, and whether it is still wanted that it stands still.
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    /// The socket that leads to its agent.
    pub agent: &'a Path,
    pub stopped: &'a dyn Fn() -> bool,
}

impl fmt::Debug for Guest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("agent", &self.agent).finish_non_exhaustive()
    }
}

/// How long all of it may take.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Until an agent answers at all: where there is none, nobody says so.
    greeting: Duration,
    /// From there until the guest is told to thaw: programs in it stand still.
    frozen: Duration,
    /// One try to thaw.
    thaw: Duration,
    /// Until it is told that the guest may be frozen still.
    told: Duration,
    /// Until nobody tries to thaw it any more, but the next pull.
    tried: Duration,
    /// Between two tries.
    pause: Duration,
}

const BOUNDS: Bounds = Bounds {
    greeting: Duration::from_secs(3),
    frozen: Duration::from_secs(10),
    thaw: Duration::from_secs(4),
    told: Duration::from_secs(6),
    tried: Duration::from_secs(600),
    pause: Duration::from_secs(1),
};

/// So long a wait is before it is looked whether anybody still wants it.
const LOOK: Duration = Duration::from_millis(50);

/// So long a pull that is given up waits for the thaw.
const LINGER: Duration = Duration::from_millis(500);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The guest stood still all the time.
    pub(crate) still: bool,
    /// What a person should know, in one line.
    pub(crate) warning: Option<String>,
}

impl Outcome {
    pub(crate) fn not(why: impl ToString) -> Self {
        Self { still: false, warning: Some(why.to_string()) }
    }
}

/// What the thread tells: that the guest stands still, if it comes to that, and what came of it.
#[derive(Debug)]
pub(crate) enum Told {
    Frozen,
    Over(Outcome),
}

/// A guest that stands still until this ends or is dropped.
pub(crate) struct Stillness<'a> {
    stopped: &'a dyn Fn() -> bool,
    release: Sender<()>,
    told: Receiver<Told>,
    over: Option<Outcome>,
}

impl fmt::Debug for Stillness<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stillness").field("over", &self.over).finish_non_exhaustive()
    }
}

impl<'a> Stillness<'a> {
    /// Returns when the guest stands still, or does not come to.
    pub(crate) fn begin(guest: Guest<'a>) -> Self {
        Self::bounded(guest, BOUNDS)
    }

    fn bounded(guest: Guest<'a>, bounds: Bounds) -> Self {
        let agent = guest.agent.to_owned();
        let keep = move |released, tell| Keeper { agent, bounds, released, tell }.keep();
        Self::kept(guest.stopped, keep)
    }

    /// A guest that `keep` freezes and thaws, on a thread of its own: it thaws when it is released,
    /// and at once when nobody is there to release it any more.
    pub(crate) fn kept(
        stopped: &'a dyn Fn() -> bool,
        keep: impl FnOnce(Receiver<()>, Sender<Told>) + Send + 'static,
    ) -> Self {
        let (release, released) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new().name("guest-agent".to_owned());
        let spawned = thread.spawn(move || keep(released, tell));
        let mut still = Self { stopped, release, told, over: None };
        still.over = match spawned {
            Err(error) => Some(Outcome::not(format!("no thread for the guest agent: {error}"))),
            Ok(_) => match still.hear() {
                Some(Told::Frozen) => None,
                Some(Told::Over(over)) => Some(over),
                None => {
                    still.let_go();
                    Some(Outcome::not("it was given up to freeze the guest"))
                }
            },
        };
        still
    }

    /// Has the guest go on. Returns when it does, or nobody can say.
    pub(crate) fn end(mut self) -> Outcome {
        if self.over.is_none() {
            // The thread may have thawed it already.
            let _ = self.release.send(());
            self.over = match self.hear() {
                Some(Told::Over(over)) => Some(over),
                _ => None,
            };
        }
        let given_up = || Outcome::not("nobody waited for the guest to thaw");
        self.over.clone().unwrap_or_else(given_up)
    }

    /// What the thread tells next; it always does, within its bounds. `None` when nobody wants to
    /// know any more.
    fn hear(&self) -> Option<Told> {
        loop {
            match self.told.recv_timeout(LOOK) {
                Ok(told) => return Some(told),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if (self.stopped)() => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Stillness<'_> {
    /// The thread sees at once that nobody wants it any more. It gets a moment to thaw the guest: a
    /// process that ends now would end it, too.
    fn let_go(&mut self) {
        self.release = mpsc::channel().0;
        let _ = self.told.recv_timeout(LINGER);
    }
}

impl Drop for Stillness<'_> {
    fn drop(&mut self) {
        if self.over.is_none() {
            self.let_go();
        }
    }
}

/// Thaws a guest of which somebody may have asked that it freezes, and was cut off. It may be at
/// that still, and answer nothing before it has done it; so this tries for ten minutes at most.
pub fn thaw(agent: &Path) {
    let (_release, released) = mpsc::channel();
    let (tell, _told) = mpsc::channel();
    let keeper = Keeper { agent: agent.to_owned(), bounds: BOUNDS, released, tell };
    let _ = keeper.thaw(None, Outcome { still: false, warning: None });
}

type Talk = Agent<UnixStream>;

/// The thread's side.
struct Keeper {
    agent: PathBuf,
    bounds: Bounds,
    released: Receiver<()>,
    tell: Sender<Told>,
}

impl Keeper {
    fn keep(self) {
        match self.ready() {
            Err(error) => self.over(Outcome::not(error)),
            // It was told that the guest may be frozen still.
            Ok(None) => {}
            Ok(Some(mut talk)) => {
                let outcome = self.hold(&mut talk).unwrap_or_else(Outcome::not);
                if let Some((_, outcome)) = self.thaw(Some(talk), outcome) {
                    self.over(outcome);
                }
            }
        }
    }

    /// Nobody may want to know.
    fn over(&self, outcome: Outcome) {
        let _ = self.tell.send(Told::Over(outcome));
    }

    fn greet(&self) -> Result<Talk> {
        let mut talk = Talk::connect(&self.agent)?;
        talk.sync(random_id(), Instant::now() + self.bounds.greeting)?;
        Ok(talk)
    }

    /// An agent that answers, its guest thawed; `None` when that takes so long that a pull went on.
    fn ready(&self) -> Result<Option<Talk>> {
        let mut talk = self.greet()?;
        match talk.status(Instant::now() + self.bounds.greeting)? {
            Status::Thawed => Ok(Some(talk)),
            Status::Frozen => {
                // By a pull that was cut off: nobody else can talk to the agent at this moment.
                let left = Outcome::not("an earlier pull had left the guest frozen");
                Ok(self.thaw(Some(talk), left).map(|(talk, _)| talk))
            }
        }
    }

    /// Freezes, and waits until that is wanted no more. Whatever comes of it, it is to be thawed.
    fn hold(&self, talk: &mut Talk) -> Result<Outcome> {
        let end = Instant::now() + self.bounds.frozen;
        talk.ask_freeze(end)?;
        let frozen = loop {
            if let Some(frozen) = talk.frozen(end.min(Instant::now() + LOOK))? {
                break frozen;
            }
            if self.released.try_recv() == Err(TryRecvError::Disconnected) {
                return Ok(Outcome::not("it was given up to freeze the guest"));
            }
            if Instant::now() >= end {
                return Ok(Outcome::not(self.too_long()));
            }
        };
        if frozen == 0 {
            return Ok(Outcome::not("the guest agent has no file system that can freeze"));
        }
        let _ = self.tell.send(Told::Frozen);
        let left = end.saturating_duration_since(Instant::now());
        match self.released.recv_timeout(left) {
            Err(RecvTimeoutError::Timeout) => return Ok(Outcome::not(self.too_long())),
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Outcome::not("it was given up to take the disk"));
            }
            Ok(()) => {}
        }
        // A guest may thaw by itself: then it wrote, who knows when.
        Ok(match talk.status(Instant::now() + self.bounds.thaw)? {
            Status::Frozen => Outcome { still: true, warning: None },
            Status::Thawed => Outcome::not("the guest thawed before it was told to"),
        })
    }

    fn too_long(&self) -> String {
        let seconds = self.bounds.frozen.as_secs();
        format!("the guest was to be frozen for {seconds} s at most, and that was not enough")
    }

    /// Thaws until the agent says that it is done. When that takes long it is told what may be, and
    /// nothing is given.
    fn thaw(&self, mut talk: Option<Talk>, mut outcome: Outcome) -> Option<(Talk, Outcome)> {
        let begun = Instant::now();
        let mut told = false;
        while begun.elapsed() < self.bounds.tried {
            let end = Instant::now() + self.bounds.thaw;
            let tried = talk.take().map_or_else(|| Talk::connect(&self.agent), Ok);
            let tried = tried.and_then(|mut talk| {
                let thawed = talk.thaw(random_id(), end)?;
                Ok((talk, thawed))
            });
            match tried {
                Ok((talk, thawed)) => {
                    if let Err(early) = thawed {
                        outcome.still = false;
                        outcome.warning.get_or_insert(format!("{early} as it is to thaw"));
                    }
                    return (!told).then_some((talk, outcome));
                }
                Err(error) if !told && begun.elapsed() >= self.bounds.told => {
                    told = true;
                    let why = outcome.warning.take().map_or(String::new(), |why| why + "; ");
                    let maybe = format!("{why}the guest may still be frozen: {error} to a thaw");
                    outcome.warning = Some(maybe);
                    self.over(outcome.clone());
                }
                Err(_) => {}
            }
            thread::park_timeout(self.bounds.pause);
        }
        None
    }
}

#[cfg(test)]
mod tests;
