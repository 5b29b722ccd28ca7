//! What alerts ask of people.

use std::fmt;

/// What an alert asks of people, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// At once, by a call.
    P1,
    /// Today, by a call.
    P2,
    /// In working hours.
    P3,
    /// A message, no ticket.
    Notify,
    /// Nothing: it stands in the history.
    Stored,
}

impl Priority {
    pub const ALL: [Self; 5] = [Self::P1, Self::P2, Self::P3, Self::Notify, Self::Stored];

    /// Its text, as in `p1` or `notify`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P1 => "p1",
            Self::P2 => "p2",
            Self::P3 => "p3",
            Self::Notify => "notify",
            Self::Stored => "stored",
        }
    }

    /// The one with this text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_the_one_that_its_text_says() {
        for priority in Priority::ALL {
            assert_eq!(Priority::parse(priority.as_str()), Some(priority));
        }
        assert_eq!(Priority::parse("P1"), None);
    }
}
