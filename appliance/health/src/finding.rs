//! A finding: one thing that is wrong, in words.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::text::{clean, fill};
use crate::{AlertCode, Severity, Side, Subject, SubjectKind};

/// One thing that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    #[serde(serialize_with = "as_text")]
    pub code: AlertCode,
    pub subject: Subject,
    pub severity: Severity,
    pub side: Side,
    /// The client that it concerns; none when it is the box.
    pub client: Option<String>,
    /// What is wrong, in one sentence with the figures.
    pub cause: String,
    /// What to do next, in one sentence.
    pub next: String,
    /// How many things are concerned: when there are more of them, it is told again.
    pub count: u64,
    /// The figures by their names, for the journal's fields.
    pub facts: BTreeMap<&'static str, String>,
    /// What cannot be judged while this holds, so that it does not pass for gone.
    #[serde(skip)]
    pub(crate) hides: &'static [AlertCode],
}

impl Finding {
    /// Says a code's sentences with these facts.
    pub fn new(
        code: AlertCode,
        subject: Subject,
        facts: &[(&'static str, &dyn fmt::Display)],
    ) -> Self {
        let facts: BTreeMap<&'static str, String> =
            facts.iter().map(|(name, fact)| (*name, clean(&fact.to_string()))).collect();
        let fact = |name: &str| facts.get(name).map(String::as_str);
        Self {
            code,
            subject,
            severity: code.severity(),
            side: code.side(),
            client: None,
            cause: fill(code.cause(), fact),
            next: fill(code.next(), fact),
            count: 1,
            facts,
            hides: &[],
        }
    }

    /// That something is not known, so that these codes cannot be judged: for all of their
    /// subjects when `subject` is a part, else for `subject` alone.
    pub(crate) fn unknown(what: &str, subject: Subject, hides: &'static [AlertCode]) -> Self {
        let finding = Self::new(AlertCode::StateUnknown, subject, &[("what", &what)]);
        Self { hides, ..finding }
    }

    #[must_use]
    pub fn of_client(self, client: Option<String>) -> Self {
        Self { client, ..self }
    }

    #[must_use]
    pub fn with_severity(self, severity: u8) -> Self {
        Self { severity: Severity::clamped(severity), ..self }
    }

    #[must_use]
    pub fn on_side(self, side: Side) -> Self {
        Self { side, ..self }
    }

    #[must_use]
    pub fn counting(self, count: u64) -> Self {
        Self { count, ..self }
    }

    /// Whether an alert cannot be told gone while this finding holds.
    pub(crate) fn hides(&self, code: AlertCode, subject: &Subject) -> bool {
        let all = matches!(self.subject.kind, SubjectKind::Part | SubjectKind::Pool);
        self.hides.contains(&code) && (all || self.subject == *subject)
    }
}

fn as_text<S: serde::Serializer>(code: &AlertCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}
