//! Syslog, as RFC 5424 has it.

use jiff::Timestamp;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Here, Outgoing, connect};
use crate::error::SendError;
use crate::event::EventKind;
use crate::notice::Notice;
use crate::settings::{Audience, Facility, Syslog, Transport};
use crate::wording::{Message, fields};

/// The structured data's name. There is no enterprise number yet: this one is for documents.
const NAME: &str = "holdfast@32473";

/// Fields that are in the text anyway, or too long.
const LEFT_OUT: [&str; 4] = ["event", "cause", "next_step", "portal"];

/// Most characters of a value.
const MAX_VALUE: usize = 100;

/// Most characters of the text.
const MAX_TEXT: usize = 1000;

pub(super) async fn send(
    syslog: &Syslog,
    message: Outgoing<'_>,
    here: &Here,
) -> Result<(), SendError> {
    let message = frame(syslog.facility, message, here.now);
    let (host, port) = (syslog.host.as_str(), syslog.port);
    match syslog.transport {
        Transport::Udp => connect::udp(host, port, &message).await,
        Transport::Tcp => {
            let stream = connect::tcp(host, port).await?;
            counted(stream, &message, host, port).await
        }
        Transport::Tls => {
            let stream = connect::tls(host, port, syslog.ca.as_deref()).await?;
            counted(stream, &message, host, port).await
        }
    }
}

/// One message with its length before it, as RFC 5425 and RFC 6587 have it.
async fn counted(
    mut stream: impl AsyncWrite + Unpin,
    message: &[u8],
    host: &str,
    port: u16,
) -> Result<(), SendError> {
    let mut frame = format!("{} ", message.len()).into_bytes();
    frame.extend_from_slice(message);
    let failed = |error: std::io::Error| connect::unreachable(host, port, &error);
    stream.write_all(&frame).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    stream.shutdown().await.map_err(failed)
}

fn frame(facility: Facility, message: Outgoing<'_>, now: i64) -> Vec<u8> {
    let Outgoing { notice, audience, queued } = message;
    let priority = facility.number() * 8 + severity(notice);
    let time = Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH);
    let appliance = notice.events.first().map_or("", |event| &event.appliance);
    let (host, word) = (header(appliance), notice.word());
    let data = data(notice, audience, &queued.key);
    let text = Message::of(notice, audience);
    let text = cut(&format!("{} {}", text.subject, text.paragraphs.join(" ")), MAX_TEXT);
    format!("<{priority}>1 {time} {host} holdfast - {word} {data} \u{feff}{text}").into_bytes()
}

/// Severities of syslog; what is over is a notice.
fn severity(notice: &Notice) -> u8 {
    let over = notice.single().is_some_and(|event| {
        matches!(event.kind, EventKind::Cleared | EventKind::Test | EventKind::Acknowledged)
    });
    match notice.worst {
        _ if over => 5,
        9.. => 2,
        7.. => 3,
        5.. => 4,
        3.. => 5,
        _ => 6,
    }
}

/// Printable ASCII without blanks; `-` for nothing.
fn header(text: &str) -> String {
    let plain: String = text.chars().filter(char::is_ascii_graphic).take(255).collect();
    if plain.is_empty() { "-".into() } else { plain }
}

fn data(notice: &Notice, audience: Audience, key: &str) -> String {
    let mut data = format!("[{NAME} id=\"{}\" count=\"{}\"", escaped(key), notice.count);
    let fields = notice.single().map(|event| fields(event, audience)).unwrap_or_default();
    for (name, value) in fields {
        if !value.is_empty() && !LEFT_OUT.contains(&name) {
            data.push_str(&format!(" {name}=\"{}\"", escaped(&cut(&value, MAX_VALUE))));
        }
    }
    data + "]"
}

fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    for character in value.chars() {
        if matches!(character, '"' | '\\' | ']') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// On one line.
fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
