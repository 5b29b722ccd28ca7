//! Channels in a document.

use document::{Level, Table};
use lettre::Address;

use super::Read;
use super::values::{host, path, port, word};
use crate::keys;
use crate::secret::{KEPT, Secret, SecretSource};
use crate::settings::{
    Audience, Channel, Email, Facility, Kind, Login, Security, Settings, Snmp, Syslog, Transport,
    Webhook,
};

const MAX_CHANNELS: usize = 100;

/// Most receivers of a mail.
const MAX_RECEIVERS: usize = 50;

/// Messages an hour where nothing is said.
const PER_HOUR: usize = 20;

/// Keys of every channel, and those of each kind.
const COMMON: [&str; 4] = ["name", "kind", "audience", "per_hour"];
const KINDS: [(&str, &[&str]); 4] = [
    (
        "email",
        &["server", "port", "security", "user", "password", "password_file", "from", "to", "ca"],
    ),
    ("webhook", &["url", "secret", "secret_file", "ca"]),
    ("syslog", &["host", "port", "transport", "facility", "ca"]),
    ("snmp", &["host", "port", "community"]),
];

/// Channels that could not be read whole are there without a value, so that a route that names
/// one is right.
pub(super) fn read<'a>(
    document: &Table<'a>,
    former: Option<&Settings>,
) -> Vec<Read<'a, Option<Channel>>> {
    let tables = document.list("channel", &keys::CHANNEL, MAX_CHANNELS);
    let mut names: Vec<&str> = Vec::new();
    let mut channels = Vec::new();
    for table in tables {
        table.refuse_unknown();
        table.require("name");
        if let Some(name) = table.text("name") {
            if names.contains(&name) {
                table.wrong("name", "is that of another channel", "give each its own name");
            }
            names.push(name);
        }
        let value = channel(&table, former);
        channels.push(Read { value, table });
    }
    channels
}

fn channel(table: &Table<'_>, former: Option<&Settings>) -> Option<Channel> {
    let name = table.text("name").unwrap_or_default().to_owned();
    let audience = word(table, "audience", Audience::parse, &["desk", "contact"]);
    let per_hour = table.number("per_hour", 2..=1000).and_then(|count| usize::try_from(count).ok());
    table.require("kind");
    let words = KINDS.map(|(word, _)| word);
    let known = |word: &str| KINDS.into_iter().find(|(kind, _)| *kind == word);
    let (word, own) = word(table, "kind", known, &words)?;
    refuse_others(table, word, own);
    let former = former.and_then(|former| former.channel(&name)).map(|channel| &channel.kind);
    let kind = match word {
        "email" => email(table, former),
        "webhook" => webhook(table, former),
        "syslog" => syslog(table),
        _ => snmp(table, former),
    }?;
    let (audience, per_hour) = (audience.unwrap_or(Audience::Desk), per_hour.unwrap_or(PER_HOUR));
    let channel = Channel { name, audience, per_hour, kind };
    keeps_where_it_goes(table, &channel, former);
    Some(channel)
}

/// Keys that another kind has.
fn refuse_others(table: &Table<'_>, kind: &str, own: &[&str]) {
    let known = keys::CHANNEL.keys.iter().map(|key| key.name);
    let others = known.filter(|key| !COMMON.contains(key) && !own.contains(key));
    for key in others.filter(|key| table.has(key)) {
        let hint = format!("channels of kind {kind} have {}", own.join(", "));
        table.wrong(key, "is of another kind of channel", &hint);
    }
}

fn email(table: &Table<'_>, former: Option<&Kind>) -> Option<Kind> {
    let words = ["tls", "starttls", "none"];
    let security = word(table, "security", Security::parse, &words).unwrap_or(Security::Tls);
    let usual = match security {
        Security::Tls => 465,
        Security::Starttls => 587,
        Security::None => 25,
    };
    let port = port(table, usual);
    for key in ["server", "from", "to"] {
        table.require(key);
    }
    let login = login(table, security, former);
    let ca = path(table, "ca");
    let (server, from, to) = (host(table, "server"), sender(table), receivers(table));
    let (server, from) = (server?, from?);
    Some(Kind::Email(Email { server, port, security, login, from, to, ca }))
}

fn login(table: &Table<'_>, security: Security, former: Option<&Kind>) -> Option<Login> {
    let password = source(table, "password", "password_file", former);
    let user = table.text("user");
    match (user, password.is_some()) {
        (Some(_), false) if !table.has("password") && !table.has("password_file") => {
            table.wrong("user", "has no password", "write `password` or `password_file`");
        }
        (None, true) => table.wrong("user", "is missing", "write to whom the password belongs"),
        (Some(_), true) if security == Security::None => {
            let what = "the password goes over the network in the clear";
            table.report(Level::Warning, "security", what, "write \"tls\" or \"starttls\"");
        }
        _ => {}
    }
    Some(Login { user: user?.to_owned(), password: password? })
}

fn is_address(text: &str) -> bool {
    text.is_ascii() && text.parse::<Address>().is_ok()
}

const ADDRESS: &str = "write an address as in \"box17@msp.example\"";

