//! Alerts out: tells people and other systems what is wrong, by channels and routes.
//!
//! [`Settings`] say who is told what (CHANNELS.md). The [`Router`] is a state machine that makes
//! [`Delivery`]s of [`Event`]s: told once, held outside of hours, repeated and escalated while
//! nobody acknowledges, ended where they were begun. The [`Outbox`] keeps them until their channel
//! has taken them. [`Notifier`] ties all of it together. Reports go out by mail when their
//! [`Mailing`] is due: whoever knows the facts makes them.
//!
//! **Invariant:** when [`Notifier::tell`] has returned, what is to be told is durable; it is sent
//! at least once, each time under the same name, and what is given up is counted.
//! **Invariant:** secrets go to their receiver and nowhere else.

mod error;
mod event;
mod keys;
mod mailing;
mod notice;
mod notifier;
mod outbox;
mod read;
mod router;
mod secret;
mod send;
mod settings;
#[cfg(test)]
mod tests;
mod word;
mod wording;
mod write;

pub use document::{Level, Problem};
pub use error::{NotifyError, SendError};
pub use event::{Event, EventKind, LATE, PLANNED, REQUESTED};
pub use keys::SECTIONS;
pub use mailing::{DueReport, MailingStatus};
pub use notice::{Content, Delivery, MAX_NAMED, Notice, Reason, ReportMail};
pub use notifier::{ChannelStatus, Notifier};
pub use outbox::{ChannelState, Dead, Failed, MAX_WAITING, Outbox, Queued, Receipt};
pub use read::Parsed;
pub use router::{CHANNEL_DEAD, Router, State};
pub use secret::{KEPT, Secret, SecretSource};
pub use send::MOST_TIME;
pub use settings::{
    Agreement, AgreementKind, Audience, Channel, Email, Every, Facility, Hours, Kind, Login,
    Mailing, Route, Security, Settings, Snmp, Syslog, Transport, Webhook,
};
