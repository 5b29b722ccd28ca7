//! What is known of vaults, of the line to them, and of the ways that alerts take.

use model::{Bytes, Span};

use super::Reading;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VaultFacts {
    pub name: String,
    /// Since when it has not answered: zero when it does. `None` when it was not asked.
    pub silent: Option<Span>,
    /// In what it did other than it must.
    pub error: Option<String>,
    /// How far it is behind, by system.
    pub lags: Option<Vec<Lag>>,
    /// The line to it; absent until there is enough history.
    pub line: Reading<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    pub system: String,
    pub client: Option<String>,
    /// Age of the oldest recovery point that the vault should have and has not: zero when it has
    /// all.
    pub behind: Span,
    pub backlog: Bytes,
    /// When it will be caught up at the present rate; `None` for never.
    pub eta: Option<Span>,
}

/// Throughput of real replication, in bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub measured: Bytes,
    /// The median of the last weeks at the same hours.
    pub usual: Bytes,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertingFacts {
    /// The ways that alerts take out of the box.
    pub channels: Vec<Channel>,
    /// Warnings of the journal by their kind.
    pub warnings: Vec<WarningClass>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub name: String,
    pub state: ChannelState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelState {
    /// The last message or test got through.
    Works,
    /// Nothing was ever sent over it: nobody knows whether it works.
    Untried,
    Fails {
        since: Span,
        error: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningClass {
    pub kind: String,
    /// Within the last day.
    pub count: u64,
}
