//! Severity, and on whose side a fault lies.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::NoSeverity;

/// How bad something is: 1 is stored for later, 10 is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Severity(u8);

impl Severity {
    pub const LEAST: Self = Self(1);
    pub const WORST: Self = Self(10);

    /// The nearest severity to a number.
    pub const fn clamped(number: u8) -> Self {
        match number {
            0 => Self::LEAST,
            11.. => Self::WORST,
            number => Self(number),
        }
    }

    pub fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Severity {
    type Error = NoSeverity;

    fn try_from(number: u8) -> Result<Self, NoSeverity> {
        (1..=10).contains(&number).then_some(Self(number)).ok_or(NoSeverity(number))
    }
}

impl From<Severity> for u8 {
    fn from(severity: Severity) -> Self {
        severity.0
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who has to act: the fault lies with the protected system, the site's network, the box, or the
/// vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    Source,
    Network,
    Box,
    Vault,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Network => "network",
            Self::Box => "box",
            Self::Vault => "vault",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_to_ten_are_severities() {
        let good: Vec<u8> = (0..=255).filter(|n| Severity::try_from(*n).is_ok()).collect();
        assert_eq!(good, (1..=10).collect::<Vec<u8>>());
        assert_eq!(Severity::clamped(0), Severity::LEAST);
        assert_eq!(Severity::clamped(200), Severity::WORST);
        assert!(serde_json::from_str::<Severity>("11").is_err());
    }
}
