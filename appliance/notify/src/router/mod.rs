//! Who is told what, and when: a state machine over alerts, settings and time.
//!
//! It goes by levels, not by edges: an event only changes what is known of its alert, and
//! [`Router::advance`] then compares that with what each channel was told. So whatever is shown
//! twice is told once, what is held is told when hours begin if it is still there, and a restart
//! with the state from before tells nothing anew.

mod due;
mod known;
mod pace;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Event, EventKind};
use crate::notice::{Delivery, Notice, Reason};
use crate::outbox::Dead;
use crate::settings::Settings;
use due::{Due, due, matching};
use known::{Known, Told};
use pace::Pace;

/// The code of the alert about a channel that does not work.
pub const CHANNEL_DEAD: &str = "channel-dead";

/// Most alerts that are known at a time, with what people ask for and announce. Beyond, the oldest
/// of the least severity is forgotten, and before any alert what is none.
const MAX_ALERTS: usize = 2000;

/// What is known of alerts, and what channels were told.
#[derive(Debug)]
pub struct Router {
    settings: Settings,
    state: State,
}

/// What survives a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// In the order in which they came.
    alerts: Vec<Known>,
    /// By the channel's name, the names ascending.
    paces: Vec<(String, Pace)>,
    /// Name of the appliance, as the last event had it.
    appliance: String,
}

