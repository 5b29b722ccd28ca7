//! What the console shows, and what keys and news make of it.
//!
//! A state machine without any way to the world: what happens comes in as [`Input`], what is to be
//! done goes out as [`Effect`]. So each screen can be tested, and nothing that is slow can hold a
//! key up.

mod dialog;
mod effect;
mod form;
mod known;
mod line;

use bus::Update;
use model::PointId;

use crate::claim::Claim;
use crate::key::Key;
use crate::network::Network;
use crate::screen::Screen;

pub(crate) use dialog::{Dialog, Use};
pub use effect::{Effect, Secret};
pub(crate) use form::Form;
pub(crate) use known::Known;
pub(crate) use line::Line;

/// What happens.
#[derive(Debug)]
pub enum Input {
    Key(Key),
    /// Time goes on.
    Tick(Clock),
    /// The engine has answered.
    Answers,
    /// The engine does not answer, and why.
    Silent(String),
    Bus(Update),
    Claim(Claim),
    Network(Network),
    /// How something went that was asked for.
    Told(String),
}

/// What time it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Seconds since 1970, by the clock on the wall.
    pub now: u64,
    /// Seconds since the console began, which no clock sets.
    pub up: u64,
}

/// How it stands with the engine.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) answers: bool,
    /// By [`Clock::up`].
    pub(crate) last_seen: Option<u64>,
    pub(crate) why: String,
}

/// What somebody has gone into from a list.
#[derive(Debug, Default)]
pub(crate) struct Inside {
    pub(crate) job: Option<u64>,
    pub(crate) alert: Option<u64>,
    pub(crate) system: Option<String>,
    pub(crate) point: Option<PointId>,
}

/// All that the console knows and shows.
#[derive(Debug, Default)]
pub struct Console {
    pub(crate) screen: Screen,
    pub(crate) known: Known,
    pub(crate) link: Link,
    pub(crate) clock: Clock,
    pub(crate) claim: Claim,
    pub(crate) network: Network,
    pub(crate) dialog: Option<Dialog>,
    pub(crate) inside: Inside,
    /// Which line is chosen, or at the top, on the screen that is shown.
    pub(crate) at: usize,
    /// How the last thing went that was asked for.
    pub(crate) notice: String,
    can_quit: bool,
    /// The terminal knows letters of all scripts, and blocks.
    is_utf8: bool,
}

/// Lines that a page is.
const PAGE: usize = 10;

impl Console {
    /// Knows nothing yet.
    pub fn new(can_quit: bool, is_utf8: bool) -> Self {
        Self { can_quit, is_utf8, ..Self::default() }
    }

    /// Takes over what happened, and gives what is to be done.
    pub fn update(&mut self, input: Input) -> Option<Effect> {
        match input {
            Input::Key(key) => return self.press(key),
            Input::Tick(clock) => self.clock = clock,
            Input::Answers => self.seen(),
            Input::Silent(why) => self.link = Link { answers: false, why, ..self.link.taken() },
            Input::Bus(update) => {
                match update {
                    Update::Lost => {
                        let why = "it has ended, or is being started".to_owned();
                        self.link = Link { answers: false, why, ..self.link.taken() };
                    }
                    _ => self.seen(),
                }
                self.known.take(update);
            }
            Input::Claim(claim) => self.claim = claim,
            Input::Network(network) => self.network = network,
            Input::Told(text) => self.notice = text,
        }
        None
    }

    fn seen(&mut self) {
        self.link = Link { answers: true, last_seen: Some(self.clock.up), why: String::new() };
    }

    fn press(&mut self, key: Key) -> Option<Effect> {
        if key == Key::Redraw {
            return Some(Effect::Redraw);
        }
        self.notice.clear();
        if let Some(dialog) = self.dialog.take() {
            let (dialog, effect) = dialog.press(key);
            self.dialog = dialog;
            return effect;
        }
        match key {
            Key::Char('q') if self.can_quit => return Some(Effect::Quit),
            Key::Char(c) if Screen::of(c).is_some() => self.go(Screen::of(c)?),
            Key::Left => self.go(self.screen.before()),
            Key::Right => self.go(self.screen.after()),
            Key::Up => self.at = self.at.saturating_sub(1),
            Key::PageUp => self.at = self.at.saturating_sub(PAGE),
            Key::Down | Key::Tab => self.at = self.at.saturating_add(1),
            Key::PageDown => self.at = self.at.saturating_add(PAGE),
            key => return self.screen.press(self, key),
        }
        self.at = self.at.min(self.screen.last(self));
        None
    }

    fn go(&mut self, screen: Screen) {
        self.screen = screen;
        self.enter(Inside::default());
    }

    /// Goes into something, or out again.
    pub(crate) fn enter(&mut self, inside: Inside) {
        self.inside = inside;
        self.at = 0;
    }

    /// Shows a question.
    pub(crate) fn ask(&mut self, dialog: Dialog) -> Option<Effect> {
        self.dialog = Some(dialog);
        None
    }

    /// Says something instead of doing it.
    pub(crate) fn say(&mut self, text: impl Into<String>) -> Option<Effect> {
        self.notice = text.into();
        None
    }

    /// That what is shown is old, if it is.
    pub(crate) fn silence(&self) -> Option<String> {
        if self.link.answers {
            return None;
        }
        let seen = match self.link.last_seen {
            None => "not seen since this console began".to_owned(),
            Some(at) => {
                let ago = crate::text::duration(self.clock.up.saturating_sub(at));
                format!("last seen {ago} ago, what is shown is from then")
            }
        };
        let why = match self.link.why.as_str() {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        Some(format!("The engine does not answer: {seen}{why}"))
    }

    pub(crate) fn is_utf8(&self) -> bool {
        self.is_utf8
    }

    pub(crate) fn can_quit(&self) -> bool {
        self.can_quit
    }
}

impl Link {
    fn taken(&mut self) -> Self {
        std::mem::take(self)
    }
}
