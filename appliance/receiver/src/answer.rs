//! What the receiver answers: JSON with what was asked for, or an error that says what to do.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::intakes::Fault;

/// Seconds after which a request that could not be taken may be tried again.
const RETRY_SECONDS: &str = "5";

pub(crate) type Answer = Response<Full<Bytes>>;

/// Why a request is not done. Each has a word that stays the same for ever, for programs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such thing, or it is another agent's: which of the two is not told.
    #[error("there is no such path, volume or intake for this agent")]
    Unknown,
    #[error("this path has no such method")]
    Method,
    #[error("a body needs a Content-Length, and no Transfer-Encoding")]
    NoLength,
    #[error("a write needs the BLAKE3 of its body in Holdfast-Blake3, as 64 hexadecimal digits")]
    NoDigest,
    #[error("the body has 1 to {most} bytes here")]
    TooLong { most: u64 },
    #[error("the body is not what its digest says; nothing was written")]
    Digest,
    #[error("the body is no JSON with what this request needs")]
    Json,
    #[error("the body did not come in time, or not as long as its head says")]
    Slow,
    #[error("the range does not lie in the volume, or not at multiples of 4096 bytes")]
    Range,
    #[error("a volume of this agent has 1 to {most} bytes")]
    TooLarge { most: u64 },
    #[error("the intake was finished and cannot be written any more")]
    Finished,
    #[error("{what}; {next}")]
    Refused { what: String, next: String },
    #[error("{what}")]
    Busy { what: String },
}

impl Error {
    fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Method => "method",
            Self::NoLength => "no-length",
            Self::NoDigest => "no-digest",
            Self::TooLong { .. } => "too-long",
            Self::Digest => "digest",
            Self::Json => "json",
            Self::Slow => "slow",
            Self::Range => "range",
            Self::TooLarge { .. } => "too-large",
            Self::Finished => "finished",
            Self::Refused { .. } => "refused",
            Self::Busy { .. } => "busy",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoLength => StatusCode::LENGTH_REQUIRED,
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Digest => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoDigest | Self::Json | Self::Range => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge { .. } => StatusCode::FORBIDDEN,
            Self::Finished | Self::Refused { .. } => StatusCode::CONFLICT,
            Self::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether bytes of this request may still be on their way, so that the connection ends.
    fn leaves_body(&self) -> bool {
        matches!(
            self,
            Self::NoLength | Self::NoDigest | Self::TooLong { .. } | Self::Slow | Self::Busy { .. }
        )
    }

    pub(crate) fn answer(&self) -> Answer {
        let body = json!({ "error": self.word(), "text": self.to_string() });
        let mut answer = json_answer(self.status(), &body);
        if self.leaves_body() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if matches!(self, Self::Busy { .. }) {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        answer
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Gone => Self::Unknown,
            Fault::Refused { what, next } => Self::Refused { what, next },
            Fault::Unavailable { what } => Self::Busy { what },
        }
    }
}

/// An answer that all went well.
pub(crate) fn done(body: &Value) -> Answer {
    json_answer(StatusCode::OK, body)
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}