impl Router {
    pub fn new(settings: Settings, state: State) -> Self {
        let mut router = Self { settings, state };
        router.forget_channels();
        router
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Goes back to what was known before, as what came after could not be kept.
    pub(crate) fn restore(&mut self, state: State) {
        self.state = state;
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes other settings. What was told to a channel that is still there stays told.
    pub fn apply(&mut self, settings: Settings) {
        self.settings = settings;
        self.forget_channels();
    }

    /// Takes in what happened, and gives what is to be told now.
    pub fn tell(&mut self, event: Event, now: Timestamp) -> Vec<Delivery> {
        if event.kind == EventKind::Test {
            return self.tell_test(&event, now);
        }
        self.take(event, false, now);
        self.advance(now)
    }

    /// Takes in some of what there is, and leaves all else as it was.
    pub fn also(&mut self, events: Vec<Event>, now: Timestamp) -> Vec<Delivery> {
        for event in events {
            self.take(event.as_kind(EventKind::Raised), false, now);
        }
        self.advance(now)
    }

    /// Takes in all alerts that there are, as after a restart: those that are known and not among
    /// them are over.
    pub fn shown(&mut self, events: Vec<Event>, now: Timestamp) -> Vec<Delivery> {
        for known in self.state.alerts.iter_mut().filter(|known| !known.own) {
            known.over = !events.iter().any(|event| known.is(event));
        }
        self.also(events, now)
    }

    /// Takes in all channels that do not work now, and makes alerts of them for the others.
    pub fn channels(&mut self, dead: &[Dead], now: Timestamp) -> Vec<Delivery> {
        for known in self.state.alerts.iter_mut().filter(|known| known.own) {
            known.over = !dead.iter().any(|dead| dead.channel == known.event.subject);
        }
        for dead in dead {
            self.take(dead_event(dead, &self.state.appliance), true, now);
        }
        self.advance(now)
    }

    /// What is to be told at this moment: after each event, and at least twice a minute.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Delivery> {
        let second = now.as_second();
        self.state.alerts.iter_mut().for_each(|known| known.not_after(second));
        let names: Vec<String> =
            self.settings.channels.iter().map(|channel| channel.name.clone()).collect();
        let deliveries = names.iter().flat_map(|name| self.advance_channel(name, now)).collect();
        self.state.alerts.retain(|known| !known.over || !known.told.is_empty());
        deliveries
    }

    fn advance_channel(&mut self, channel: &str, now: Timestamp) -> Vec<Delivery> {
        let (mut fresh, mut late) = (Vec::new(), Vec::new());
        for known in &mut self.state.alerts {
            match due(&self.settings, known, channel, now) {
                Due::Nothing => {
                    known.held.remove(channel);
                }
                Due::Hold => {
                    known.held.insert(channel.to_owned());
                }
                Due::Tell(kind) => {
                    let notice = Notice::one(known.event.as_kind(kind));
                    match known.held.remove(channel) {
                        true => late.push(notice),
                        false => fresh.push(notice),
                    }
                    known.tell(channel, kind, now.as_second());
                }
            }
        }
        let held = Notice::many(Reason::Held, late);
        let notices = held.into_iter().chain(fresh).collect();
        self.paced(channel, notices, now.as_second())
    }

    /// Lets through what the channel takes within an hour.
    fn paced(&mut self, name: &str, notices: Vec<Notice>, now: i64) -> Vec<Delivery> {
        let Some(channel) = self.settings.channel(name) else { return Vec::new() };
        let per_hour = channel.per_hour;
        let paces = &mut self.state.paces;
        let at = paces.binary_search_by(|(known, _)| known.as_str().cmp(name));
        let at = at.unwrap_or_else(|at| {
            paces.insert(at, (name.to_owned(), Pace::default()));
            at
        });
        let Some((_, pace)) = paces.get_mut(at) else { return Vec::new() };
        let mut through: Vec<Notice> = Vec::new();
        for notice in notices {
            through.extend(pace.offer(notice, per_hour, now));
        }
        through.extend(pace.digest(per_hour, now));
        let delivery = |notice| Delivery { channel: name.to_owned(), notice };
        through.into_iter().map(delivery).collect()
    }

    /// A test goes at once to whom it would lead, and is remembered by nobody.
    fn tell_test(&self, event: &Event, now: Timestamp) -> Vec<Delivery> {
        let known = Known::new(event.clone(), false, now.as_second());
        let channels = self.settings.channels.iter();
        let led = channels.filter(|channel| {
            matching(&self.settings, &known, &channel.name, now).next().is_some()
        });
        let notice = Notice::one(event.clone());
        led.map(|channel| Delivery { channel: channel.name.clone(), notice: notice.clone() })
            .collect()
    }

    /// Notes what an event says of its alert.
    fn take(&mut self, event: Event, own: bool, now: Timestamp) {
        if !own {
            self.state.appliance.clone_from(&event.appliance);
        }
        let known = self.state.alerts.iter_mut().find(|known| known.own == own && known.is(&event));
        match (known, event.kind) {
            (Some(known), _) => known.take(event),
            (None, EventKind::Cleared) => {}
            (None, _) => {
                self.make_room();
                self.state.alerts.push(Known::new(event, own, now.as_second()));
            }
        }
    }

    fn make_room(&mut self) {
        while self.state.alerts.len() >= MAX_ALERTS {
            let alerts = self.state.alerts.iter().enumerate();
            let worth =
                |known: &Known, place| (known.event.is_alert(), known.event.severity, place);
            let least = alerts.min_by_key(|(place, known)| worth(known, *place));
            let Some((place, _)) = least else { return };
            let gone = self.state.alerts.remove(place);
            let event = gone.event;
            log::warn!("too many alerts: {} of {} is not followed", event.code, event.subject);
        }
    }

    /// Forgets what channels were told that are not there any more.
    fn forget_channels(&mut self) {
        let settings = &self.settings;
        let there = |name: &str| settings.channel(name).is_some();
        for known in &mut self.state.alerts {
            known.told.retain(|channel, _: &mut Told| there(channel));
            known.held.retain(|channel| there(channel));
        }
        self.state.paces.retain(|(channel, _)| there(channel));
    }
}

/// The alert about a channel.
fn dead_event(dead: &Dead, appliance: &str) -> Event {
    Event {
        kind: EventKind::Raised,
        number: 0,
        code: CHANNEL_DEAD.into(),
        severity: 7,
        priority: "p2".into(),
        side: "network".into(),
        client: String::new(),
        subject: dead.channel.clone(),
        cause: format!("Alerts do not arrive by channel {}: {}.", dead.channel, dead.cause),
        next_step: "Test the channel and correct its settings.".into(),
        since: dead.since,
        acknowledged_by: String::new(),
        appliance: appliance.to_owned(),
        portal: String::new(),
        figures: vec![("channel".into(), dead.channel.clone())],
        receipt: false,
    }
}
