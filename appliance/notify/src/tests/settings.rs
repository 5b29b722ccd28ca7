//! Reading, showing and applying settings.

use proptest::prelude::*;

use super::make::settings;
use crate::{KEPT, Kind, Level, Settings};

const WHOLE: &str = "format = 1
[[channel]]
name = \"desk\"
kind = \"email\"
server = \"mail.msp.example\"
security = \"starttls\"
user = \"box17\"
password = \"canary-password\"
from = \"box17@msp.example\"
to = [\"noc@msp.example\"]
[[channel]]
name = \"pager\"
kind = \"webhook\"
url = \"https://pager.example:8443/canary-path?x=1\"
secret = \"canary-secret\"
[[channel]]
name = \"nms\"
kind = \"snmp\"
host = \"10.0.0.9\"
community = \"canary-community\"
[[channel]]
name = \"siem\"
kind = \"syslog\"
host = \"::1\"
transport = \"tls\"
ca = \"/ca.pem\"
[[route]]
clients = [\"acme\"]
min_severity = 7
codes = [\"disk-failed\"]
sides = [\"box\"]
days = \"Mon-Fri\"
from = \"08:00\"
to = \"18:00\"
zone = \"Europe/Berlin\"
channels = [\"desk\", \"pager\"]
repeat = \"4h\"
after = \"30m\"
[[route]]
channels = [\"nms\", \"siem\"]
[[agreement]]
client = \"acme\"
kind = \"block-hours\"
expires = \"2027-12-31\"
[[report]]
kind = \"monthly-statement\"
channels = [\"desk\"]
client = \"acme\"
every = \"month\"
at = \"08:15\"
zone = \"Europe/Berlin\"
";

fn whole() -> Settings {
    let parsed = Settings::parse(WHOLE, None);
    assert!(parsed.problems.is_empty(), "{:#?}", parsed.problems);
    parsed.settings.unwrap()
}

#[test]
fn settings_are_written_as_they_are_read() {
    let settings = whole();
    assert_eq!(Settings::parse(&settings.to_toml(), None).settings.as_ref(), Some(&settings));
    let ports: Vec<String> = settings.channels.iter().map(|channel| channel.kind.peer()).collect();
    assert_eq!(ports, ["mail.msp.example:587", "pager.example:8443", "10.0.0.9:162", "::1:6514"]);
    let Kind::Webhook(webhook) = &settings.channels[1].kind else { panic!() };
    assert_eq!(webhook.path.expose(), "/canary-path?x=1");
}

#[test]
fn no_secret_is_ever_shown() {
    let settings = whole();
    let shown = settings.shown();
    assert_eq!(shown.matches(KEPT).count(), 4);
    assert!(shown.contains("\"https://pager.example:8443/(kept)\""), "{shown}");
    for text in [shown, format!("{settings:?}"), format!("{:#?}", settings.channels)] {
        assert!(!text.contains("canary"), "{text}");
    }
    // What is wrong with a document is told without the secrets in it.
    for (from, to) in [
        ("\"canary-secret\"", "\"canary-secret"),
        ("\"canary-password\"", "[\"canary-password\"]"),
        ("secret = \"canary-secret\"", "secret = \" canary-secret\""),
        ("https://pager", "http://u:canary@pager"),
        ("community = \"canary-community\"", "community = 'canary\u{7}'"),
        ("security = \"starttls\"", "security = \"canary\""),
    ] {
        let parsed = Settings::parse(&WHOLE.replace(from, to), None);
        let told = format!("{:?}", parsed.problems);
        let text = format!("{told} {}", parsed.into_settings().unwrap_err());
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn what_was_shown_keeps_the_secrets_that_were_there() {
    let settings = whole();
    let again = Settings::parse(&settings.shown(), Some(&settings));
    assert_eq!(again.settings, Some(settings.clone()), "{:?}", again.problems);
    assert_eq!(Settings::parse(&settings.shown(), None).problems.len(), 4);
}

#[test]
fn a_secret_is_not_kept_for_another_place() {
    let settings = whole();
    for (from, to) in [
        ("mail.msp.example", "mail.thief.example"),
        ("starttls", "none"),
        ("pager.example:8443", "thief.example:8443"),
        ("10.0.0.9", "10.0.0.8"),
    ] {
        let shown = settings.shown().replace(from, to);
        let parsed = Settings::parse(&shown, Some(&settings));
        let told = format!("{:?}", parsed.problems);
        let elsewhere = ["leads elsewhere", "did not lead there"];
        let elsewhere = elsewhere.iter().any(|what| told.contains(what));
        assert!(parsed.settings.is_none() && elsewhere, "{told}");
    }
    let shown = settings.shown().replace("noc@msp.example", "other@msp.example");
    assert!(Settings::parse(&shown, Some(&settings)).settings.is_some());
    // A path that is written out leaves the key where it was.
    let shown = settings.shown().replace("8443/(kept)", "8443/other");
    assert!(Settings::parse(&shown, Some(&settings)).settings.is_some());
    let shown = settings.shown().replace("8443/(kept)", "8444/other");
    assert!(Settings::parse(&shown, Some(&settings)).settings.is_none());
}

const SLIPS: &[(&str, &str, &str)] = &[
    ("format = 1", "format = 2", "is of another version"),
    ("min_severity", "min_severty", "did you mean `min_severity`?"),
    ("\"starttls\"", "\"startls\"", "did you mean \"starttls\"?"),
    ("kind = \"email\"", "kind = \"mail\"", "did you mean \"email\"?"),
    ("[\"desk\", \"pager\"]", "[\"desk\", \"pagr\"]", "did you mean \"pager\"?"),
    ("[\"desk\", \"pager\"]", "[]", "leads nowhere"),
    ("noc@msp.example", "noc", "is no mail address"),
    ("https://", "http://", "is no https address"),
    ("user = \"box17\"\n", "", "write to whom the password belongs"),
    ("password = \"canary-password\"\n", "", "has no password"),
    ("host = \"10.0.0.9\"", "host = \"10.0.0.9/x\"", "is no host"),
    ("ca = \"/ca.pem\"", "ca = \"ca.pem\"", "is no absolute path"),
    ("transport", "secret = \"x\"\ntransport", "is of another kind of channel"),
    ("name = \"siem\"", "name = \"nms\"", "is that of another channel"),
    ("Europe/Berlin", "Europe/Atlantis", "names no time zone"),
    ("\"Mon-Fri\"", "\"Mo-Fr\"", "has no days"),
    ("to = \"18:00\"", "to = \"25:00\"", "is no time of the day"),
    ("repeat = \"4h\"", "repeat = \"1s\"", "from 5m to 30d"),
    ("2027-12-31", "31.12.2027", "is no date"),
    ("\"block-hours\"", "\"gold\"", "write one of"),
    ("sides = [\"box\"]", "sides = [\"bx\"]", "did you mean \"box\"?"),
    ("monthly-statement", "monthly-statment", "did you mean \"monthly-statement\"?"),
    ("every = \"month\"", "every = \"moon\"", "known here"),
    ("at = \"08:15\"", "at = \"24:00\"", "no time of the day"),
    (
        "[[report]]\nkind = \"monthly-statement\"\nchannels = [\"desk\"]",
        "[[report]]\nkind = \"monthly-statement\"\nchannels = [\"nms\"]",
        "carries no mail",
    ),
];

#[test]
fn each_slip_is_told_in_its_place() {
    for (from, to, expected) in SLIPS {
        let parsed = Settings::parse(&WHOLE.replacen(from, to, 1), None);
        let told: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|told| told.contains(expected)), "{from} -> {to}: {told:#?}");
        let errors = parsed.problems.iter().filter(|problem| problem.level == Level::Error);
        assert!(parsed.settings.is_none() && errors.count() <= 2, "{from} -> {to}: {told:#?}");
    }
}

#[test]
fn all_slips_are_told_at_once_in_the_order_of_the_document() {
    let parsed = Settings::parse("format = 1\n[[channel]]\nkind = \"snmp\"\n[[route]]\n", None);
    let told: Vec<(usize, &str)> =
        parsed.problems.iter().map(|problem| (problem.line, problem.what.as_str())).collect();
    let expected = ["`name` is missing", "`host` is missing", "`community` is missing"];
    assert_eq!(told[..3], expected.map(|what| (2, what)));
    assert_eq!(told[3], (4, "`channels` is missing"));
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let text = "format = 1
[[channel]]
name = \"office\"
kind = \"email\"
audience = \"contact\"
server = \"m\"
security = \"none\"
user = \"u\"
password = \"p\"
from = \"a@b.example\"
to = [\"c@d.example\"]
[[channel]]
name = \"lost\"
kind = \"syslog\"
host = \"h\"
[[route]]
channels = [\"office\"]
";
    let parsed = Settings::parse(text, None);
    assert!(parsed.settings.is_some());
    let told: Vec<&str> = parsed.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert!(parsed.problems.iter().all(|problem| problem.level == Level::Warning));
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("told of others") && told[1].contains("in the clear"), "{told:?}");
    assert!(told[2].contains("no route"), "{told:?}");
    // A report of everybody is no more for one client's contact than a route of everybody.
    let report = "[[report]]\nkind = \"usage\"\nevery = \"day\"\nchannels = [\"office\"]\n";
    let route = "[[route]]\nclients = [\"acme\"]\nchannels = [\"office\", \"lost\"]\n";
    let begin = text.split("[[route]]").next().unwrap().replace("security = \"none\"\n", "");
    for (of, warned) in [("", true), ("client = \"acme\"\n", false), ("client = \"b\"\n", true)] {
        let parsed = Settings::parse(&format!("{begin}{route}{report}{of}"), None);
        let told: Vec<&str> = parsed.problems.iter().map(|one| one.what.as_str()).collect();
        assert!(parsed.settings.is_some(), "{told:?}");
        assert_eq!(told.iter().any(|what| what.contains("told of others")), warned, "{told:?}");
    }
}

#[test]
fn an_agreement_ends_with_its_last_day_in_its_own_zone() {
    use crate::AgreementKind::{Full, None};
    let settings = settings(
        "[[agreement]]\nclient = \"acme\"\nkind = \"full\"\nexpires = \"2026-11-20\"\n\
         zone = \"Pacific/Auckland\"\n",
    );
    let at = |text: &str| settings.agreement("acme", text.parse().unwrap());
    assert_eq!(at("2026-11-20T10:59:59Z"), Full);
    assert_eq!(at("2026-11-20T11:00:00Z"), None);
    assert_eq!(settings.agreement("other", "2099-01-01T00:00:00Z".parse().unwrap()), Full);
}

proptest! {
    #[test]
    fn any_text_gives_settings_or_errors(
        text: String,
        cut in 0..WHOLE.len(),
        put in "[\\PC\n]{0,20}",
    ) {
        Settings::parse(&text, None);
        let (before, after) = WHOLE.split_at(cut);
        let parsed = Settings::parse(&format!("{before}{put}{after}"), None);
        let errors = parsed.problems.iter().any(|problem| problem.level == Level::Error);
        prop_assert_eq!(parsed.settings.is_none(), errors);
        if let Some(settings) = parsed.settings {
            prop_assert_eq!(Settings::parse(&settings.to_toml(), None).settings, Some(settings));
        }
    }
}
