//! What a message says to programs.

use serde_json::{Map, Value, json};

use super::Message;
use crate::event::Event;
use crate::notice::Notice;
use crate::settings::Audience;

/// Version of the document below.
const FORMAT: u64 = 1;

/// Fields of one alert, by name, that an audience may see.
pub(crate) fn fields(event: &Event, audience: Audience) -> Vec<(&'static str, String)> {
    let common = [
        ("event", event.kind.as_str().to_owned()),
        ("appliance", event.appliance.clone()),
        ("client", event.client.clone()),
        ("since", event.since.to_string()),
        ("dedupe_key", event.dedupe_key()),
    ];
    let desk = || {
        [
            ("number", event.number.to_string()),
            ("code", event.code.clone()),
            ("severity", event.severity.to_string()),
            ("priority", event.priority.clone()),
            ("side", event.side.clone()),
            ("subject", event.subject.clone()),
            ("cause", event.cause.clone()),
            ("next_step", event.next_step.clone()),
            ("acknowledged_by", event.acknowledged_by.clone()),
            ("portal", event.portal.clone()),
        ]
    };
    let mut fields = common.to_vec();
    if audience == Audience::Desk {
        fields.extend(desk());
    }
    fields
}

/// A notice as a JSON document. Numbers are numbers there.
pub(crate) fn document(key: &str, notice: &Notice, audience: Audience) -> Value {
    let message = Message::of(notice, audience);
    let alerts: Vec<Value> = notice.events.iter().map(|event| alert(event, audience)).collect();
    json!({
        "format": FORMAT,
        "id": key,
        "event": notice.word(),
        "reason": notice.reason,
        "count": notice.count,
        "title": message.subject,
        "text": message.plain(),
        "alerts": alerts,
    })
}

fn alert(event: &Event, audience: Audience) -> Value {
    let numbers = ["number", "severity", "since"];
    let value = |(name, text): (&'static str, String)| {
        let number = text.parse::<u64>().ok().filter(|_| numbers.contains(&name));
        (name.to_owned(), number.map_or(Value::String(text), Value::from))
    };
    let mut alert: Map<String, Value> = fields(event, audience).into_iter().map(value).collect();
    if audience == Audience::Desk {
        let figures = event.figures.iter().map(|(name, value)| (name.clone(), json!(value)));
        alert.insert("figures".into(), Value::Object(figures.collect()));
    }
    Value::Object(alert)
}
