//! Sources in a document.

use document::{Table, nearest};

use crate::{Source, keys};

/// Which keys each kind of source takes beside its kind.
const KINDS: [(&str, &[&str]); 7] = [
    ("image", &["path"]),
    ("nbd", &["uri"]),
    ("libvirt", &["uri", "domain", "disks"]),
    ("qmp", &["socket", "guest-agent", "disks"]),
    ("push", &[]),
    ("agent", &["volumes"]),
    ("stream", &[]),
];

const NBD: [&str; 4] = ["nbd://", "nbds://", "nbd+unix://", "nbds+unix://"];

const LIBVIRT: &str = "qemu:///system";

pub(super) fn read(system: &Table<'_>) -> Option<Source> {
    system.require("source");
    if !system.has("source") {
        return None;
    }
    let table = system.table("source", &keys::SOURCE);
    table.refuse_unknown();
    table.require("kind");
    let kind = table.text("kind")?;
    let Some((_, taken)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        unknown_kind(&table, kind);
        return None;
    };
    let known = keys::SOURCE.keys.iter().map(|key| key.name).filter(|key| *key != "kind");
    for key in known.filter(|key| table.has(key) && !taken.contains(key)) {
        table.wrong(key, &format!("means nothing for a source of kind {kind}"), "leave it out");
    }
    of_kind(&table, kind)
}

fn unknown_kind(table: &Table<'_>, kind: &str) {
    let kinds = KINDS.map(|(kind, _)| kind);
    let hint = match nearest(kind, kinds) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("known are {}", kinds.join(", ")),
    };
    table.wrong("kind", &format!("is of no known kind: \"{kind}\""), &hint);
}

fn of_kind(table: &Table<'_>, kind: &str) -> Option<Source> {
    let required = |key| {
        table.require(key);
        table.text(key).map(str::to_owned)
    };
    Some(match kind {
        "image" => Source::Image { path: absolute(table, "path")? },
        "nbd" => Source::Nbd { uri: uri(table, required("uri")?, &NBD)? },
        "libvirt" => {
            let uri = table.text("uri").unwrap_or(LIBVIRT).to_owned();
            let uri = self::uri(table, uri, &["qemu://", "qemu+"])?;
            Source::Libvirt { uri, domain: required("domain")?, disks: table.names("disks") }
        }
        "qmp" => {
            let socket = absolute(table, "socket")?;
            let guest_agent = match table.has("guest-agent") {
                true => Some(absolute(table, "guest-agent")?),
                false => None,
            };
            Source::Qmp { socket, guest_agent, disks: table.names("disks") }
        }
        "push" => Source::Push,
        "agent" => Source::Agent { volumes: table.names("volumes") },
        _ => Source::Stream,
    })
}

fn absolute(table: &Table<'_>, key: &str) -> Option<String> {
    table.require(key);
    let path = table.text(key)?;
    if !path.starts_with('/') {
        table.wrong(key, "is no absolute path", "write it from / on");
        return None;
    }
    Some(path.to_owned())
}

fn uri(table: &Table<'_>, uri: String, schemes: &[&str]) -> Option<String> {
    if schemes.iter().any(|scheme| uri.starts_with(scheme)) {
        return Some(uri);
    }
    table.wrong(
        "uri",
        "is no address for this kind",
        &format!("begin with {}", schemes.join(", ")),
    );
    None
}
