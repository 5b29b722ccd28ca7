//! The screens: what each shows, and what its keys do.

mod alerts;
mod claim;
mod disks;
mod jobs;
mod network;
mod page;
mod power;
mod recovery;
mod status;

use crate::key::Key;
use crate::state::{Console, Effect};

pub(crate) use page::{Look, Page, Row};

/// Which screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Screen {
    #[default]
    Status,
    Claim,
    Network,
    Disks,
    Jobs,
    Alerts,
    Recovery,
    Power,
}

impl Screen {
    /// In the order in which the arrow keys go through them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Status,
        Self::Claim,
        Self::Network,
        Self::Disks,
        Self::Jobs,
        Self::Alerts,
        Self::Recovery,
        Self::Power,
    ];

    /// Its name, in which the key that leads to it stands in brackets.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Status => "[S]tatus",
            Self::Claim => "[C]laim",
            Self::Network => "Ne[t]work",
            Self::Disks => "[D]isks",
            Self::Jobs => "[J]obs",
            Self::Alerts => "[A]lerts",
            Self::Recovery => "[R]ecovery",
            Self::Power => "[P]ower",
        }
    }

    /// Which screen a key leads to.
    pub(crate) fn of(key: char) -> Option<Self> {
        let typed = key.to_string();
        Self::ALL.into_iter().find(|screen| screen.letter().eq_ignore_ascii_case(&typed))
    }

    /// The key that leads to it, as it stands in its name.
    pub(crate) fn letter(self) -> &'static str {
        self.name().split(['[', ']']).nth(1).unwrap_or_default()
    }

    pub(crate) fn after(self) -> Self {
        self.neighbour(1)
    }

    pub(crate) fn before(self) -> Self {
        self.neighbour(Self::ALL.len() - 1)
    }

    fn neighbour(self, steps: usize) -> Self {
        let at = Self::ALL.iter().position(|screen| *screen == self).unwrap_or(0);
        Self::ALL.into_iter().cycle().nth(at + steps).unwrap_or_default()
    }

    /// A key that is not the same on all screens.
    pub(crate) fn press(self, console: &mut Console, key: Key) -> Option<Effect> {
        match self {
            Self::Status => status::press(console, key),
            Self::Claim => claim::press(console, key),
            Self::Network => network::press(console, key),
            Self::Disks => None,
            Self::Jobs => jobs::press(console, key),
            Self::Alerts => alerts::press(console, key),
            Self::Recovery => recovery::press(console, key),
            Self::Power => power::press(console, key),
        }
    }

    pub(crate) fn page(self, console: &Console, columns: usize) -> Page {
        match self {
            Self::Status => status::page(console, columns),
            Self::Claim => claim::page(console, columns),
            Self::Network => network::page(console),
            Self::Disks => disks::page(console),
            Self::Jobs => jobs::page(console, columns),
            Self::Alerts => alerts::page(console, columns),
            Self::Recovery => recovery::page(console),
            Self::Power => power::page(console, columns),
        }
    }

    /// The last line that can be chosen, or be at the top.
    pub(crate) fn last(self, console: &Console) -> usize {
        // What scrolls is the same on any terminal that is wide enough to be read.
        self.page(console, USUAL).list.len().saturating_sub(1)
    }

    /// What its own keys do now.
    pub(crate) fn hints(self, console: &Console) -> &'static str {
        match self {
            Self::Status => status::hints(console),
            Self::Claim => claim::hints(console),
            Self::Network => "Up/Down choose  Enter set up",
            Self::Disks => "Up/Down scroll",
            Self::Jobs => jobs::hints(console),
            Self::Alerts => alerts::hints(console),
            Self::Recovery => recovery::hints(console),
            Self::Power => "b restart  o shut down  f factory reset",
        }
    }
}

/// Columns of the usual terminal.
const USUAL: usize = 80;
