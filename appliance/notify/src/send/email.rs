//! Mail by SMTP.

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MessageBuilder, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message as Mail};

use super::tls;
use crate::error::SendError;
use crate::notice::{Content, Notice, ReportMail};
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
    match &queued.content {
        Content::Alerts(notice) => mail_of_alerts(email, channel, queued, notice),
        Content::Report(report) => mail_of_report(email, queued, report),
    }
}

fn malformed(error: impl std::fmt::Display) -> SendError {
    SendError::last(error, "correct `from` and `to`")
}

/// What all mails have.
fn begun(email: &Email, queued: &Queued, appliance: &str) -> Result<MessageBuilder, SendError> {
    let address = |text: &str| text.parse::<Address>().map_err(malformed);
    let appliance = Some(appliance.to_owned()).filter(|name| !name.is_empty());
    let made = std::time::Duration::from_secs(queued.made.unsigned_abs());
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let mut builder = Mail::builder()
        .from(Mailbox::new(appliance, address(&email.from)?))
        .date(std::time::UNIX_EPOCH + made)
        .raw_header(HeaderValue::new(automatic, "auto-generated".into()));
    for to in &email.to {
        builder = builder.to(Mailbox::new(None, address(to)?));
    }
    Ok(builder)
}

fn mail_of_alerts(
    email: &Email,
    channel: &Channel,
    queued: &Queued,
    notice: &Notice,
) -> Result<Mail, SendError> {
    let message = Message::of(notice, channel.audience);
    let appliance = notice.events.first().map_or("", |event| event.appliance.as_str());
    let mut builder = begun(email, queued, appliance)?.subject(&message.subject);
    let domain = domain(&email.from);
    let own = format!("<{}@{domain}>", queued.key);
    builder = match notice.single() {
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
    builder
        .raw_header(HeaderValue::new(name, notice.word().to_owned()))
        .multipart(MultiPart::alternative_plain_html(message.plain(), html(&message)))
        .map_err(malformed)
}

fn mail_of_report(email: &Email, queued: &Queued, report: &ReportMail) -> Result<Mail, SendError> {
    let own = format!("<{}@{}>", queued.key, domain(&email.from));
    let (name, table) = &report.attached;
    let table_type = ContentType::parse("text/csv; charset=utf-8").map_err(malformed)?;
    let text = MultiPart::alternative_plain_html(report.plain.clone(), report.html.clone());
    let attached = Attachment::new(name.clone()).body(table.clone(), table_type);
    begun(email, queued, &report.appliance)?
        .subject(&report.subject)
        .message_id(Some(own))
        .multipart(MultiPart::mixed().multipart(text).singlepart(attached))
        .map_err(malformed)
}

/// A name of a channel as it may stand in a Message-ID.
fn slug(name: &str) -> String {
    let plain = name.bytes().map(|byte| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("{byte:02x}"),
    });
    plain.take(32).collect()
}
