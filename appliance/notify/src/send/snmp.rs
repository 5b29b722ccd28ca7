//! Traps of SNMPv2c. HOLDFAST-MIB.txt names what they carry.

use super::ber::{INTEGER, OCTETS, SEQUENCE, TIME_TICKS, TRAP, list, number, object, value};
use super::{Here, Outgoing, connect};
use crate::error::SendError;
use crate::event::EventKind;
use crate::secret::Secret;
use crate::settings::Snmp;
use crate::wording::{Message, fields};

/// Where everything stands: below "experimental", as there is no enterprise number yet.
pub(crate) const ROOT: [u32; 6] = [1, 3, 6, 1, 3, 32473];

/// The trap about what is there, and that about what is over.
pub(crate) const ALERT: u32 = 1;
pub(crate) const CLEARED: u32 = 2;

/// Numbers of the objects below `ROOT.1`, with the fields that they carry.
pub(crate) const OBJECTS: [(u32, &str); 18] = [
    (1, "event"),
    (2, "appliance"),
    (3, "client"),
    (4, "since"),
    (5, "dedupe_key"),
    (6, "number"),
    (7, "code"),
    (8, "severity"),
    (9, "priority"),
    (10, "side"),
    (11, "subject"),
    (12, "cause"),
    (13, "next_step"),
    (14, "acknowledged_by"),
    (15, "portal"),
    (16, "text"),
    (17, "id"),
    (18, "count"),
];

/// Fields that are numbers and no texts.
pub(crate) const NUMBERS: [&str; 2] = ["severity", "count"];

const SYS_UP_TIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];
const SNMP_TRAP_OID: [u32; 11] = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

/// Most characters of a text, so that a trap fits into a datagram.
const MAX_TEXT: usize = 500;

pub(super) async fn send(snmp: &Snmp, message: Outgoing<'_>, here: &Here) -> Result<(), SendError> {
    let trap = trap(&snmp.community, message, here.uptime);
    connect::udp(&snmp.host, snmp.port, &trap).await
}

/// A whole message.
fn trap(community: &Secret, message: Outgoing<'_>, uptime: u32) -> Vec<u8> {
    let Outgoing { notice, audience, queued } = message;
    let over = notice.single().is_some_and(|event| event.kind == EventKind::Cleared);
    let mut bindings = vec![
        binding(&SYS_UP_TIME, number(TIME_TICKS, uptime.into())),
        binding(&SNMP_TRAP_OID, object(&below(&[0, if over { CLEARED } else { ALERT }]))),
    ];
    let mut values = notice.single().map(|event| fields(event, audience)).unwrap_or_default();
    if values.is_empty() {
        values.push(("event", notice.word().to_owned()));
        values.push(("severity", notice.worst.to_string()));
    }
    values.push(("text", Message::of(notice, audience).subject));
    values.push(("id", queued.key.clone()));
    values.push(("count", notice.count.to_string()));
    for (place, name) in OBJECTS {
        let found = values.iter().find(|(field, _)| *field == name);
        if let Some((name, text)) = found.filter(|(_, text)| !text.is_empty()) {
            bindings.push(binding(&below(&[1, place, 0]), encoded(name, text)));
        }
    }
    let request = u64::from(queued.id.unsigned_abs() as u32 & 0x7fff_ffff);
    let pdu = [number(INTEGER, request), number(INTEGER, 0), number(INTEGER, 0)];
    let pdu = list(TRAP, &[pdu.concat(), list(SEQUENCE, &bindings)]);
    let version = number(INTEGER, 1);
    list(SEQUENCE, &[version, value(OCTETS, community.expose().as_bytes()), pdu])
}

fn encoded(name: &str, text: &str) -> Vec<u8> {
    match text.parse::<u32>() {
        Ok(count) if NUMBERS.contains(&name) => number(INTEGER, (count & 0x7fff_ffff).into()),
        _ => {
            let text: String = text.chars().take(MAX_TEXT).collect();
            value(OCTETS, text.as_bytes())
        }
    }
}

fn binding(name: &[u32], value: Vec<u8>) -> Vec<u8> {
    list(SEQUENCE, &[object(name), value])
}

fn below(rest: &[u32]) -> Vec<u32> {
    [&ROOT[..], rest].concat()
}
