//! One value of a report, with its type.

/// Most characters of a text; what is longer ends in an ellipsis.
const TEXT_MAX: usize = 1_000;

/// How something is, in one word beside the word that says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Good,
    /// Not over yet: nobody can judge it.
    Open,
    Warning,
    Bad,
}

impl Level {
    pub const ALL: [Self; 4] = [Self::Good, Self::Open, Self::Warning, Self::Bad];

    /// Its word, in JSON and in the classes of HTML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Open => "open",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// There is none, and the word says why: `never`, `none`, `not known`.
    Nothing(&'static str),
    Text(String),
    Bytes(u64),
    /// Bytes that came to be there, or went if it is negative.
    Change(i64),
    /// Seconds.
    Span(u64),
    /// Seconds since 1970 in UTC.
    Time(u64),
    Count(u64),
    /// So many of so many.
    Share {
        part: u64,
        whole: u64,
    },
    /// A word, and how good that is.
    State(Level, String),
}

impl Cell {
    /// A text, cut at the most that a report has of one; nothing if it is empty.
    pub fn text(text: &str) -> Self {
        match text {
            "" => Self::Nothing("none"),
            text => Self::Text(cut(text)),
        }
    }

    /// A time; 0 is never.
    pub fn time(at: u64) -> Self {
        if at == 0 { Self::Nothing("never") } else { Self::Time(at) }
    }

    /// A time that may not have come.
    pub fn time_if(at: Option<u64>) -> Self {
        at.map_or(Self::Nothing("never"), Self::time)
    }

    pub fn count(count: usize) -> Self {
        Self::Count(count as u64)
    }

    /// What was added to `before` to get `after`.
    pub fn change(before: u64, after: u64) -> Self {
        let change = i128::from(after) - i128::from(before);
        Self::Change(i64::try_from(change).unwrap_or(if change < 0 { i64::MIN } else { i64::MAX }))
    }

    pub fn share(part: u64, whole: u64) -> Self {
        if whole == 0 { Self::Nothing("none") } else { Self::Share { part, whole } }
    }

    pub fn state(level: Level, word: &str) -> Self {
        Self::State(level, cut(word))
    }

    /// Whether a column of this type can hold it.
    pub fn fits(&self, kind: CellKind) -> bool {
        match self {
            Self::Nothing(_) => true,
            Self::Text(_) => kind == CellKind::Text,
            Self::Bytes(_) => matches!(kind, CellKind::Bytes | CellKind::Amount),
            Self::Change(_) => kind == CellKind::Change,
            Self::Span(_) => kind == CellKind::Span,
            Self::Time(_) => kind == CellKind::Time,
            Self::Count(_) => matches!(kind, CellKind::Count | CellKind::Amount),
            Self::Share { .. } => kind == CellKind::Share,
            Self::State(..) => kind == CellKind::State,
        }
    }
}

/// A text, at most as long as a report has one.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The type of a column or a key figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    Text,
    Bytes,
    Change,
    Span,
    Time,
    Count,
    Share,
    State,
    /// Bytes in some rows and counts in others; a column beside it has the unit.
    Amount,
}

impl CellKind {
    /// Its word in JSON and in REPORTS.md.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Change => "change",
            Self::Span => "span",
            Self::Time => "time",
            Self::Count => "count",
            Self::Share => "share",
            Self::State => "state",
            Self::Amount => "amount",
        }
    }

    /// What a plain number of it counts.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::Bytes | Self::Change => Some("bytes"),
            Self::Span => Some("seconds"),
            Self::Share => Some("%"),
            _ => None,
        }
    }
}
