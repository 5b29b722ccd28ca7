//! What is answered.

use std::convert::Infallible;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::problem::{Kind, Problem};

pub(crate) use hyper::body::Bytes;

/// The body of any answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What a page may do: load what this box serves, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'none'; \
    frame-ancestors 'none'; base-uri 'none'";

/// What a report may do: have its own style, so that it is one file that can be mailed.
const REPORT: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// On every answer.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// An answer before it is put into HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    media: &'static str,
    payload: Payload,
    headers: Vec<(HeaderName, HeaderValue)>,
}

enum Payload {
    Whole(Bytes),
    Stream(BoxStream<'static, Bytes>),
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Stream(_) => f.write_str("a stream"),
        }
    }
}

impl Answer {
    pub(crate) fn json(value: &Value) -> Self {
        Self::whole("application/json", value.to_string().into())
    }

    /// That it is done.
    pub(crate) fn done() -> Self {
        Self::json(&json!({ "done": true }))
    }

    pub(crate) fn whole(media: &'static str, bytes: Bytes) -> Self {
        let payload = Payload::Whole(bytes);
        Self { status: StatusCode::OK, media, payload, headers: Vec::new() }
    }

    /// A report as a page.
    pub(crate) fn page(html: String) -> Self {
        let page = Self::whole("text/html; charset=utf-8", html.into());
        page.with(header::CONTENT_SECURITY_POLICY, REPORT)
    }

    pub(crate) fn stream(media: &'static str, stream: BoxStream<'static, Bytes>) -> Self {
        let payload = Payload::Stream(stream);
        Self { status: StatusCode::OK, media, payload, headers: Vec::new() }
    }

    pub(crate) fn problem(problem: &Problem) -> Self {
        let mut answer = Self::json(&problem.to_json());
        answer.status = problem.kind.status();
        if let Some(methods) = &problem.allow {
            answer = answer.with(header::ALLOW, methods);
        }
        // A body may still be on its way that nobody wants.
        if matches!(problem.kind, Kind::TooLarge | Kind::Invalid) {
            answer = answer.with(header::CONNECTION, "close");
        }
        answer
    }

    /// With one header more. One that cannot stand in HTTP is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// A file of this name, where a browser would show it.
    pub(crate) fn named(self, name: &str) -> Self {
        self.with(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""))
    }

    pub(crate) fn into_http(self) -> Response<Body> {
        let body = match self.payload {
            Payload::Whole(bytes) => Full::new(bytes).boxed_unsync(),
            Payload::Stream(stream) => {
                StreamBody::new(stream.map(Ok::<_, Infallible>).map_ok(Frame::data)).boxed_unsync()
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
