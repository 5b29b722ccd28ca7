//! Everything together: what is told goes through the router into the outbox, and from there to
//! the channels.

mod report;
mod run;
mod status;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::error::{NotifyError, Result};
use crate::event::{Event, EventKind};
use crate::notice::{Content, Delivery, Notice};
use crate::outbox::{Outbox, Queued};
use crate::router::Router;
use crate::send::{Here, MOST_TIME, send};
use crate::settings::Settings;
pub use status::ChannelStatus;

/// The outbox's file in its folder.
const FILE: &str = "notify.sqlite";

/// Tells the time on the wall.
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Tells people and other systems of alerts.
pub struct Notifier {
    inner: Mutex<Inner>,
    /// There may be something to do.
    wake: Notify,
    clock: Clock,
    started: Instant,
    most_time: Duration,
    put_aside: Option<PathBuf>,
}

struct Inner {
    router: Router,
    outbox: Outbox,
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("put_aside", &self.put_aside).finish_non_exhaustive()
    }
}

impl Notifier {
    /// Opens what is kept in a folder that exists, with settings that hold from now on.
    ///
    /// # Errors
    /// A folder that cannot be written. A damaged file is put aside; see [`Self::put_aside`].
    pub fn open(folder: &Path, settings: Settings) -> Result<Self> {
        Self::open_with(folder, settings, Arc::new(Timestamp::now), MOST_TIME)
    }

    pub(crate) fn open_with(
        folder: &Path,
        settings: Settings,
        clock: Clock,
        most_time: Duration,
    ) -> Result<Self> {
        let outbox = Outbox::open(&folder.join(FILE))?;
        let put_aside = outbox.put_aside.clone();
        let router = Router::new(settings, outbox.state()?);
        let mut inner = Inner { router, outbox };
        inner.retain()?;
        let (inner, wake, started) = (Mutex::new(inner), Notify::new(), Instant::now());
        Ok(Self { inner, wake, clock, started, most_time, put_aside })
    }

    /// Where a damaged file went that was there before. What waited in it is not sent, and alerts
    /// that are still there were told again.
    pub fn put_aside(&self) -> Option<&Path> {
        self.put_aside.as_deref()
    }

    /// Takes in what happened to an alert. When this returns, what is to be told of it is durable.
    pub fn tell(&self, event: Event) -> Result<()> {
        self.change(|router, now| router.tell(event, now))
    }

    /// Takes in all alerts that there are: to be called whenever the engine was connected to, as
    /// nobody has told what happened before.
    pub fn shown(&self, events: Vec<Event>) -> Result<()> {
        self.change(|router, now| router.shown(events, now))
    }

    /// Takes in some of what there is while the rest is not known.
    pub fn also(&self, events: Vec<Event>) -> Result<()> {
        self.change(|router, now| router.also(events, now))
    }

    /// Takes other settings. What waits is tried again at once; what waits for channels that are
    /// gone goes with them.
    pub fn apply(&self, settings: Settings) -> Result<()> {
        let mut inner = self.inner();
        inner.router.apply(settings);
        inner.retain()?;
        let names = inner.names();
        for name in &names {
            inner.outbox.hurry(name)?;
        }
        drop(inner);
        self.change(|router, now| router.advance(now))
    }

    /// The settings that hold.
    pub fn settings(&self) -> Settings {
        self.inner().router.settings().clone()
    }

    /// Sends a test message to a channel, at once and past everything that waits.
    ///
    /// # Errors
    /// What went wrong, in words, with a next step.
    pub async fn test(&self, channel: &str, appliance: &str) -> Result<()> {
        let settings = self.settings();
        let Some(found) = settings.channel(channel) else {
            let names: Vec<&str> =
                settings.channels.iter().map(|channel| channel.name.as_str()).collect();
            let known = if names.is_empty() { "none".into() } else { names.join(", ") };
            return Err(NotifyError::NoChannel { name: channel.to_owned(), known });
        };
        let now = self.now().as_second();
        let notice = Notice::one(test_event(appliance, now));
        let key = format!("test-{now}-{}", self.started.elapsed().as_nanos());
        let (channel, made) = (channel.to_owned(), now);
        let content = Content::Alerts(notice);
        let queued = Queued { id: 0, key, channel, content, made, attempts: 0 };
        Ok(send(found, &queued, &self.here()).await?)
    }

    /// Changes what the router knows, and keeps what comes of it.
    fn change(&self, change: impl FnOnce(&mut Router, Timestamp) -> Vec<Delivery>) -> Result<()> {
        let now = self.now();
        let kept = self.inner().change(|router| change(router, now), now);
        self.wake.notify_one();
        kept
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn here(&self) -> Here {
        let uptime = (self.started.elapsed().as_millis() / 10) as u32;
        Here { now: self.now().as_second(), uptime, most_time: self.most_time }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn change(
        &mut self,
        change: impl FnOnce(&mut Router) -> Vec<Delivery>,
        now: Timestamp,
    ) -> Result<()> {
        let before = self.router.state().clone();
        let deliveries = change(&mut self.router);
        if deliveries.is_empty() && *self.router.state() == before {
            return Ok(());
        }
        let kept = self.outbox.keep(&deliveries, self.router.state(), now);
        if kept.is_err() {
            // What is not kept was not told: it is due again.
            self.router.restore(before);
        }
        kept
    }

    fn names(&self) -> Vec<String> {
        let channels = &self.router.settings().channels;
        channels.iter().map(|channel| channel.name.clone()).collect()
    }

    fn retain(&mut self) -> Result<()> {
        let names = self.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.outbox.retain(&names)
    }
}

fn test_event(appliance: &str, now: i64) -> Event {
    Event {
        kind: EventKind::Test,
        number: 0,
        code: "test".into(),
        severity: 1,
        priority: "stored".into(),
        side: "box".into(),
        client: String::new(),
        subject: "test message".into(),
        cause: "Somebody wants to see that messages arrive.".into(),
        next_step: String::new(),
        since: now.unsigned_abs(),
        acknowledged_by: String::new(),
        appliance: appliance.to_owned(),
        portal: String::new(),
        figures: Vec::new(),
        receipt: false,
    }
}
