//! Mail by SMTP.

use std::sync::Arc;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message as Mail};

use super::tls;
use crate::error::SendError;
use crate::outbox::Queued;
use crate::secret::Secret;
use crate::settings::{Channel, Email, Login, Security};
use crate::wording::{Message, html};

pub(super) async fn send(
    email: &Email,
    channel: &Channel,
    queued: &Queued,
) -> Result<(), SendError> {
    let mail = mail(email, channel, queued)?;
    let mut connection = connect(email).await?;
    let mut secret = Secret::new("");
    if let Some(login) = &email.login {
        secret = password(login)?;
        log_in(&mut connection, email, login, &secret).await?;
    }
    let sent = connection.send(mail.envelope(), &mail.formatted()).await;
    sent.map_err(|error| refused(email, &error, &secret))?;
    // It is taken whatever becomes of the farewell.
    let _ = connection.quit().await;
    Ok(())
}

async fn connect(email: &Email) -> Result<AsyncSmtpConnection, SendError> {
    let name = ClientId::Domain(domain(&email.from).to_owned());
    let failed = |error: Error| unreachable(email, &error);
    let address = (email.server.as_str(), email.port);
    let parameters = match email.security {
        Security::None => None,
        Security::Tls | Security::Starttls => Some(parameters(email)?),
    };
    let first = parameters.clone().filter(|_| email.security == Security::Tls);
    let connected = AsyncSmtpConnection::connect_tokio1(address, None, &name, first, None);
    let mut connection = connected.await.map_err(failed)?;
    if let Some(parameters) = parameters.filter(|_| email.security == Security::Starttls) {
        if !connection.can_starttls() {
            let what = format!("{}:{} offers no STARTTLS", email.server, email.port);
            let next = "write security = \"tls\", or have the server offer it";
            return Err(SendError::passing(what, next));
        }
        connection.starttls(parameters, &name).await.map_err(failed)?;
    }
    Ok(connection)
}

fn parameters(email: &Email) -> Result<TlsParameters, SendError> {
    let next = "correct `ca`";
    let mut builder =
        TlsParameters::builder(email.server.clone()).certificate_store(CertificateStore::None);
    for authority in tls::authorities(email.ca.as_deref())? {
        let certificate = Certificate::from_der(authority.to_vec());
        // One that cannot be read proves nothing to anybody.
        if let Ok(certificate) = certificate {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build_rustls().map_err(|error| SendError::passing(error, next))
}

fn password(login: &Login) -> Result<Secret, SendError> {
    let next = "write the password into the settings, or correct `password_file`";
    login.password.read().map_err(|error| SendError::passing(error, next))
}

/// Nothing of what the server says is told: it may have repeated the password in any form.
async fn log_in(
    connection: &mut AsyncSmtpConnection,
    email: &Email,
    login: &Login,
    secret: &Secret,
) -> Result<(), SendError> {
    let credentials = Credentials::new(login.user.clone(), secret.expose().to_owned());
    let done = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
    done.map(|_| ()).map_err(|error| {
        let why = match error.status() {
            Some(code) => format!("refuses user or password ({code})"),
            None => "offers no way to log in that is known here, or broke off".to_owned(),
        };
        let next = "correct `user` and `password`; some servers need a password for programs";
        SendError::passing(format!("{}:{} {why}", email.server, email.port), next)
    })
}

fn unreachable(email: &Email, error: &Error) -> SendError {
    let next = "check server, port and security, its certificate, and any firewall between";
    SendError::passing(format!("{}:{}: {}", email.server, email.port, whole(error)), next)
}

fn refused(email: &Email, error: &Error, secret: &Secret) -> SendError {
    let what = format!("{}:{}: {}", email.server, email.port, whole(error));
    let what = secret.out_of(&what);
    match error.is_permanent() {
        true => SendError::last(what, "have the server take mail of `from` for everybody in `to`"),
        false => SendError::passing(what, "nothing yet: it is tried again"),
    }
}

/// An error with all its causes.
fn whole(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        if !text.contains(&error.to_string()) {
            text = format!("{text}: {error}");
        }
        next = error.source();
    }
    text
}

fn domain(address: &str) -> &str {
    address.rsplit('@').next().unwrap_or("localhost")
}

/// The mail of a delivery: each time the same, down to its Message-ID.
fn mail(email: &Email, channel: &Channel, queued: &Queued) -> Result<Mail, SendError> {
    let message = Message::of(&queued.notice, channel.audience);
    let failed =
        |error: Arc<dyn std::fmt::Display>| SendError::last(error, "correct `from` and `to`");
    let address = |text: &str| text.parse::<Address>().map_err(|error| failed(Arc::new(error)));
    let appliance = queued.notice.events.first().map(|event| event.appliance.clone());
    let mut builder = Mail::builder()
        .from(Mailbox::new(appliance.filter(|name| !name.is_empty()), address(&email.from)?))
        .subject(&message.subject)
        .date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(queued.made.unsigned_abs()));
    for to in &email.to {
        builder = builder.to(Mailbox::new(None, address(to)?));
    }
    let domain = domain(&email.from);
    let own = format!("<{}@{domain}>", queued.key);
    builder = match queued.notice.single() {
        Some(event) => {
            let root = format!("<{}-{}@{domain}>", event.thread(), slug(&channel.name));
            let key = HeaderName::new_from_ascii_str("Holdfast-Dedupe-Key");
            let builder = builder.raw_header(HeaderValue::new(key, event.dedupe_key()));
            match event.kind {
                crate::EventKind::Raised => builder.message_id(Some(root)),
                _ => builder.message_id(Some(own)).in_reply_to(root.clone()).references(root),
            }
        }
        None => builder.message_id(Some(own)),
    };
    let name = HeaderName::new_from_ascii_str("Holdfast-Event");
    let builder = builder.raw_header(HeaderValue::new(name, queued.notice.word().to_owned()));
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    builder
        .raw_header(HeaderValue::new(automatic, "auto-generated".into()))
        .multipart(MultiPart::alternative_plain_html(message.plain(), html(&message)))
        .map_err(|error| failed(Arc::new(error)))
}

/// A name of a channel as it may stand in a Message-ID.
fn slug(name: &str) -> String {
    let plain = name.bytes().map(|byte| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("{byte:02x}"),
    });
    plain.take(32).collect()
}
