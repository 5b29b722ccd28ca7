//! For the MSP's desk: what it is, why, and what to do.

use super::{Message, happened, moment};
use crate::event::{Event, EventKind};
use crate::notice::{Notice, Reason};

pub(super) fn message(notice: &Notice) -> Message {
    match notice.single() {
        Some(event) => single(event),
        None => digest(notice),
    }
}

fn single(event: &Event) -> Message {
    let mut paragraphs = Vec::new();
    let what = match event.kind {
        EventKind::Test => "This is a test. Nothing is wrong.".to_owned(),
        EventKind::Cleared => "This is over:".to_owned(),
        EventKind::Acknowledged => format!("{} has taken this on:", event.acknowledged_by),
        EventKind::Reminder => "This is still there, and nobody has taken it on:".to_owned(),
        EventKind::Changed => format!("This has now severity {}:", event.severity),
        EventKind::Raised => String::new(),
    };
    paragraphs.push(what);
    paragraphs.push(event.cause.clone());
    if event.kind != EventKind::Cleared && !event.next_step.is_empty() {
        paragraphs.push(format!("Next step: {}", event.next_step));
    }
    paragraphs.push(facts(event));
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    Message { subject: subject(event), paragraphs, link: event.portal.clone() }
}

/// `[p2 7] acme: disk-failed, disk 2 (box17)`
fn subject(event: &Event) -> String {
    let Event { priority, severity, code, subject, appliance, .. } = event;
    let client = of_client(event);
    let about = format!("[{priority} {severity}] {client}: {code}, {subject} ({appliance})");
    match event.kind {
        EventKind::Raised => about,
        kind => format!("{}: {about}", happened(kind)),
    }
}

fn of_client(event: &Event) -> &str {
    if event.client.is_empty() { "appliance" } else { &event.client }
}

fn facts(event: &Event) -> String {
    let mut facts = vec![
        format!("Code: {}", event.code),
        format!("About: {}", event.subject),
        format!("Client: {}", of_client(event)),
        format!("Side: {}", event.side),
        format!("Severity: {} ({})", event.severity, event.priority),
        format!("Since: {}", moment(event.since)),
        format!("Appliance: {}, alert {}", event.appliance, event.number),
    ];
    facts.extend(event.figures.iter().map(|(name, value)| format!("{name}: {value}")));
    facts.push(format!("Dedupe key: {}", event.dedupe_key()));
    facts.join("\n")
}

fn digest(notice: &Notice) -> Message {
    let count = notice.count;
    let why = match notice.reason {
        Reason::Held => "They came outside of the hours of the route.",
        _ => "More came within an hour than the channel takes.",
    };
    let appliance = notice.events.first().map_or("", |event| &event.appliance);
    let mut paragraphs =
        vec![format!("{count} messages in one; the worst has severity {}. {why}", notice.worst)];
    paragraphs.extend(
        notice.events.iter().map(|event| {
            format!("{}: {}\n{}", happened(event.kind), subject_of(event), event.cause)
        }),
    );
    let named = notice.events.len() as u64;
    if count > named {
        let rest = "alerts no worse than these, or requests and planned changes";
        paragraphs.push(format!("And {} more: {rest}.", count - named));
    }
    Message {
        subject: format!("{count} messages, the worst of severity {} ({appliance})", notice.worst),
        paragraphs,
        link: String::new(),
    }
}

fn subject_of(event: &Event) -> String {
    let Event { priority, severity, code, subject, .. } = event;
    format!("[{priority} {severity}] {}: {code}, {subject}", of_client(event))
}
