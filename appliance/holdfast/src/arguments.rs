//! What can be typed.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod reclaim;
mod retention;

pub(crate) use reclaim::Reclaim;
pub(crate) use retention::{
    Expire, PointsChange, PointsNamed, Policy, PolicyDrop, PolicyRules, PolicySet, PolicyShow,
};

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
    /// Serve a recovery point as a disk over NBD, until interrupted.
    Export(Export),
    /// Read everything, check it, and heal what one disk has wrong.
    Verify(Verify),
    /// Read everything in the background, a share of the time, going on where the last run ended.
    Scrub(Scrub),
    /// Show what is on one disk, without keys and without its pool.
    Inspect(Inspect),
    /// Show what a running engine does, live.
    Top(Top),
}

/// The engine is found on the system's bus, or at the address in HOLDFAST_BUS_ADDRESS.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Show it once. Without a terminal that is always so.
    #[arg(long)]
    pub(crate) once: bool,
}

/// Which pool, and how its disks are used.
#[derive(Debug, Args)]
pub(crate) struct PoolDisks {
    /// Disks of the pool: block devices or files, separated by commas.
    #[arg(long = "pool", value_name = "DISK,…", value_delimiter = ',', required = true)]
    pub(crate) disks: Vec<PathBuf>,
    /// Go on without a disk that is missing. It must be resynchronised before it is used again.
    #[arg(long)]
    pub(crate) degraded: bool,
    /// How transfers reach the kernel.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) io: Io,
}

impl PoolDisks {
    /// The pool that is wanted.
    pub(crate) fn wanted(&self) -> operations::PoolDisks {
        let Self { disks, degraded, io } = self;
        operations::PoolDisks { disks: disks.clone(), degraded: *degraded, io: (*io).into() }
    }
}

/// How transfers reach the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Io {
    /// io_uring where the kernel allows it, threads elsewhere.
    #[default]
    Auto,
    Uring,
    Threads,
}

impl From<Io> for operations::Io {
    fn from(io: Io) -> Self {
        match io {
            Io::Auto => Self::Auto,
            Io::Uring => Self::Uring,
            Io::Threads => Self::Threads,
        }
    }
}

