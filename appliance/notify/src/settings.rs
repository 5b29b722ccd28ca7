//! Who is told what, and how: channels, routes, agreements.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use document::{Window, Windows};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::Span;

use crate::secret::{Secret, SecretSource};
use crate::word::words;

/// All settings of one box.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub channels: Vec<Channel>,
    pub routes: Vec<Route>,
    pub agreements: Vec<Agreement>,
    pub mailings: Vec<Mailing>,
}

/// A way to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Routes and messages name it so.
    pub name: String,
    pub audience: Audience,
    /// Most messages an hour; what goes beyond becomes one digest.
    pub per_hour: usize,
    pub kind: Kind,
}

words! {
    /// For whom a channel's messages are worded.
    Audience {
        /// The MSP's desk: code, cause, next step, figures.
        Desk = "desk",
        /// The client's contact: plain words, no internals.
        Contact = "contact",
    }
}

/// What a channel is, with what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Email(Email),
    Webhook(Webhook),
    Syslog(Syslog),
    Snmp(Snmp),
}

impl Kind {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Webhook(_) => "webhook",
            Self::Syslog(_) => "syslog",
            Self::Snmp(_) => "snmp",
        }
    }

    /// Host and port, for messages about the channel.
    pub fn peer(&self) -> String {
        let (host, port) = match self {
            Self::Email(email) => (&email.server, email.port),
            Self::Webhook(webhook) => (&webhook.host, webhook.port),
            Self::Syslog(syslog) => (&syslog.host, syslog.port),
            Self::Snmp(snmp) => (&snmp.host, snmp.port),
        };
        format!("{host}:{port}")
    }

    /// The secret that stands in the settings themselves.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        match (self, self.secret_source()) {
            (Self::Snmp(snmp), _) => Some(&snmp.community),
            (_, Some(SecretSource::Here(secret))) => Some(secret),
            _ => None,
        }
    }

    /// The file that the secret is read from, if it is in one.
    pub fn secret_file(&self) -> Option<&Path> {
        match self.secret_source()? {
            SecretSource::Here(_) => None,
            SecretSource::File(path) => Some(path),
        }
    }

    fn secret_source(&self) -> Option<&SecretSource> {
        match self {
            Self::Email(email) => Some(&email.login.as_ref()?.password),
            Self::Webhook(webhook) => Some(&webhook.secret),
            Self::Snmp(_) | Self::Syslog(_) => None,
        }
    }

    /// Whether a secret of one may be sent where the other leads: who may write settings and does
    /// not know the secret must not have it sent to himself.
    pub fn leads_like(&self, other: &Self) -> bool {
        let end = |kind: &Self| match kind {
            Self::Email(email) => (Some(email.security), email.ca.clone()),
            Self::Webhook(webhook) => (None, webhook.ca.clone()),
            Self::Syslog(_) | Self::Snmp(_) => (None, None),
        };
        self.as_str() == other.as_str() && self.peer() == other.peer() && end(self) == end(other)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    pub server: String,
    pub port: u16,
    pub security: Security,
    pub login: Option<Login>,
    /// Sender's address.
    pub from: String,
    pub to: Vec<String>,
    /// PEM file with authorities that are believed beside those of the system.
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: SecretSource,
}

