//! What can be typed.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

mod alerts;
mod check;
mod disk;
mod engine;
mod export;
mod ingest;
mod jobs;
mod kit;
mod plan;
mod points;
mod pool;
mod receive;
mod reclaim;
mod restore;
mod retention;
mod systems;
mod values;

pub(crate) use alerts::{AlertAcknowledge, Alerts};
pub(crate) use check::{Scrub, Verify};
pub(crate) use disk::{
    Copying, DiskAdd, DiskCommand, DiskRemove, DiskReplace, DiskReturn, DiskStatus, NewDisk, Rate,
};
pub(crate) use engine::{AskEngine, OnBus, Top, UnlockEngine, Waiting};
pub(crate) use export::{Export, ExportChange, ExportStart, ExportStop};
pub(crate) use ingest::{Compression, Ingest};
pub(crate) use jobs::{JobRetry, Jobs, JobsList};
pub(crate) use kit::{Kit, KitAdd, KitList, KitProve};
pub(crate) use plan::{Plan, PlanApply, PlanExport, PlanFile};
pub(crate) use points::{Points, Which};
pub(crate) use pool::{Cipher, Io, Pool, PoolCreate, PoolDisks, PoolStatus, Unlock};
pub(crate) use receive::{Receive, ReceiveDiscard, ReceiveFinish, ReceiveStart};
pub(crate) use reclaim::Reclaim;
pub(crate) use restore::Restore;
pub(crate) use retention::{
    Expire, PointsChange, PointsNamed, Policy, PolicyDrop, PolicyRules, PolicySet, PolicyShow,
};
pub(crate) use systems::Systems;

/// Protects systems: takes their disks in, keeps them sealed, gives them back, boots from them.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print no progress.
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// Whether standard output is taken by the data of a volume.
    pub(crate) fn fills_stdout(&self) -> bool {
        matches!(&self.command, Command::Restore(restore) if restore.to == Path::new("-"))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a pool of one or two disks, or tell how it is.
    #[command(subcommand)]
    Pool(Pool),
    /// The disks of a pool: add, replace, take back or remove one, and see to its copies.
    #[command(subcommand)]
    Disk(DiskCommand),
    /// Recovery kits: the printed secret that opens the pool when everything else is lost.
    #[command(subcommand)]
    Kit(Kit),
    /// Take a disk in as a recovery point.
    Ingest(Ingest),
    /// List recovery points; remove, return, hold, release, clear some.
    Points(Points),
    /// What to keep of which protected system.
    #[command(subcommand)]
    Policy(Policy),
    /// Remove what no policy keeps, and let go what was removed long enough ago.
    Expire(Expire),
    /// Give back the room of what no recovery point needs.
    Reclaim(Reclaim),
    /// Give a recovery point back as a raw image.
    Restore(Restore),
    /// Serve a recovery point as a disk over NBD, until interrupted; start, list and stop what an
    /// engine serves.
    Export(Export),
    /// Read everything, check it, and heal what one disk has wrong.
    Verify(Verify),
    /// Read everything in the background, a share of the time, going on where the last run ended.
    Scrub(Scrub),
    /// Show what is on one disk, without keys and without its pool.
    Inspect(Inspect),
    /// Show what a running engine does, live.
    Top(Top),
    /// The jobs of a running engine.
    #[command(subcommand)]
    Jobs(Jobs),
    /// What is wrong, as a running engine sees it.
    #[command(subcommand)]
    Alerts(Alerts),
    /// The protection plan of a running engine: systems, schedules, retention.
    #[command(subcommand)]
    Plan(Plan),
    /// The protected systems of a running engine.
    #[command(subcommand)]
    Systems(Systems),
    /// Disks that others write to a running engine, and that become recovery points.
    #[command(subcommand)]
    Receive(Receive),
    /// Give a running engine its keys.
    Unlock(UnlockEngine),
    /// Take its keys from a running engine.
    Lock(OnBus),
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A block device or file.
    pub(crate) disk: PathBuf,
}
