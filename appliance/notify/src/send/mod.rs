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
use crate::notice::{Content, Notice};
use crate::outbox::Queued;
use crate::settings::{Audience, Channel, Kind};

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

/// A message about alerts on its way.
#[derive(Debug, Clone, Copy)]
struct Outgoing<'a> {
    notice: &'a Notice,
    audience: Audience,
    queued: &'a Queued,
}

/// Sends one message.
pub(crate) async fn send(channel: &Channel, queued: &Queued, here: &Here) -> Result<(), SendError> {
    let sending = async {
        let of = |notice| Outgoing { notice, audience: channel.audience, queued };
        match (&channel.kind, &queued.content) {
            (Kind::Email(email), _) => email::send(email, channel, queued).await,
            (_, Content::Report(_)) => {
                let what = "a report goes by mail alone";
                Err(SendError::last(what, "name an email channel in its [[report]]"))
            }
            (Kind::Webhook(webhook), Content::Alerts(notice)) => {
                webhook::send(webhook, of(notice), here).await
            }
            (Kind::Syslog(syslog), Content::Alerts(notice)) => {
                syslog::send(syslog, of(notice), here).await
            }
            (Kind::Snmp(snmp), Content::Alerts(notice)) => snmp::send(snmp, of(notice), here).await,
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
