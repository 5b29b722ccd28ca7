//! Of what moment the bytes of a recovery point are.

use std::fmt;

/// Of what moment the bytes of a recovery point are, and who had made ready for it. The later the
/// better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Consistency {
    /// Nobody looked.
    #[default]
    Unknown,
    /// Of several: the system wrote while it was read.
    Inconsistent,
    /// Of one, as if the power had failed then.
    Crash,
    /// Of one at which the file systems had written all that they had. Where a guest's agent froze
    /// them that is the guest's word, and of those file systems that can be frozen: its agent
    /// passes over others, ZFS for one, without saying so.
    FileSystem,
    /// Of one at which the applications had, too.
    Application,
}

impl Consistency {
    pub const ALL: [Self; 5] =
        [Self::Unknown, Self::Inconsistent, Self::Crash, Self::FileSystem, Self::Application];

    /// Its word, as in `crash` or `file-system`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inconsistent => "inconsistent",
            Self::Crash => "crash",
            Self::FileSystem => "file-system",
            Self::Application => "application",
        }
    }

    /// The one with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

impl fmt::Display for Consistency {
    /// As people say it: `crash-consistent`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("consistency unknown"),
            Self::Inconsistent => f.write_str("inconsistent"),
            known => write!(f, "{}-consistent", known.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consistency_is_the_one_that_its_word_says() {
        for consistency in Consistency::ALL {
            assert_eq!(Consistency::parse(consistency.as_str()), Some(consistency));
        }
        assert_eq!(Consistency::parse("moment"), None);
        assert_eq!(Consistency::FileSystem.to_string(), "file-system-consistent");
        assert!(Consistency::Crash < Consistency::FileSystem);
    }
}
