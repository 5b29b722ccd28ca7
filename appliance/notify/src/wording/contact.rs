//! For the client's contact: plain words, and nothing of what is inside.

use super::{Message, moment};
use crate::event::{Event, EventKind, PLANNED};
use crate::notice::Notice;

pub(super) fn message(notice: &Notice) -> Message {
    match notice.single() {
        Some(event) => single(event),
        None => digest(notice),
    }
}

fn single(event: &Event) -> Message {
    if event.code == PLANNED {
        return planned(event);
    }
    let Event { appliance, .. } = event;
    let (subject, first) = match event.kind {
        EventKind::Test => {
            ("a test message".to_owned(), "This is a test. Nothing is wrong.".to_owned())
        }
        EventKind::Cleared => (
            "a problem is over".to_owned(),
            format!("The problem {} of {} is over.", with(event), moment(event.since)),
        ),
        EventKind::Acknowledged => (
            "somebody looks after a problem".to_owned(),
            format!("Somebody now looks after the problem {}.", with(event)),
        ),
        EventKind::Reminder => (
            "a problem is still there".to_owned(),
            format!("The problem {} of {} is still there.", with(event), moment(event.since)),
        ),
        EventKind::Changed => (
            "a problem has changed".to_owned(),
            format!("The problem {} has become {}.", with(event), weight(event.severity)),
        ),
        EventKind::Raised => (
            "a problem was noticed".to_owned(),
            format!("Since {} there is a problem {}.", moment(event.since), with(event)),
        ),
    };
    let mut paragraphs = vec![first];
    if matches!(event.kind, EventKind::Raised | EventKind::Reminder | EventKind::Changed) {
        paragraphs.push(urgency(event.severity).to_owned());
    }
    Message { subject: format!("{appliance}: {subject}"), paragraphs, link: String::new() }
}

/// Planned work, whose cause is written for clients.
fn planned(event: &Event) -> Message {
    let subject = match event.kind {
        EventKind::Cleared => "planned work is over",
        EventKind::Changed => "planned work has changed",
        EventKind::Reminder => "work is planned, once more",
        EventKind::Raised | EventKind::Acknowledged | EventKind::Test => "work is planned",
    };
    let mut paragraphs = vec![event.cause.clone()];
    if event.kind == EventKind::Cleared {
        paragraphs.insert(0, "This is over, or does not take place:".into());
    }
    let subject = format!("{}: {subject}", event.appliance);
    Message { subject, paragraphs, link: String::new() }
}

/// Where the fault lies, in words of somebody who looks after an office.
fn with(event: &Event) -> String {
    match event.side.as_str() {
        "source" => format!("with backups of {}", event.subject),
        "network" => "with the network at your site".into(),
        "vault" => "with the copies that are kept elsewhere".into(),
        _ => "with the backup appliance itself".into(),
    }
}

fn weight(severity: u8) -> &'static str {
    match severity {
        9.. => "urgent",
        7.. => "serious",
        _ => "less serious",
    }
}

fn urgency(severity: u8) -> &'static str {
    match severity {
        9.. => {
            "It is urgent. Your service provider is told at the same time; if you hear nothing \
             from them within the hour, please call them."
        }
        7.. => "It is serious. Your service provider is told at the same time and will see to it.",
        _ => "It is not urgent. Your service provider will see to it.",
    }
}

fn digest(notice: &Notice) -> Message {
    let appliance = notice.events.first().map_or("", |event| &event.appliance);
    let count = notice.count;
    let mut paragraphs: Vec<String> =
        vec![format!("There are {count} messages about your backups.")];
    paragraphs.extend(
        notice.events.iter().filter_map(|event| single(event).paragraphs.into_iter().next()),
    );
    let named = notice.events.len() as u64;
    if count > named {
        paragraphs.push(format!("And {} more.", count - named));
    }
    paragraphs.push(urgency(notice.worst).to_owned());
    Message { subject: format!("{appliance}: {count} messages"), paragraphs, link: String::new() }
}
