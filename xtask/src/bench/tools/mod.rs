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

pub(super) use holdfast::{Holdfast, POOL_SIZE, Pool, point_of};

/// What giving room back took and left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freed {
    pub(super) cost: Cost,
    /// MB that were needed and written anew elsewhere.
    pub(super) moved_mb: f64,
    /// Of what is stored afterwards, what no recovery point needs.
    pub(super) unused_percent: f64,
}

/// A tool whose recovery points go first, and whose room comes back later.
pub(super) trait Reclaimer: Tool {
    /// What wrote the store: another version may write another.
    fn version(&self) -> Result<String>;

    /// Works on a store that [`create`](Tool::create) made in this folder earlier.
    fn open(&mut self, folder: &Path);

    /// The same store in another folder, which is empty.
    fn copied(&self, folder: &Path) -> Result<Box<dyn Reclaimer>>;

    /// Lets recovery points go, by the names of their ingests. Gives no room back.
    fn expire(&mut self, names: &[String]) -> Result<()>;

    /// Gives back what no recovery point needs, at once.
    fn reclaim(&self) -> Result<Freed>;

    /// A pool to be opened by other means, if this is Holdfast's.
    fn pool(&self) -> Option<&Pool> {
        None
    }
}

pub(super) fn holdfast_reclaimer(binary: &Path) -> Box<dyn Reclaimer> {
    Box::new(Holdfast::lz4(binary))
}

pub(super) fn restic_reclaimer() -> Result<Box<dyn Reclaimer>> {
    Ok(Box::new(restic::Restic::ready()?))
}

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
