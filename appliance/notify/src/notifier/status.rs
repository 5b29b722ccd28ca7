//! How channels are, for whoever looks.

use serde::Serialize;

use super::Notifier;
use crate::error::Result;
use crate::outbox::ChannelState;

/// How one channel is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelStatus {
    pub name: String,
    /// `email`, `webhook`, `syslog` or `snmp`.
    pub kind: &'static str,
    /// Host and port.
    pub peer: String,
    #[serde(flatten)]
    pub state: ChannelState,
    /// Since when it does not work, in seconds since 1970: it has failed for a quarter of an hour
    /// or five times in a row.
    pub dead_since: Option<u64>,
}

impl Notifier {
    /// All channels, in the order of the settings.
    pub fn status(&self) -> Result<Vec<ChannelStatus>> {
        let (inner, now) = (self.inner(), self.now());
        let dead = inner.outbox.dead(now)?;
        let channels = inner.router.settings().channels.iter();
        let status = channels.map(|channel| {
            let found = dead.iter().find(|dead| dead.channel == channel.name);
            Ok(ChannelStatus {
                name: channel.name.clone(),
                kind: channel.kind.as_str(),
                peer: channel.kind.peer(),
                state: inner.outbox.channel(&channel.name)?,
                dead_since: found.map(|dead| dead.since),
            })
        });
        status.collect()
    }
}
