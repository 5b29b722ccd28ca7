//! Following one object: when to look at it again.
//!
//! A watcher of everything lists everything first; who waits for one job needs two match rules and
//! nothing else. What changed is not read here: whoever is told looks at the object, and sees what
//! is there by then.

use std::num::NonZeroUsize;

use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use zbus::message::Type;
use zbus::{Connection, MatchRule, MessageStream};

use crate::place::{Place, SERVICE};

/// Signals that wait between the connection and who follows. An object tells its progress twice a
/// second at most; who looks at it reads on within a moment.
const QUEUE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// The object changed: look at it.
    Changed,
    /// The engine went away, or the bus did.
    Lost,
}

/// Follows one object until it is dropped.
#[derive(Debug)]
pub struct Follow {
    signals: SelectAll<MessageStream>,
}

impl Follow {
    pub(super) async fn begin(connection: &Connection, place: &Place) -> zbus::Result<Self> {
        let changed = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(SERVICE)
            .path(place.path())
            .member("PropertiesChanged")
            .build()?;
        let owner = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, SERVICE)
            .build()?;
        let mut signals = SelectAll::new();
        for rule in [changed, owner] {
            signals.push(MessageStream::for_match_rule(rule, connection, Some(QUEUE)).await?);
        }
        Ok(Self { signals })
    }

    /// The next thing that happens. May be dropped and called again without missing anything.
    pub async fn next(&mut self) -> Followed {
        let Some(Ok(message)) = self.signals.next().await else { return Followed::Lost };
        let header = message.header();
        match header.member().map(|member| member.as_str()) {
            Some("NameOwnerChanged") => Followed::Lost,
            _ => Followed::Changed,
        }
    }
}
