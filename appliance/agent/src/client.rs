//! Requests to the box, one at a time, over a connection that is made again when it breaks.
//!
//! Every request of the protocol may be repeated, so one that broke half way is simply made again,
//! for as long as the configuration has patience.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_LENGTH, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use model::Fingerprint;
use pinned::{Expected, Identity};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::config::Config;
use crate::error::{AgentError, Result};

/// A connection is there within so long, or not at all.
const CONNECT: Duration = Duration::from_secs(15);

/// The box answers a request within so long: its own bounds of a body and a call, added up.
const ANSWER: Duration = Duration::from_secs(300);

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// The first and the longest pause before the same request is made again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));

/// The header with the digest of what is written.
const DIGEST: &str = "holdfast-blake3";

/// A way to the box.
#[derive(Debug)]
pub(crate) struct Client {
    address: String,
    own: Fingerprint,
    patience: Duration,
    tls: Arc<ClientConfig>,
    expected: Arc<Expected>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let identity = Identity::read(&config.certificate, &config.key)?;
        let own = identity.fingerprint();
        let (tls, expected) = pinned::client(identity, config.fingerprint)?;
        Ok(Self {
            address: config.address.clone(),
            own,
            patience: config.patience,
            tls,
            expected,
            sender: None,
        })
    }

    /// Makes a request until it is answered, and gives the answer.
    ///
    /// # Errors
    /// What the box refuses, at once; that it cannot be reached or is busy, when the patience of
    /// the configuration is over.
    pub(crate) async fn call(&mut self, method: Method, path: &str, body: Bytes) -> Result<Value> {
        let end = Instant::now() + self.patience;
        let mut pause = PAUSES.0;
        loop {
            match self.once(&method, path, body.clone()).await {
                Err(error) if error.passes() && Instant::now() + pause < end => {
                    log::info!("{error}; trying again");
                }
                other => return other,
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Makes a request once.
    pub(crate) async fn once(&mut self, method: &Method, path: &str, body: Bytes) -> Result<Value> {
        let mut sender = match self.sender.take() {
            Some(sender) if sender.is_ready() => sender,
            _ => self.connect().await?,
        };
        let request = self.request(method, path, body)?;
        let answer = timeout(ANSWER, ask(&mut sender, request)).await;
        let answer = answer.map_err(|_| self.unreachable("it does not answer"))?;
        let (status, keeps, bytes) = answer.map_err(|error| self.broken(&*error))?;
        if keeps && sender.ready().await.is_ok() {
            self.sender = Some(sender);
        }
        judged(status, &bytes)
    }

    fn request(&self, method: &Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.address)
            .header(CONTENT_LENGTH, body.len());
        if method == Method::PUT {
            request = request.header(DIGEST, blake3::hash(&body).to_hex().as_str());
        }
        let what = |error: hyper::http::Error| AgentError::Rule {
            what: format!("{}: {error}", self.address),
        };
        request.body(Full::new(body)).map_err(what)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let opened = timeout(CONNECT, self.open()).await;
        opened.map_err(|_| self.unreachable("no connection within 15 seconds"))?
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.address).await;
        let stream = stream.map_err(|error| self.broken(&error))?;
        let _ = stream.set_nodelay(true);
        // Who the box is is told by its fingerprint; the name is never sent.
        let name = ServerName::try_from("holdfast").map_err(|error| self.broken(&error))?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        let stream = stream.map_err(|error| self.broken(&error))?;
        let made = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(|error| self.broken(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                log::debug!("the connection ended: {error}");
            }
        });
        Ok(sender)
    }

    fn unreachable(&self, what: &str) -> AgentError {
        AgentError::Unreachable { address: self.address.clone(), what: what.to_owned() }
    }

    /// What it means that a connection broke.
    fn broken(&self, error: &(dyn std::error::Error + 'static)) -> AgentError {
        if let Some(found) = self.expected.other() {
            return AgentError::OtherBox { address: self.address.clone(), found };
        }
        let mut whole = error.to_string();
        let mut next = Some(error);
        while let Some(error) = next {
            if is_alert(error) {
                return AgentError::Unknown { own: self.own };
            }
            next = error.source();
            if let Some(next) = next {
                whole = format!("{whole}: {next}");
            }
        }
        self.unreachable(&whole)
    }
}

/// Whether the box has refused the certificate.
fn is_alert(error: &(dyn std::error::Error + 'static)) -> bool {
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls.or(error.downcast_ref()), Some(rustls::Error::AlertReceived(_)))
}

type Whole = (StatusCode, bool, Bytes);

/// Sends a request and reads all of its answer; also whether the connection can be used again.
async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> std::result::Result<Whole, Box<dyn std::error::Error + Send + Sync>> {
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let close = answer.headers().get("connection").is_some_and(|value| value == "close");
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await?;
    Ok((status, !close, body.to_bytes()))
}

/// What an answer means.
fn judged(status: StatusCode, bytes: &[u8]) -> Result<Value> {
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    if status == StatusCode::OK && value.is_object() {
        return Ok(value);
    }
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    match (status, text("error")) {
        (StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT, _) => {
            Err(AgentError::Busy { what: text("text") })
        }
        (_, word) if !word.is_empty() => Err(AgentError::Refused { word, what: text("text") }),
        _ => Err(AgentError::Protocol { what: format!("status {status}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_judged_by_its_status_and_word() {
        let judge =
            |status, text: &str| judged(StatusCode::from_u16(status).unwrap(), text.as_bytes());
        assert!(judge(200, "{}").is_ok());
        assert!(matches!(judge(200, "<html>"), Err(AgentError::Protocol { .. })));
        let busy = judge(503, "{\"error\":\"busy\",\"text\":\"later\"}");
        assert!(busy.is_err_and(|error| error.passes()));
        let refused = judge(404, "{\"error\":\"unknown\",\"text\":\"no\"}");
        assert!(matches!(refused, Err(AgentError::Refused { word, .. }) if word == "unknown"));
        assert!(matches!(judge(500, ""), Err(AgentError::Protocol { .. })));
    }
}
