//! Problems of a document: what, where, and what is allowed.

use std::cell::RefCell;
use std::fmt;

use serde::Serialize;

/// Most problems that are told of one document; beyond, it is another document.
const MAX_PROBLEMS: usize = 200;

/// Whether a problem keeps a document from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Error,
    /// It can be used, and is probably not what was meant.
    Warning,
}

/// Something wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub level: Level,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The table that it is in, as in `[[system]] "mail"`.
    pub place: String,
    pub what: String,
    /// What is allowed, or meant.
    pub hint: String,
}

impl fmt::Display for Problem {
    /// On one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, place, what, hint, .. } = self;
        let level = match self.level {
            Level::Error => "",
            Level::Warning => "warning: ",
        };
        write!(f, "{level}{what} in {place}, line {line}, column {column}: {hint}")
    }
}

/// What was found so far.
#[derive(Debug)]
pub struct Problems<'a> {
    text: &'a str,
    /// What the document is called in messages.
    pub(crate) whole: &'static str,
    found: RefCell<Vec<(usize, Problem)>>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(text: &'a str, whole: &'static str) -> Self {
        Self { text, whole, found: RefCell::default() }
    }

    pub fn error(&self, at: usize, what: &str, place: &str, hint: &str) {
        self.add(Level::Error, at, what, place, hint);
    }

    pub fn add(&self, level: Level, at: usize, what: &str, place: &str, hint: &str) {
        let mut found = self.found.borrow_mut();
        // A warning more is no news; an error must never be dropped while there is none.
        if found.len() >= MAX_PROBLEMS && (level == Level::Warning || has_errors(&found)) {
            return;
        }
        let (line, column) = self.position(at);
        let [what, place, hint] = [what, place, hint].map(one_line);
        found.push((at, Problem { level, line, column, place, what, hint }));
    }

    pub(crate) fn has_errors(&self) -> bool {
        has_errors(&self.found.borrow())
    }

    /// In the order of the document.
    pub(crate) fn into_sorted(self) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, problem)| problem).collect()
    }

    fn position(&self, at: usize) -> (usize, usize) {
        let at = (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at));
        let before = self.text.get(..at.unwrap_or(0)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

fn has_errors(found: &[(usize, Problem)]) -> bool {
    found.iter().any(|(_, problem)| problem.level == Level::Error)
}

/// Text of a document may be long and hold what moves a terminal's cursor.
fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
