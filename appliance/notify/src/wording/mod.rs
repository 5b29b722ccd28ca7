//! What a message reads like: for the MSP's desk, and for the client's contact.

mod contact;
mod desk;
mod fields;
mod html;

use jiff::Timestamp;

use crate::event::EventKind;
use crate::notice::Notice;
use crate::settings::Audience;

pub(crate) use fields::{document, fields};
pub(crate) use html::html;

/// Most characters of a subject.
const MAX_SUBJECT: usize = 200;

/// A message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// One line.
    pub(crate) subject: String,
    /// Paragraphs, each one line or several.
    pub(crate) paragraphs: Vec<String>,
    /// Address of more; empty if there is none.
    pub(crate) link: String,
}

impl Message {
    pub(crate) fn of(notice: &Notice, audience: Audience) -> Self {
        let message = match audience {
            Audience::Desk => desk::message(notice),
            Audience::Contact => contact::message(notice),
        };
        Self { subject: short(&message.subject), ..message }
    }

    /// As plain text.
    pub(crate) fn plain(&self) -> String {
        let mut plain = self.paragraphs.join("\n\n") + "\n";
        if !self.link.is_empty() {
            plain.push_str(&format!("\n{}\n", self.link));
        }
        plain
    }
}

/// On one line, and not too long.
fn short(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_SUBJECT).collect()
}

/// What happened, as a subject begins.
fn happened(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Raised => "Alert",
        EventKind::Changed => "Changed",
        EventKind::Acknowledged => "Acknowledged",
        EventKind::Cleared => "Cleared",
        EventKind::Reminder => "Reminder",
        EventKind::Test => "Test",
    }
}

/// A moment for people, in UTC.
fn moment(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map_or_else(|| "an unknown time".to_owned(), |at| at.strftime("%F %H:%M UTC").to_string())
}
