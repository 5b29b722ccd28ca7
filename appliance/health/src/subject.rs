//! What an alert is about. With its code this is an alert's identity.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of thing an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectKind {
    /// The box as a whole.
    Appliance,
    /// A part of the box that is no disk: memory, a sensor, a fan, a clock.
    Part,
    Disk,
    Pool,
    System,
    Point,
    Job,
    Service,
    Ups,
    Certificate,
    Vault,
    Channel,
    /// A kind of warnings, or an alert code.
    Warning,
}

/// A thing by its kind and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    pub kind: SubjectKind,
    /// A serial number, a system's name, a job's name. Empty for the appliance.
    pub name: String,
}

macro_rules! subjects {
    ($($make:ident => $kind:ident),* $(,)?) => {
        impl Subject {
            /// The box as a whole.
            pub fn appliance() -> Self {
                Self { kind: SubjectKind::Appliance, name: String::new() }
            }

            $(
                #[doc = concat!("A subject of the kind `", stringify!($kind), "` by its name.")]
                pub fn $make(name: &str) -> Self {
                    Self { kind: SubjectKind::$kind, name: crate::text::clean(name) }
                }
            )*
        }
    };
}

subjects! {
    part => Part,
    disk => Disk,
    pool => Pool,
    system => System,
    point => Point,
    job => Job,
    service => Service,
    ups => Ups,
    certificate => Certificate,
    vault => Vault,
    channel => Channel,
    warning => Warning,
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Appliance => "appliance",
            Self::Part => "part",
            Self::Disk => "disk",
            Self::Pool => "pool",
            Self::System => "system",
            Self::Point => "point",
            Self::Job => "job",
            Self::Service => "service",
            Self::Ups => "ups",
            Self::Certificate => "certificate",
            Self::Vault => "vault",
            Self::Channel => "channel",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Subject {
    /// `disk S4X9`, `appliance`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.is_empty() {
            true => self.kind.fmt(f),
            false => write!(f, "{} {}", self.kind, self.name),
        }
    }
}
