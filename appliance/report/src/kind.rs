//! The kinds of reports.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

use crate::make::{evidence, jobs, notices, policy, restores, sizes, statement, usage};
use crate::{Period, ReportError, SectionSpec};

/// How often a report is made when nobody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cadence {
    Daily,
    Monthly,
    Quarterly,
    OnRequest,
}

impl Cadence {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::OnRequest => "on request",
        }
    }
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What ran, and what did not go well.
    JobSummary,
    /// What systems take, and how that changes.
    Sizes,
    /// What was agreed for each system against what is there.
    PolicyAudit,
    /// What was contracted with each client against what is there.
    Usage,
    /// What was done for a client in a month.
    Statement,
    /// How long restores took that somebody asked for.
    RestoreClocks,
    /// Planned changes, and whether clients were told in time.
    Notices,
    /// What an auditor or an insurer wants to see.
    Evidence,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::JobSummary,
        Self::Sizes,
        Self::PolicyAudit,
        Self::Usage,
        Self::Statement,
        Self::RestoreClocks,
        Self::Notices,
        Self::Evidence,
    ];

    /// Its word in addresses and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JobSummary => "job-summary",
            Self::Sizes => "sizes",
            Self::PolicyAudit => "policy-audit",
            Self::Usage => "usage",
            Self::Statement => "monthly-statement",
            Self::RestoreClocks => "restore-clocks",
            Self::Notices => "maintenance-notices",
            Self::Evidence => "evidence",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::JobSummary => "Job summary",
            Self::Sizes => "Sizes of protected systems",
            Self::PolicyAudit => "Policy audit and retention",
            Self::Usage => "Usage against contract",
            Self::Statement => "Monthly statement",
            Self::RestoreClocks => "Restore clocks",
            Self::Notices => "Maintenance notices",
            Self::Evidence => "Evidence of backups and tests",
        }
    }

    pub fn cadence(self) -> Cadence {
        match self {
            Self::JobSummary => Cadence::Daily,
            Self::Statement => Cadence::Monthly,
            Self::Sizes | Self::PolicyAudit => Cadence::Quarterly,
            Self::Usage | Self::RestoreClocks | Self::Notices | Self::Evidence => {
                Cadence::OnRequest
            }
        }
    }

    /// The period that one made at `at` is usually about: the day or the month before, or so many
    /// days up to then.
    pub fn usual_period(self, at: u64, zone: &TimeZone) -> Period {
        match self {
            Self::JobSummary => Period::day_before(at, zone),
            Self::Statement => Period::month_before(at, zone),
            Self::Sizes | Self::Usage | Self::RestoreClocks | Self::Notices => {
                Period::days_before(30, at)
            }
            Self::PolicyAudit | Self::Evidence => Period::days_before(90, at),
        }
    }

    /// Its sections, in their order.
    pub fn sections(self) -> &'static [&'static SectionSpec] {
        match self {
            Self::JobSummary => jobs::SECTIONS,
            Self::Sizes => sizes::SECTIONS,
            Self::PolicyAudit => policy::SECTIONS,
            Self::Usage => usage::SECTIONS,
            Self::Statement => statement::SECTIONS,
            Self::RestoreClocks => restores::SECTIONS,
            Self::Notices => notices::SECTIONS,
            Self::Evidence => evidence::SECTIONS,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ReportError;

    fn from_str(word: &str) -> Result<Self, ReportError> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        known.ok_or_else(|| ReportError::UnknownKind { word: word.to_owned() })
    }
}
