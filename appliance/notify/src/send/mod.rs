//! How messages leave: each kind of channel, bounded in time and in what is read.

mod ber;
mod connect;
mod email;
mod snmp;
mod syslog;
mod tls;
mod webhook;

use std::time::Duration;

use tokio::time::timeout;

#[cfg(test)]
pub(crate) use snmp::{ALERT, CLEARED, NUMBERS, OBJECTS, ROOT};

use crate::error::SendError;
use crate::outbox::Queued;
use crate::settings::{Channel, Kind};

/// A message is taken within so long, or it is a failure.
pub const MOST_TIME: Duration = Duration::from_secs(30);

/// What a sender needs to know of where it is.
#[derive(Debug, Clone)]
pub(crate) struct Here {
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// How long this process runs, in hundredths of a second.
    pub(crate) uptime: u32,
    /// Bound of the whole, [`MOST_TIME`] but for tests.
    pub(crate) most_time: Duration,
}

/// Sends one message.
pub(crate) async fn send(channel: &Channel, queued: &Queued, here: &Here) -> Result<(), SendError> {
    let sending = async {
        match &channel.kind {
            Kind::Email(email) => email::send(email, channel, queued).await,
            Kind::Webhook(webhook) => webhook::send(webhook, channel.audience, queued, here).await,
            Kind::Syslog(syslog) => syslog::send(syslog, channel.audience, queued, here).await,
            Kind::Snmp(snmp) => snmp::send(snmp, channel.audience, queued, here).await,
        }
    };
    match timeout(here.most_time, sending).await {
        Ok(sent) => sent,
        Err(_) => {
            let most = here.most_time.as_secs();
            let what = format!("{} has not taken it within {most} seconds", channel.kind.peer());
            Err(SendError::passing(what, "see whether it is overloaded, or behind a firewall"))
        }
    }
}
