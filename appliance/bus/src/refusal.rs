//! Why a call was not carried out: a kind for programs, and for people what is wrong and what to
//! do about it.

use std::fmt;

/// What a caller can tell apart. Each is a D-Bus error name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// There is no such object, or it is gone.
    NotFound,
    /// Something else is in the way for now.
    Busy,
    /// The appliance has no key yet.
    Locked,
    /// The pool has no room for it.
    Full,
    /// The call itself makes no sense.
    InvalidArguments,
    /// The caller may not do that.
    NotPermitted,
    /// It was tried and did not work.
    Failed,
}

impl RefusalKind {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::NotFound,
        Self::Busy,
        Self::Locked,
        Self::Full,
        Self::InvalidArguments,
        Self::NotPermitted,
        Self::Failed,
    ];

    /// The D-Bus error name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "org.holdfast.Error.NotFound",
            Self::Busy => "org.holdfast.Error.Busy",
            Self::Locked => "org.holdfast.Error.Locked",
            Self::Full => "org.holdfast.Error.Full",
            Self::InvalidArguments => "org.holdfast.Error.InvalidArguments",
            Self::NotPermitted => "org.holdfast.Error.NotPermitted",
            Self::Failed => "org.holdfast.Error.Failed",
        }
    }

    /// When a caller gets it, for BUS.md.
    #[cfg_attr(not(test), allow(dead_code, reason = "read where BUS.md is made"))]
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::NotFound => "The object is not there, or no longer. List the objects again.",
            Self::Busy => "Something else is in the way for now; the message says what.",
            Self::Locked => "The appliance has no key yet. Call Unlock first.",
            Self::Full => "The pool has no room for it. Remove recovery points and reclaim.",
            Self::InvalidArguments => "The arguments make no sense, or are too large.",
            Self::NotPermitted => "The caller may not do that. Nothing was changed.",
            Self::Failed => "It was tried and did not work; the message says why.",
        }
    }
}

/// A call that was not carried out. Nothing was changed, unless the kind is
/// [`Failed`](RefusalKind::Failed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// What is wrong, without a full stop.
    pub problem: String,
    /// What the caller should do, without a full stop. May be empty in a refusal that came over
    /// the bus.
    pub next_step: String,
}

impl Refusal {
    pub fn new(
        kind: RefusalKind,
        problem: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Self {
        Self { kind, problem: problem.into(), next_step: next_step.into() }
    }

    pub(crate) fn invalid(problem: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::new(RefusalKind::InvalidArguments, problem, next_step)
    }

    /// The refusal that a call over the bus ended with. None for any other error.
    pub fn of(error: &zbus::Error) -> Option<Self> {
        let (name, text) = match error {
            zbus::Error::MethodError(name, text, _) => (name, text),
            zbus::Error::FDO(error) => match &**error {
                zbus::fdo::Error::ZBus(error) => return Self::of(error),
                _ => return None,
            },
            _ => return None,
        };
        let kind = RefusalKind::ALL.iter().copied().find(|kind| kind.name() == name.as_str())?;
        let text = text.as_deref().unwrap_or_default();
        let (problem, next_step) = text.split_once("; ").unwrap_or((text, ""));
        Some(Self::new(kind, problem, next_step))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.next_step.as_str() {
            "" => f.write_str(&self.problem),
            next_step => write!(f, "{}; {next_step}", self.problem),
        }
    }
}

impl std::error::Error for Refusal {}
