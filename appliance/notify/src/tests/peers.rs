//! Servers that a test speaks to: TLS, SMTP and HTTP as far as is needed, good and bad.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::make::FRIDAY;
use crate::outbox::Queued;
use crate::send::{Here, send};
use crate::{Content, Event, Notice, SendError, Settings};

/// A certificate for `localhost`, and the file by which it is believed.
pub(super) struct Identity {
    _folder: TempDir,
    pub(super) ca: PathBuf,
    acceptor: TlsAcceptor,
}

impl Identity {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, pair.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self { _folder: folder, ca, acceptor }
    }
}

pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Listens, and has each connection served.
pub(super) async fn serve<F: Future<Output = ()> + Send + 'static>(
    each: impl Fn(TcpStream) -> F + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(each(stream));
        }
    });
    port
}

/// What an SMTP server does.
#[derive(Clone)]
pub(super) struct Smtp {
    pub(super) security: &'static str,
    /// User and password that it takes.
    pub(super) login: Option<(&'static str, &'static str)>,
    pub(super) greeting: &'static [u8],
    pub(super) on_rcpt: &'static str,
    pub(super) on_data: &'static str,
}

impl Smtp {
    pub(super) const GOOD: Self = Self {
        security: "none",
        login: None,
        greeting: b"220 here\r\n",
        on_rcpt: "250 ok",
        on_data: "250 taken",
    };

    /// Gives the port, and what is mailed: whether it came encrypted, and the mail.
    pub(super) async fn serve(
        self,
        identity: &Identity,
    ) -> (u16, mpsc::UnboundedReceiver<(bool, String)>) {
        let (sender, mails) = mpsc::unbounded_channel();
        let acceptor = identity.acceptor.clone();
        let port = serve(move |stream| {
            let (smtp, acceptor, sender) = (self.clone(), acceptor.clone(), sender.clone());
            async move {
                match smtp.security {
                    "tls" => {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        smtp.talk(Box::new(stream), None, true, &sender).await;
                    }
                    _ => smtp.clear(stream, acceptor, &sender).await,
                }
            }
        });
        (port.await, mails)
    }

    async fn clear(
        self,
        stream: TcpStream,
        acceptor: TlsAcceptor,
        mails: &mpsc::UnboundedSender<(bool, String)>,
    ) {
        let offer = (self.security == "starttls").then_some(acceptor);
        self.talk(Box::new(stream), offer, false, mails).await;
    }

    async fn talk(
        self,
        stream: Box<dyn Io>,
        offer: Option<TlsAcceptor>,
        mut secret: bool,
        mails: &mpsc::UnboundedSender<(bool, String)>,
    ) {
        let mut stream = BufReader::new(stream);
        if stream.write_all(self.greeting).await.is_err() {
            return;
        }
        let mut known = self.login.is_none();
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            let command = std::mem::take(&mut line);
            let answer = match command.trim_end() {
                hello if hello.starts_with("EHLO") => {
                    let tls = if offer.is_some() && !secret { "250-STARTTLS\r\n" } else { "" };
                    let auth = if self.login.is_some() { "250-AUTH PLAIN\r\n" } else { "" };
                    format!("250-here\r\n{tls}{auth}250 8BITMIME")
                }
                "STARTTLS" => {
                    let Some(acceptor) = &offer else { return };
                    stream.write_all(b"220 go\r\n").await.unwrap();
                    let Ok(inner) = acceptor.accept(stream.into_inner()).await else { return };
                    let inner: Box<dyn Io> = Box::new(inner);
                    (stream, secret) = (BufReader::new(inner), true);
                    continue;
                }
                auth if auth.starts_with("AUTH PLAIN ") => {
                    known = self.login.is_some_and(|(user, password)| {
                        auth.ends_with(&base64(format!("\0{user}\0{password}").as_bytes()))
                    });
                    if known { "235 ok".into() } else { format!("535 no to {auth}") }
                }
                _ if !known => "530 log in".into(),
                rcpt if rcpt.starts_with("RCPT") => self.on_rcpt.into(),
                "DATA" => {
                    stream.write_all(b"354 go\r\n").await.unwrap();
                    let mail = until_dot(&mut stream).await;
                    if self.on_data.starts_with('2') {
                        let _ = mails.send((secret, mail));
                    }
                    self.on_data.into()
                }
                "QUIT" => "221 bye".into(),
                _ => "250 ok".to_owned(),
            };
            if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn until_dot(stream: &mut BufReader<Box<dyn Io>>) -> String {
    let mut mail = String::new();
    while !mail.ends_with("\r\n.\r\n") {
        stream.read_line(&mut mail).await.unwrap();
    }
    // As it reads without the breaks of quoted-printable.
    mail.replace("=\r\n", "")
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: String,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value)
    }
}

/// A server over TLS that answers each request by what `answer` writes.
pub(super) async fn https<F: Future<Output = ()> + Send + 'static>(
    identity: &Identity,
    answer: impl Fn(Box<dyn Io>, usize) -> F + Send + Sync + Clone + 'static,
) -> (u16, mpsc::UnboundedReceiver<Request>) {
    let (sender, requests) = mpsc::unbounded_channel();
    let acceptor = identity.acceptor.clone();
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let port = serve(move |stream| {
        let (acceptor, sender, answer) = (acceptor.clone(), sender.clone(), answer.clone());
        let count = count.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut stream = BufReader::new(stream);
            let Some(request) = request(&mut stream).await else { return };
            let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let _ = sender.send(request);
            answer(Box::new(stream.into_inner()), number).await;
        }
    });
    (port.await, requests)
}

async fn request(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let mut request = Request { head, body: String::new() };
    let mut body = vec![0; request.header("content-length").parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}

pub(super) async fn say(mut stream: Box<dyn Io>, text: &str) {
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

pub(super) const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// Sends one message by the first channel of settings.
pub(super) async fn sent(settings: &Settings, event: Event) -> Result<(), SendError> {
    sent_within(settings, event, Duration::from_secs(20)).await
}

pub(super) async fn sent_within(
    settings: &Settings,
    event: Event,
    most_time: Duration,
) -> Result<(), SendError> {
    let channel = &settings.channels[0];
    let queued = Queued {
        id: 12,
        key: "abc-12".into(),
        channel: channel.name.clone(),
        content: Content::Alerts(Notice::one(event)),
        made: FRIDAY,
        attempts: 0,
    };
    send(channel, &queued, &Here { now: FRIDAY, uptime: 4200, most_time }).await
}