fn sender(table: &Table<'_>) -> Option<String> {
    let from = table.text("from")?;
    if !is_address(from) {
        table.wrong("from", "is no mail address", ADDRESS);
    }
    Some(from.to_owned())
}

fn receivers(table: &Table<'_>) -> Vec<String> {
    let to = table.names("to");
    let fits = (1..=MAX_RECEIVERS).contains(&to.len());
    if table.has("to") && !fits {
        let hint = format!("write 1 to {MAX_RECEIVERS} addresses");
        table.wrong("to", "has too few or too many receivers", &hint);
    }
    if !to.iter().all(|text| is_address(text)) {
        table.wrong("to", "has what is no mail address", ADDRESS);
    }
    to
}

fn webhook(table: &Table<'_>, former: Option<&Kind>) -> Option<Kind> {
    table.require("url");
    let secret = source(table, "secret", "secret_file", former);
    if !table.has("secret") && !table.has("secret_file") {
        table.require("secret");
    }
    let ca = path(table, "ca");
    let url = table.text("url")?;
    let Some((origin, host, port, path)) = parts(url) else {
        let hint = "write it as in \"https://desk.example/hooks/box17\", without user and #";
        table.wrong("url", "is no https address", hint);
        return None;
    };
    let path = match path.strip_prefix('/') == Some(KEPT) {
        true => kept_path(table, former, (&host, port))?,
        false => Secret::new(&path),
    };
    Some(Kind::Webhook(Webhook { origin, host, port, path, secret: secret?, ca }))
}

/// The path from before, if the webhook leads to where it led.
fn kept_path(table: &Table<'_>, former: Option<&Kind>, to: (&str, u16)) -> Option<Secret> {
    let path = match former {
        Some(Kind::Webhook(former)) if (former.host.as_str(), former.port) == to => {
            Some(former.path.clone())
        }
        _ => None,
    };
    if path.is_none() {
        let hint = "the channel did not lead there before: write the path out";
        table.wrong("url", "cannot be kept", hint);
    }
    path
}

/// All before the path of an address, its host, its port, and its path.
fn parts(url: &str) -> Option<(String, String, u16, String)> {
    let uri: hyper::Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let good = uri.scheme_str() == Some("https") && !url.contains(['#', '@']);
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let port = match authority.port() {
        Some(port) => port.as_str().parse().ok()?,
        None => 443,
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let origin = format!("https://{authority}");
    (good && !host.is_empty() && port > 0).then_some((origin, host, port, path))
}

fn syslog(table: &Table<'_>) -> Option<Kind> {
    table.require("host");
    let transport = word(table, "transport", Transport::parse, &["udp", "tcp", "tls"]);
    let transport = transport.unwrap_or(Transport::Udp);
    let facilities: Vec<&str> = Facility::ALL.iter().map(|known| known.as_str()).collect();
    let facility = word(table, "facility", Facility::parse, &facilities);
    let port = port(table, if transport == Transport::Tls { 6514 } else { 514 });
    let ca = path(table, "ca");
    let host = host(table, "host")?;
    let facility = facility.unwrap_or(Facility::Daemon);
    Some(Kind::Syslog(Syslog { host, port, transport, facility, ca }))
}

fn snmp(table: &Table<'_>, former: Option<&Kind>) -> Option<Kind> {
    for key in ["host", "community"] {
        table.require(key);
    }
    let port = port(table, 162);
    let community = secret(table, "community", former);
    let host = host(table, "host")?;
    Some(Kind::Snmp(Snmp { host, port, community: community? }))
}

/// A secret that stands here or in a file.
fn source(
    table: &Table<'_>,
    here: &str,
    file: &str,
    former: Option<&Kind>,
) -> Option<SecretSource> {
    if table.has(here) && table.has(file) {
        table.wrong(file, &format!("stands beside `{here}`"), "write one of the two");
    }
    match table.has(here) {
        true => secret(table, here, former).map(SecretSource::Here),
        false => path(table, file).map(SecretSource::File),
    }
}

fn secret(table: &Table<'_>, key: &str, former: Option<&Kind>) -> Option<Secret> {
    let text = table.text(key)?;
    if text != KEPT {
        return Some(Secret::new(text));
    }
    let secret = former.and_then(Kind::secret);
    if secret.is_none() {
        let hint = "there is no secret of this channel from before: write it out";
        table.wrong(key, "cannot be kept", hint);
    }
    secret.cloned()
}

/// A secret is kept only for where it went before.
fn keeps_where_it_goes(table: &Table<'_>, channel: &Channel, former: Option<&Kind>) {
    let keys = ["password", "secret", "community"];
    let kept = keys
        .into_iter()
        .filter(|key| table.has(key))
        .find(|key| table.value(key).and_then(|value| value.get_ref().as_str()) == Some(KEPT));
    let (Some(key), Some(former)) = (kept, former) else { return };
    if !channel.kind.leads_like(former) {
        let hint = "the channel leads elsewhere than before: write the secret out";
        table.wrong(key, "cannot be kept", hint);
    }
}
