//! Settings as a document.

use std::path::Path;

use document::{list, quoted, span_text, time_text};

use crate::secret::{KEPT, Secret, SecretSource};
use crate::settings::{Agreement, Channel, Email, Kind, Mailing, Route, Settings, Syslog};

impl Settings {
    /// The settings as a document that reads as the same settings, secrets and all: for the file
    /// that they are kept in, and for nobody to see.
    pub fn to_toml(&self) -> String {
        self.document(Secret::expose)
    }

    /// The settings as they may be seen: secrets, and paths of webhooks, stand there as `(kept)`.
    /// Applied over settings with these secrets, it is the same settings.
    pub fn shown(&self) -> String {
        self.document(|_| KEPT)
    }

    fn document(&self, secret: fn(&Secret) -> &str) -> String {
        let mut lines = vec!["format = 1".to_owned()];
        for channel in &self.channels {
            lines.push("\n[[channel]]".into());
            lines.extend(of_channel(channel, secret));
        }
        for route in &self.routes {
            lines.push("\n[[route]]".into());
            lines.extend(of_route(route));
        }
        for agreement in &self.agreements {
            lines.push("\n[[agreement]]".into());
            lines.extend(of_agreement(agreement));
        }
        for mailing in &self.mailings {
            lines.push("\n[[report]]".into());
            lines.extend(of_mailing(mailing));
        }
        lines.join("\n") + "\n"
    }
}

fn text(key: &str, value: &str) -> String {
    format!("{key} = {}", quoted(value))
}

fn texts(key: &str, values: &[String]) -> Option<String> {
    let items = list(values.iter().map(|value| quoted(value)));
    (!values.is_empty()).then(|| format!("{key} = {items}"))
}

fn path(key: &str, path: &Path) -> String {
    text(key, &path.display().to_string())
}

fn of_channel(channel: &Channel, secret: fn(&Secret) -> &str) -> Vec<String> {
    let mut lines = vec![
        text("name", &channel.name),
        text("kind", channel.kind.as_str()),
        text("audience", channel.audience.as_str()),
        format!("per_hour = {}", channel.per_hour),
    ];
    match &channel.kind {
        Kind::Email(email) => lines.extend(of_email(email, secret)),
        Kind::Webhook(webhook) => {
            lines.push(text(
                "url",
                &format!("{}{}", webhook.origin, of_path(&webhook.path, secret)),
            ));
            lines.push(of_secret("secret", &webhook.secret, secret));
            lines.extend(webhook.ca.as_deref().map(|ca| path("ca", ca)));
        }
        Kind::Syslog(syslog) => lines.extend(of_syslog(syslog)),
        Kind::Snmp(snmp) => {
            lines.push(text("host", &snmp.host));
            lines.push(format!("port = {}", snmp.port));
            lines.push(text("community", secret(&snmp.community)));
        }
    }
    lines
}

/// A path without anything in it is no secret.
fn of_path(path: &Secret, secret: fn(&Secret) -> &str) -> String {
    match path.expose() {
        "/" => "/".to_owned(),
        _ => format!("/{}", secret(path).trim_start_matches('/')),
    }
}

fn of_secret(key: &str, source: &SecretSource, secret: fn(&Secret) -> &str) -> String {
    match source {
        SecretSource::Here(here) => text(key, secret(here)),
        SecretSource::File(file) => path(&format!("{key}_file"), file),
    }
}

fn of_email(email: &Email, secret: fn(&Secret) -> &str) -> Vec<String> {
    let mut lines = vec![
        text("server", &email.server),
        format!("port = {}", email.port),
        text("security", email.security.as_str()),
    ];
    if let Some(login) = &email.login {
        lines.push(text("user", &login.user));
        lines.push(of_secret("password", &login.password, secret));
    }
    lines.push(text("from", &email.from));
    lines.extend(texts("to", &email.to));
    lines.extend(email.ca.as_deref().map(|ca| path("ca", ca)));
    lines
}

fn of_syslog(syslog: &Syslog) -> Vec<String> {
    let mut lines = vec![
        text("host", &syslog.host),
        format!("port = {}", syslog.port),
        text("transport", syslog.transport.as_str()),
        text("facility", syslog.facility.as_str()),
    ];
    lines.extend(syslog.ca.as_deref().map(|ca| path("ca", ca)));
    lines
}

fn of_route(route: &Route) -> Vec<String> {
    let mut lines = vec![format!("min_severity = {}", route.min_severity)];
    lines.extend(texts("clients", &route.clients));
    lines.extend(texts("codes", &route.codes));
    lines.extend(texts("sides", &route.sides));
    if let Some(hours) = &route.hours {
        lines.push(text("days", &hours.window.days.to_string()));
        lines.push(text("from", &time_text(hours.window.start)));
        lines.push(text("to", &time_text(hours.window.end)));
        lines.push(text("zone", &hours.zone));
    }
    lines.extend(texts("channels", &route.channels));
    lines.extend(route.repeat.map(|span| text("repeat", &span_text(span))));
    lines.extend(route.after.map(|span| text("after", &span_text(span))));
    lines
}

fn of_agreement(agreement: &Agreement) -> Vec<String> {
    let mut lines = vec![text("client", &agreement.client), text("kind", agreement.kind.as_str())];
    lines.extend(agreement.expires.map(|date| text("expires", &date.to_string())));
    lines.push(text("zone", &agreement.zone));
    lines
}

fn of_mailing(mailing: &Mailing) -> Vec<String> {
    let mut lines = vec![text("kind", mailing.kind.as_str())];
    lines.extend(texts("channels", &mailing.channels));
    lines.extend((!mailing.client.is_empty()).then(|| text("client", &mailing.client)));
    lines.push(text("every", mailing.every.as_str()));
    lines.push(text("at", &time_text(mailing.at)));
    lines.push(text("zone", &mailing.zone));
    lines
}
