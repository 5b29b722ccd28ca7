//! The tools that are compared, each behind the same few verbs.
//!
//! Encryption is on in all of them and each is unlocked by a fixed key, passphrase or kit, as an
//! unattended job would. Each keeps one copy of the data.

mod borg;
mod bupstash;
mod holdfast;
mod restic;

use std::fmt::Debug;
use std::path::Path;

use clap::ValueEnum;

use crate::bench::timed::Cost;
use crate::error::Result;

pub(super) use holdfast::{Holdfast, Pool, point_of};

/// An image to take in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ingest<'a> {
    pub(super) image: &'a Path,
    /// How to ask for it again; different for each ingest into one store.
    pub(super) name: &'a str,
    pub(super) system: &'a str,
}

/// Where restored bytes go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// Through standard output, which is `/dev/null`.
    Null,
    /// A file that does not exist, in a folder that holds nothing else.
    File(&'a Path),
}

pub(super) trait Tool: Debug {
    /// Under which name its figures are recorded.
    fn subject(&self) -> &'static str;

    /// Makes a new store in an empty folder; all other verbs work on that one.
    fn create(&mut self, folder: &Path) -> Result<()>;

    /// Reads the whole image, whatever its times and inode say, and stores it.
    fn ingest(&mut self, ingest: &Ingest<'_>) -> Result<Cost>;

    fn restore(&self, name: &str, target: Target<'_>) -> Result<Cost>;

    /// Reads and checks everything that is stored.
    fn verify(&self) -> Result<Cost>;

    fn stored_bytes(&self) -> Result<u64>;

    /// Whether an ingest gains from the newest recovery point of the same system.
    fn compares_with_parent(&self) -> bool {
        false
    }

    /// The peak memory it is held to, with what it stores now.
    fn memory_budget_mib(&self) -> Result<Option<f64>> {
        Ok(None)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Rival {
    Restic,
    Borg,
    Bupstash,
}

impl Rival {
    /// The tool, installed first where it is missing.
    pub(super) fn ready(self) -> Result<Box<dyn Tool>> {
        Ok(match self {
            Self::Restic => Box::new(restic::Restic::ready()?),
            Self::Borg => Box::new(borg::Borg::ready()?),
            Self::Bupstash => Box::new(bupstash::Bupstash::ready()?),
        })
    }
}
