//! A webhook: a signed POST of a JSON document.

use aws_lc_rs::hmac;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::{Here, Outgoing, connect};
use crate::error::SendError;
use crate::event::hex;
use crate::settings::Webhook;
use crate::wording::document;

/// Most of an answer that is read, in bytes. Nothing is done with it but telling its beginning.
const MAX_ANSWER: usize = 64 << 10;

/// Most bytes of heads that are held while one is read.
const MAX_HEAD: usize = 16 << 10;

pub(super) async fn send(
    webhook: &Webhook,
    message: Outgoing<'_>,
    here: &Here,
) -> Result<(), SendError> {
    let request = request(webhook, message, here.now)?;
    let (host, port) = (&webhook.host, webhook.port);
    let stream = connect::tls(host, port, webhook.ca.as_deref()).await?;
    let broken = |error: hyper::Error| {
        let what = format!("{host}:{port} broke off: {error}");
        SendError::passing(what, "see that an HTTP server listens there")
    };
    let mut http = http1::Builder::new();
    http.max_buf_size(MAX_HEAD);
    let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Both go when this future does: nothing is left behind by one that took too long.
    let asking = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let said = if status.is_success() { String::new() } else { said(answer).await };
        judged(status, &said, webhook)
    };
    let mut asking = std::pin::pin!(asking);
    tokio::select! {
        judged = &mut asking => judged,
        ended = connection => {
            ended.map_err(broken)?;
            asking.await
        }
    }
}

fn request(
    webhook: &Webhook,
    message: Outgoing<'_>,
    now: i64,
) -> Result<Request<Full<Bytes>>, SendError> {
    let next = "write the secret into the settings, or correct `secret_file`";
    let secret = webhook.secret.read().map_err(|error| SendError::passing(error, next))?;
    let Outgoing { notice, audience, queued } = message;
    let body = document(&queued.key, notice, audience).to_string();
    let host = match webhook.host.contains(':') {
        true => format!("[{}]:{}", webhook.host, webhook.port),
        false => format!("{}:{}", webhook.host, webhook.port),
    };
    let request = Request::builder()
        .method(Method::POST)
        .uri(webhook.path.expose())
        .header(HOST, host)
        .header(USER_AGENT, "holdfast")
        .header(CONTENT_TYPE, "application/json")
        .header("Holdfast-Event", notice.word())
        .header("Holdfast-Signature", signature(secret.expose(), now, &body))
        .header("Idempotency-Key", &queued.key)
        .body(Full::new(Bytes::from(body)));
    request.map_err(|error| SendError::passing(error, "correct `url`"))
}

/// `t=<unix>,v1=<HMAC-SHA256 of "t.body" in hexadecimal digits>`
pub(crate) fn signature(secret: &str, now: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{now}.{body}").as_bytes());
    format!("t={now},v1={}", hex(tag.as_ref()))
}

/// The beginning of an answer; empty when it is too long or breaks off.
async fn said(answer: Response<hyper::body::Incoming>) -> String {
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    String::from_utf8_lossy(&body).chars().take(200).collect()
}

fn judged(status: StatusCode, said: &str, webhook: &Webhook) -> Result<(), SendError> {
    if status.is_success() {
        return Ok(());
    }
    // It may have repeated the key of the signature, or the path.
    let said = webhook.secret.read().map(|secret| secret.out_of(said)).unwrap_or_default();
    let said = if webhook.path.expose() == "/" { said } else { webhook.path.out_of(&said) };
    let what = format!("{} answers {status}", webhook.host);
    let what = if said.is_empty() { what } else { format!("{what}: {said}") };
    Err(match status.as_u16() {
        400 | 413 | 415 | 422 => {
            SendError::last(what, "have the receiver take the document of CHANNELS.md")
        }
        404 | 410 => SendError::passing(what, "there is nothing at that path: correct `url`"),
        401 | 403 => {
            SendError::passing(what, "have the receiver check the signature by the secret")
        }
        300..400 => SendError::passing(what, "write the address that it leads to into `url`"),
        _ => SendError::passing(what, "look into the log of the receiver"),
    })
}
