//! What is to be done outside of the screens.

use std::fmt;

use model::PointId;
use zeroize::Zeroizing;

use crate::network::Setting;

/// Longest secret, in bytes, as the engine takes it.
const MAX_SECRET: usize = 4096;

/// Something that a key has asked for. Whoever does it says how it went by
/// [`Input::Told`](super::Input::Told).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Unlock(Secret),
    Cancel(u64),
    Acknowledge {
        alert: u64,
        by: String,
    },
    Restore {
        point: PointId,
        volume: Option<String>,
        target: String,
        overwrite: bool,
    },
    Export {
        point: PointId,
        volume: Option<String>,
    },
    StopExport(u64),
    Network {
        interface: String,
        setting: Setting,
    },
    /// Has the management daemon make a new code for claiming the box.
    NewCode,
    Restart,
    PowerOff,
    FactoryReset,
    Redraw,
    Quit,
}

/// What somebody types that nobody else is to see.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Default for Secret {
    /// With room for all that is taken, so that nothing is left behind where it was shorter.
    fn default() -> Self {
        Self(Zeroizing::new(String::with_capacity(MAX_SECRET)))
    }
}

impl Secret {
    pub(crate) fn push(&mut self, c: char) {
        if self.0.len() + c.len_utf8() <= MAX_SECRET {
            self.0.push(c);
        }
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    pub(crate) fn characters(&self) -> usize {
        self.0.chars().count()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
