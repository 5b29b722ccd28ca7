//! Why a request was not carried out, as its answer says it.

use bus::{ClientError, Refusal, RefusalKind};
use hyper::StatusCode;
use serde_json::{Value, json};

/// What a program can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request makes no sense.
    Invalid,
    /// Nobody is signed in.
    Anonymous,
    /// Name and password are right, and a code is wanted as well.
    SecondFactor,
    /// Nobody has claimed the box yet.
    Unclaimed,
    /// Who is signed in may not do that.
    Forbidden,
    /// There is no such thing, or none that this account may see.
    NotFound,
    /// The path is there, with other methods.
    Method,
    /// Something is in the way for now, or there already.
    Conflict,
    TooLarge,
    /// Too often within a short time.
    TooOften,
    /// The pool has no key yet.
    Locked,
    /// The pool has no room.
    Full,
    /// It was tried and did not work.
    Failed,
    /// The engine does not answer.
    Away,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::Invalid,
        Self::Anonymous,
        Self::SecondFactor,
        Self::Unclaimed,
        Self::Forbidden,
        Self::NotFound,
        Self::Method,
        Self::Conflict,
        Self::TooLarge,
        Self::TooOften,
        Self::Locked,
        Self::Full,
        Self::Failed,
        Self::Away,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Anonymous => "anonymous",
            Self::SecondFactor => "second-factor",
            Self::Unclaimed => "unclaimed",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Method => "method",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::TooOften => "too-often",
            Self::Locked => "locked",
            Self::Full => "full",
            Self::Failed => "failed",
            Self::Away => "away",
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Anonymous | Self::SecondFactor | Self::Unclaimed => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict | Self::Locked => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
            // What the engine tried in vain is no fault of this program's own, which 500 means.
            Self::Failed => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Away => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A request that was not carried out. It changed nothing, unless the kind is
/// [`Failed`](Kind::Failed).
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    /// What is wrong, without a full stop.
    pub(crate) what: String,
    /// What to do, without a full stop.
    pub(crate) next: String,
    /// The methods that the path has, where another was used.
    pub(crate) allow: Option<String>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind, what: what.into(), next: next.into(), allow: None }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, what, "change the request; /api/v1/openapi.json describes it")
    }

    /// That there is no such thing: the same words whether it is somebody else's or not there.
    pub(crate) fn missing(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("there is no such {what}"), "list them again")
    }

    pub(crate) fn forbidden(role: &str) -> Self {
        let what = format!("the role {role} may not do that");
        Self::new(Kind::Forbidden, what, "sign in with another account, or ask the owner")
    }

    /// Something inside went wrong that no caller can do anything about.
    pub(crate) fn inside(error: impl std::fmt::Display) -> Self {
        log::error!("a request could not be carried out: {error}");
        let next = "try again; if it stays so see the journal of holdfast-manage";
        Self::new(Kind::Away, "the box could not carry that out", next)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "error": self.kind.word(), "problem": self.what, "next": self.next })
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        let away = |what: &str| {
            let next = "wait a moment; if it stays so see `systemctl status holdfast-engine`";
            Self::new(Kind::Away, what, next)
        };
        if error.is_absence() {
            return away("the engine does not run");
        }
        match &error {
            ClientError::Call(call) => match Refusal::of(call) {
                Some(refusal) => refused(refusal),
                None => away("the engine did not answer"),
            },
            ClientError::Missing(_) => Self::missing("object"),
            _ => away("the engine cannot be reached"),
        }
    }
}

fn refused(refusal: Refusal) -> Problem {
    let kind = match refusal.kind {
        RefusalKind::NotFound => Kind::NotFound,
        RefusalKind::Busy => Kind::Conflict,
        RefusalKind::Locked => Kind::Locked,
        RefusalKind::Full => Kind::Full,
        RefusalKind::InvalidArguments => Kind::Invalid,
        RefusalKind::NotPermitted => Kind::Forbidden,
        RefusalKind::Failed => Kind::Failed,
    };
    let next = match refusal.next_step.is_empty() {
        true => "see the journal of the engine".to_owned(),
        false => refusal.next_step,
    };
    Problem::new(kind, refusal.problem, next)
}