words! {
    /// How a mail server is spoken to.
    Security {
        /// TLS from the first byte.
        Tls = "tls",
        /// TLS before anything that matters; a server without it is not used.
        Starttls = "starttls",
        /// In the clear.
        None = "none",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Of its address all before the path, as it was written; host and port are taken from it.
    pub origin: String,
    pub host: String,
    pub port: u16,
    /// With the query, from the first slash. Many services know who posts by it alone.
    pub path: Secret,
    /// Key of the signature.
    pub secret: SecretSource,
    /// As for mail.
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    pub host: String,
    pub port: u16,
    pub transport: Transport,
    pub facility: Facility,
    /// As for mail.
    pub ca: Option<PathBuf>,
}

words! {
    /// What carries syslog.
    Transport {
        Udp = "udp",
        Tcp = "tcp",
        Tls = "tls",
    }
}

words! {
    /// Facilities of syslog that are for others than the kernel and the system's own services.
    Facility {
        User = "user",
        Daemon = "daemon",
        Local0 = "local0",
        Local1 = "local1",
        Local2 = "local2",
        Local3 = "local3",
        Local4 = "local4",
        Local5 = "local5",
        Local6 = "local6",
        Local7 = "local7",
    }
}

impl Facility {
    /// Its number in RFC 5424.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Daemon => 3,
            Self::Local0 => 16,
            Self::Local1 => 17,
            Self::Local2 => 18,
            Self::Local3 => 19,
            Self::Local4 => 20,
            Self::Local5 => 21,
            Self::Local6 => 22,
            Self::Local7 => 23,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snmp {
    pub host: String,
    pub port: u16,
    pub community: Secret,
}

/// Which alerts go to which channels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Empty for all clients and for what concerns the appliance alone.
    pub clients: Vec<String>,
    /// 1 to 10.
    pub min_severity: u8,
    /// Empty for all.
    pub codes: Vec<String>,
    /// Empty for all.
    pub sides: Vec<String>,
    /// None for always.
    pub hours: Option<Hours>,
    /// Names of channels.
    pub channels: Vec<String>,
    /// What nobody has acknowledged is told again after so long.
    pub repeat: Option<Span>,
    /// Only what nobody has acknowledged for so long is told.
    pub after: Option<Span>,
}

/// Hours of the week in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    pub window: Window,
    /// IANA name.
    pub zone: String,
}

impl Hours {
    pub(crate) fn hold(&self, now: Timestamp) -> bool {
        // Rules that were there when the settings were read and are gone now: better told than not.
        let Ok(zone) = TimeZone::get(&self.zone) else { return true };
        Windows { zone, open: vec![self.window], closed: Vec::new() }.is_open(now)
    }
}

/// What was agreed with a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    pub client: String,
    pub kind: AgreementKind,
    /// The last day on which it holds.
    pub expires: Option<Date>,
    /// IANA name of the time zone of that day.
    pub zone: String,
}

words! {
    /// Kinds of agreement.
    AgreementKind {
        /// Alerts are told and worked on.
        Full = "full",
        /// Alerts are told; work is agreed on each time.
        AlertOnly = "alert-only",
        /// Alerts are told; work is taken from hours that were paid before.
        BlockHours = "block-hours",
        /// Nobody is told anything; alerts stand on the box alone.
        None = "none",
    }
}

/// A report that goes out by mail again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailing {
    pub kind: report::Kind,
    /// Of this client only; empty for all.
    pub client: String,
    /// Names of channels, all of them for mail.
    pub channels: Vec<String>,
    pub every: Every,
    /// Minute of the day.
    pub at: u16,
    /// IANA name of the zone of that minute, and of the report.
    pub zone: String,
}

words! {
    /// How often a report goes out: when such a span is over, about that span.
    Every {
        Day = "day",
        /// From Monday on.
        Week = "week",
        Month = "month",
        Quarter = "quarter",
    }
}

impl Settings {
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name == name)
    }

    /// Clients that routes, agreements and reports name.
    pub fn clients(&self) -> BTreeSet<&str> {
        let routed = self.routes.iter().flat_map(|route| &route.clients);
        let agreed = self.agreements.iter().map(|agreement| &agreement.client);
        let mailed = self.mailings.iter().map(|mailing| &mailing.client);
        let named = routed.chain(agreed).chain(mailed).map(String::as_str);
        named.filter(|client| !client.is_empty()).collect()
    }

    /// What holds for a client on this day. One that is not named, and the appliance itself (an
    /// empty name), has all of it; an agreement that has expired is none.
    pub fn agreement(&self, client: &str, now: Timestamp) -> AgreementKind {
        let found = self.agreements.iter().find(|agreement| agreement.client == client);
        match found {
            Some(agreement) if agreement.is_over(now) => AgreementKind::None,
            Some(agreement) => agreement.kind,
            None => AgreementKind::Full,
        }
    }
}

impl Agreement {
    fn is_over(&self, now: Timestamp) -> bool {
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        let today = zone.to_datetime(now).date();
        self.expires.is_some_and(|last| today > last)
    }
}