/// What opens the keys.
#[derive(Debug, Args)]
pub(crate) struct Unlock {
    /// File whose first line is the passphrase. Without this it is asked for.
    #[arg(long, value_name = "FILE", conflicts_with = "kit_file")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// File with a recovery kit.
    #[arg(long, value_name = "FILE")]
    pub(crate) kit_file: Option<PathBuf>,
    /// Cipher library; both write the same bytes.
    #[arg(long, value_enum, hide = true)]
    pub(crate) cipher: Option<Cipher>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cipher {
    AesGcm,
    AwsLc,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Pool {
    /// Make a pool of one or two disks. What is on them is lost.
    Create(PoolCreate),
    /// How full and how well the pool is.
    Status(PoolStatus),
}

#[derive(Debug, Args)]
pub(crate) struct PoolCreate {
    /// Block devices, or files to be made. Two are a mirror.
    #[arg(value_name = "DISK", required = true, num_args = 1..=2)]
    pub(crate) disks: Vec<PathBuf>,
    /// Size of disks that are files to be made, as in 500GiB.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) size: Option<u64>,
    /// Write the recovery kit to this new file.
    #[arg(long, value_name = "FILE")]
    pub(crate) kit_out: PathBuf,
    /// Do not ask before what is on the disks is lost.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
}

#[derive(Debug, Args)]
pub(crate) struct PoolStatus {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DiskCommand {
    /// What each disk is to the pool, and what it lacks.
    Status(DiskStatus),
    /// Make a mirror of a pool on one disk.
    Add(DiskAdd),
    /// Put a new disk in the place of another. One that still works stays in service until the new
    /// one has everything; run the same command again after a stop.
    Replace(DiskReplace),
    /// Take a disk back that was left behind; only what differs is copied.
    Return(DiskReturn),
    /// Take a disk out of a mirror for good.
    Remove(DiskRemove),
    /// Copy what a disk lacks, after a stop or a failure.
    Resync(DiskResync),
}

#[derive(Debug, Args)]
pub(crate) struct DiskStatus {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
}

#[derive(Debug, Args)]
pub(crate) struct DiskAdd {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) new: NewDisk,
}

#[derive(Debug, Args)]
pub(crate) struct DiskReplace {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    /// Number of the member to replace, as `disk status` shows it. Not needed if one is missing.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) member: Option<usize>,
    #[command(flatten)]
    pub(crate) new: NewDisk,
}

/// A disk that comes into a pool.
#[derive(Debug, Args)]
pub(crate) struct NewDisk {
    /// A block device, or a file. What is on it is lost.
    #[arg(value_name = "DISK")]
    pub(crate) disk: PathBuf,
    /// Size of a file to be made, as in 500GiB.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) size: Option<u64>,
    /// Do not ask before what is on the disk is lost.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) copying: Copying,
}

/// Whether copies are made at once, and how fast.
#[derive(Debug, Args)]
pub(crate) struct Copying {
    /// Leave copying to `disk resync`: until then the disk gets what is new only.
    #[arg(long)]
    pub(crate) no_resync: bool,
    #[command(flatten)]
    pub(crate) rate: Rate,
}

/// How fast copies are made. Beside reads and writes of others they always go slower.
#[derive(Debug, Args)]
pub(crate) struct Rate {
    /// Copy at most so many bytes a second, as in 50M.
    #[arg(long, value_name = "BYTES", value_parser = rate)]
    pub(crate) rate: Option<NonZeroU64>,
}

#[derive(Debug, Args)]
pub(crate) struct DiskReturn {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    /// The disk that was left behind.
    #[arg(value_name = "DISK")]
    pub(crate) disk: PathBuf,
    /// If it went on alone, too, do not ask before what only it has got is lost.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) copying: Copying,
}

#[derive(Debug, Args)]
pub(crate) struct DiskRemove {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    /// Number of the member to remove, as `disk status` shows it.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) member: usize,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiskResync {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) rate: Rate,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Kit {
    /// Show that a kit opens the pool. Before that no recovery point is made.
    Prove(KitProve),
    /// Make another kit.
    Add(KitAdd),
    /// List passphrases and kits that open the pool.
    List(KitList),
}

#[derive(Debug, Args)]
pub(crate) struct KitProve {
    /// File with the kit.
    #[arg(long, value_name = "FILE")]
    pub(crate) kit_file: PathBuf,
    /// Disks of the pool.
    #[arg(long = "pool", value_name = "DISK,…", value_delimiter = ',')]
    pub(crate) disks: Vec<PathBuf>,
    /// Disks of the pool.
    #[arg(value_name = "DISK", conflicts_with = "disks", required_unless_present = "disks")]
    pub(crate) listed: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct KitAdd {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Write the kit to this new file.
    #[arg(long, value_name = "FILE")]
    pub(crate) kit_out: PathBuf,
    /// For people, as in "safe of the office".
    #[arg(long, default_value = "recovery kit")]
    pub(crate) label: String,
}

#[derive(Debug, Args)]
pub(crate) struct KitList {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Name of the protected system.
    #[arg(long)]
    pub(crate) system: String,
    /// Name of the volume.
    #[arg(long, default_value = "disk")]
    pub(crate) volume: String,
    /// Codec: auto takes zstd while the source is what is slow, LZ4 else.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) compression: Compression,
    /// Compare with this recovery point instead of the system's newest.
    #[arg(long, value_name = "ID", conflicts_with = "no_parent")]
    pub(crate) parent: Option<String>,
    /// Compare with no recovery point.
    #[arg(long)]
    pub(crate) no_parent: bool,
    /// Worker threads; each takes 20 MiB of memory. One more than there are cores by default.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) workers: Option<u8>,
    /// A raw image or block device; an image in qcow2, VMDK, VHD, VHDX or VDI; or an NBD server.
    pub(crate) source: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Compression {
    #[default]
    Auto,
    Lz4,
    Zstd,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Points {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Only points of this system.
    #[arg(long)]
    pub(crate) system: Option<String>,
    #[command(subcommand)]
    pub(crate) change: Option<PointsChange>,
}

/// Which volume of which recovery point.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Recovery point, as listed by `points`; its first characters do, or `latest`.
    #[arg(long, value_name = "ID")]
    pub(crate) point: String,
    /// Number of the volume.
    #[arg(long, default_value_t = 0)]
    pub(crate) volume: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    #[command(flatten)]
    pub(crate) which: Which,
    /// A new file, a block device, or - for standard output.
    #[arg(long, value_name = "TARGET")]
    pub(crate) to: PathBuf,
    /// Do not ask before what is on a block device is lost.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    #[command(flatten)]
    pub(crate) which: Which,
    /// Listen on this Unix socket.
    #[arg(long, value_name = "PATH", required_unless_present = "listen")]
    pub(crate) socket: Option<PathBuf>,
    /// Listen on this TCP address, with TLS.
    #[arg(long, value_name = "ADDRESS", requires = "tls_certificate")]
    pub(crate) listen: Option<SocketAddr>,
    /// PEM file with the server's certificate.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// PEM file with the server's private key.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// PEM file with authorities: clients need a certificate of one of them.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_clients: Option<PathBuf>,
    /// Keep writes in this file, made if it is not there; they survive a restart. Without it the
    /// export is read-only.
    #[arg(long, value_name = "FILE")]
    pub(crate) overlay: Option<PathBuf>,
    /// Name of the export, besides the empty one.
    #[arg(long, default_value = "")]
    pub(crate) name: String,
    /// Memory for opened chunks. Without this, a quarter of what is free now, at most 8 GiB.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) cache: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Decompress every record too, compare its digest, and then all blocks of all recovery points
    /// with their tags. Reads twice.
    #[arg(long)]
    pub(crate) deep: bool,
    /// Only tell what is wrong: write nothing to the disks.
    #[arg(long)]
    pub(crate) no_heal: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Scrub {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Work for this share of the time at most, as in 25%.
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "100%")]
    pub(crate) duty: u32,
    /// End after this time, as in 90m or 6h, and keep the place.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) run_for: Option<Duration>,
    /// Read only what was written since it was last read back.
    #[arg(long)]
    pub(crate) new: bool,
    /// List the scrubs instead. Needs no key.
    #[arg(long, conflicts_with_all = ["duty", "run_for", "new"])]
    pub(crate) history: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A block device or file.
    pub(crate) disk: PathBuf,
}

fn bytes(text: &str) -> Result<u64, String> {
    model::parse_bytes(text).ok_or_else(|| "an amount as in 500GiB or 64M is expected".to_owned())
}

fn rate(text: &str) -> Result<NonZeroU64, String> {
    let wanted = "bytes a second as in 50M are expected, at least 1";
    model::parse_bytes(text).and_then(NonZeroU64::new).ok_or_else(|| wanted.to_owned())
}

fn percent(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse();
    let wanted = "a share from 1% to 100% is expected";
    number.ok().filter(|share| (1..=100).contains(share)).ok_or_else(|| wanted.to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86_400),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    let all = seconds.zip(number).and_then(|(seconds, number)| number.checked_mul(seconds));
    all.map(Duration::from_secs)
        .ok_or_else(|| "a time as in 30s, 90m, 6h or 2d is expected".to_owned())
}
