//! Every key of the settings: what it means, its unit and range, its default, an example.
//!
//! The reader takes no other keys, and CHANNELS.md is held to this table by a test.

use document::{Section, key};

const TEXT: &str = "text";
const LIST: &str = "list";
const NUMBER: &str = "number";
const TIME: &str = "time";
const ANY: &str = "1 to 255 characters";
const PORT: &str = "1 to 65535";
const SECRET: &str = "1 to 255 characters, or `(kept)`";
const PATH: &str = "absolute path";

pub(crate) const DOCUMENT: Section = Section {
    name: "top level",
    keys: &[
        key("format", "version of this format", NUMBER, "1", "required", "1"),
        key("channel", "ways to somebody, one table each", LIST, "up to 100", "none", "[]"),
        key("route", "which alerts go where, one table each", LIST, "up to 500", "none", "[]"),
        key(
            "agreement",
            "what was agreed with clients, one table each",
            LIST,
            "up to 500",
            "none",
            "[]",
        ),
        key("report", "reports by mail, one table each", LIST, "up to 100", "none", "[]"),
    ],
};

pub(crate) const CHANNEL: Section = Section {
    name: "[[channel]]",
    keys: &[
        key("name", "how routes name it", TEXT, ANY, "required", "\"desk\""),
        key("kind", "what it is", TEXT, "email, webhook, syslog, snmp", "required", "\"email\""),
        key("audience", "for whom it is worded", TEXT, "desk, contact", "desk", "\"contact\""),
        key(
            "per_hour",
            "most messages an hour; the rest becomes a digest",
            NUMBER,
            "2 to 1000",
            "20",
            "60",
        ),
        key("server", "email: host of the mail server", TEXT, ANY, "required", "\"mail.msp\""),
        key("host", "syslog, snmp: host of the receiver", TEXT, ANY, "required", "\"10.0.0.9\""),
        key(
            "port",
            "of that host",
            NUMBER,
            PORT,
            "email 465 (tls), 587 (starttls), 25 (none); syslog 514, 6514 (tls); snmp 162",
            "2525",
        ),
        key(
            "security",
            "email: how it is spoken to",
            TEXT,
            "tls, starttls, none",
            "tls",
            "\"tls\"",
        ),
        key("user", "email: to log in as", TEXT, ANY, "no login", "\"box17\""),
        key("password", "email: of that user", TEXT, SECRET, "none", "\"(kept)\""),
        key("password_file", "email: file with it", TEXT, PATH, "none", "\"/etc/holdfast/mail\""),
        key(
            "from",
            "email: sender's address",
            TEXT,
            "address",
            "required",
            "\"box17@msp.example\"",
        ),
        key(
            "to",
            "email: receivers",
            LIST,
            "1 to 50 addresses",
            "required",
            "[\"noc@msp.example\"]",
        ),
        key(
            "url",
            "webhook: where it goes; `(kept)` in place of its path",
            TEXT,
            "https://",
            "required",
            "\"https://x.example/h\"",
        ),
        key("secret", "webhook: key of the signature", TEXT, SECRET, "none", "\"(kept)\""),
        key("secret_file", "webhook: file with it", TEXT, PATH, "none", "\"/etc/holdfast/hook\""),
        key(
            "ca",
            "email, webhook, syslog: PEM file with authorities beside the system's",
            TEXT,
            PATH,
            "none",
            "\"/etc/holdfast/ca.pem\"",
        ),
        key("transport", "syslog: what carries it", TEXT, "udp, tcp, tls", "udp", "\"tls\""),
        key(
            "facility",
            "syslog: facility",
            TEXT,
            "user, daemon, local0 to local7",
            "daemon",
            "\"local3\"",
        ),
        key("community", "snmp: community of the trap", TEXT, SECRET, "required", "\"(kept)\""),
    ],
};

pub(crate) const ROUTE: Section = Section {
    name: "[[route]]",
    keys: &[
        key("clients", "whose alerts", LIST, "up to 100", "all, and the appliance's", "[\"acme\"]"),
        key("min_severity", "from which severity on", NUMBER, "1 to 10", "5", "7"),
        key("codes", "of which codes", LIST, "up to 100", "all", "[\"disk-failed\"]"),
        key("sides", "on whose side", LIST, "source, network, box, vault", "all", "[\"box\"]"),
        key("days", "on which days", TEXT, "days", "daily", "\"Mon-Fri\""),
        key("from", "first minute of the day", TEXT, "00:00 to 23:59", "00:00", "\"08:00\""),
        key("to", "minute at which it ends", TEXT, "00:01 to 24:00", "24:00", "\"18:00\""),
        key("zone", "time zone of these", TEXT, "IANA name", "UTC", "\"Europe/Berlin\""),
        key("channels", "where they go", LIST, "1 to 100 names", "required", "[\"desk\"]"),
        key(
            "repeat",
            "what nobody has acknowledged is told again after so long",
            TIME,
            "5m to 30d",
            "never",
            "\"4h\"",
        ),
        key(
            "after",
            "only what nobody has acknowledged for so long",
            TIME,
            "1m to 30d",
            "at once",
            "\"30m\"",
        ),
    ],
};

pub(crate) const AGREEMENT: Section = Section {
    name: "[[agreement]]",
    keys: &[
        key("client", "name of the client, as in the plan", TEXT, ANY, "required", "\"acme\""),
        key(
            "kind",
            "what was agreed",
            TEXT,
            "full, alert-only, block-hours, none",
            "required",
            "\"full\"",
        ),
        key("expires", "last day on which it holds", TEXT, "date", "never", "\"2027-12-31\""),
        key("zone", "time zone of that day", TEXT, "IANA name", "UTC", "\"Europe/Berlin\""),
    ],
};

pub(crate) const REPORT: Section = Section {
    name: "[[report]]",
    keys: &[
        key("kind", "which report", TEXT, "kinds of REPORTS.md", "required", "\"job-summary\""),
        key("channels", "to whom", LIST, "1 to 100 names, all email", "required", "[\"desk\"]"),
        key("client", "of this client only", TEXT, ANY, "of all", "\"acme\""),
        key("every", "how often", TEXT, "day, week, month, quarter", "required", "\"day\""),
        key("at", "when the span is over, at", TEXT, "00:00 to 23:59", "06:00", "\"07:30\""),
        key("zone", "time zone of all that", TEXT, "IANA name", "UTC", "\"Europe/Berlin\""),
    ],
};

/// All sections, in the order of CHANNELS.md.
pub const SECTIONS: [&Section; 5] = [&DOCUMENT, &CHANNEL, &ROUTE, &AGREEMENT, &REPORT];
