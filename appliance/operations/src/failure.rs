//! What went wrong, in one line: what, and what to do about it.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;

use catalog::CatalogError;
use disk::DiskError;
use ingest::SourceError;
use live::LiveError;
use record::RecordError;
use seal::SealError;
use serde_json::{Map, Value};
use store::StoreError;

/// What to do about a full pool.
pub const MAKE_ROOM: &str = "remove recovery points, then run `holdfast expire` and \
    `holdfast reclaim`, or use a bigger pool; existing recovery points can be restored";

/// A failure as the user reads it.
#[derive(Debug, Clone)]
pub struct Failure {
    pub what: String,
    /// The next step.
    pub next: Cow<'static, str>,
    /// What the command found out all the same, for programs.
    pub found: Map<String, Value>,
    /// Nothing is wrong: somebody wanted it to stop.
    pub interrupted: bool,
}

impl Failure {
    pub fn new(what: impl Display, next: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.to_string(), next: next.into(), found: Map::new(), interrupted: false }
    }

    /// That somebody wanted it to stop.
    pub fn interruption(what: impl Display, next: impl Into<Cow<'static, str>>) -> Self {
        Self { interrupted: true, ..Self::new(what, next) }
    }

    /// With the outcome of a command that came to its end and found something wrong.
    pub fn with(self, found: Value) -> Self {
        match found {
            Value::Object(found) => Self { found, ..self },
            _ => self,
        }
    }

    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        let what = format!("{}: {error}", path.display());
        Self::new(what, "check the path and its permissions")
    }
}

impl From<LiveError> for Failure {
    fn from(error: LiveError) -> Self {
        let next = error.next_step();
        let interrupted = matches!(error, LiveError::Stopped);
        Self { interrupted, ..Self::new(error, next) }
    }
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Self {
        let next = match &error {
            DiskError::Busy { .. } => "end the other process, then try again",
            DiskError::Open { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                "run it as a user who may use that, root for block devices"
            }
            DiskError::Open { .. } | DiskError::NotADisk { .. } => {
                "name a block device, or a file that was made by `holdfast pool create`"
            }
            DiskError::TooSmall { .. } | DiskError::SectorTooLarge { .. } => "use another disk",
            DiskError::Exists { .. } => "name a new file or a block device",
            DiskError::NoUring { .. } => "use --io threads",
            DiskError::Io { .. } | DiskError::Failed { .. } => {
                "check the disk and its cable (smartctl -a); with a mirror, replace the disk"
            }
            _ => "report this: it should not happen",
        };
        let what = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        Self::new(what, next)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let next = match &error {
            StoreError::Disk(disk) => {
                let what = std::error::Error::source(&**disk)
                    .map_or_else(|| disk.to_string(), |source| format!("{disk}: {source}"));
                return Self::new(what, "check the disk, then run the command again");
            }
            StoreError::NotAPool { .. } => {
                "name the disks of a pool, or make one with `holdfast pool create`"
            }
            StoreError::Unreadable { .. } => "use the newest Holdfast; nothing was changed",
            StoreError::ReadableOnly { .. } => {
                "use the newest Holdfast; points, restore, export and verify --no-heal work with \
                 this one"
            }
            StoreError::ForeignDisk { .. } | StoreError::SameDisk { .. } => {
                "name the disks of one pool, each once"
            }
            StoreError::MissingDisk { .. } => "name it too, or add --degraded to go on without it",
            StoreError::StaleDisk { .. } => {
                "leave it out and name the disk that went on, with --degraded"
            }
            StoreError::LeftThePool { .. } => {
                "leave it out; `holdfast disk add` makes it a new disk, and alone, with \
                 --degraded, restore and export still read it"
            }
            StoreError::SplitRun => {
                "look at each alone with --degraded and decide; then name the one to keep \
                 with --pool and give the other to `holdfast disk return`"
            }
            StoreError::Incomplete { .. } => "name a disk that has everything too",
            StoreError::NotEmpty { .. } => "add --yes if what is on it may be lost",
            StoreError::OwnDisk { .. } => {
                "use another disk; `holdfast disk return` takes back one that was left behind"
            }
            StoreError::NotLeftBehind { .. } => {
                "put it in as a new disk, with `holdfast disk replace` or `holdfast disk add`"
            }
            StoreError::NoMember { .. } => "see `holdfast disk status`",
            StoreError::InService { .. } => {
                "see `holdfast disk status`, then run the command again"
            }
            StoreError::EnoughDisks { .. } => {
                "`holdfast disk replace --member` puts it in the place of one, `holdfast disk \
                 remove` takes one out"
            }
            StoreError::LastCopy => "run `holdfast disk resync` first",
            StoreError::LeftBehind { .. } => {
                "check the disk and its cable (smartctl -a); the pool goes on without it"
            }
            StoreError::TooSmall { .. } => "use a bigger disk or a bigger --size",
            StoreError::Truncated { .. } => "grow it back to its size; nothing was changed",
            StoreError::NoKeys { .. } => "use a passphrase or kit that opens all tenants",
            StoreError::Unwitnessed => {
                "free room where the engine keeps its state, then restart it"
            }
            StoreError::Interrupted => "run the command again: it goes on where it was",
            StoreError::Full => MAKE_ROOM,
            StoreError::Unknown { .. } => "run `holdfast verify` to see which points are affected",
            StoreError::Damaged { .. } | StoreError::DamagedStructure { .. } => {
                "run `holdfast verify` to see what is affected, and name all disks of the pool"
            }
            StoreError::DamagedLog { .. } => {
                "name all disks of the pool; if they are all there, nothing newer can be trusted"
            }
            StoreError::ReadOnly | StoreError::Stopped => "run the command again",
            StoreError::TooLarge { .. } => "use fewer or smaller ones",
        };
        if matches!(error, StoreError::Interrupted) {
            return Self::interruption(error, next);
        }
        Self::new(error, next)
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        let next = match &error {
            CatalogError::Unknown { .. } => "see `holdfast points`",
            CatalogError::Held { .. } => "release it first, with `holdfast points release`",
            CatalogError::Locked { .. } => "remove it when that has passed; nobody can before",
            CatalogError::Newest { .. } => "add --yes if that is meant",
            CatalogError::LockShortened { .. } => "set the same --lock, a longer one, or none",
        };
        Self::new(error, next)
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        let next = match error {
            SealError::WrongKey => "check the passphrase or the recovery kit",
            SealError::WeakPassphrase { .. } => "choose a longer one",
            SealError::KitGroup { .. } | SealError::KitLength { .. } => "type the kit again",
            SealError::UnknownCodec { .. } => "use the newest Holdfast",
            SealError::NoMemory => "try again when more memory is free",
            SealError::Full { .. } => "remove one that is no longer used",
            _ => "run `holdfast verify`",
        };
        Self::new(error, next)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::new(&error, error.next_step())
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => error.into(),
            RecordError::Seal(error) => error.into(),
            RecordError::Interrupted => Self::interruption(
                "interrupted",
                "run the command again; what was stored by then makes it shorter",
            ),
            RecordError::Outside { .. } => {
                Self::new(error, "check the source or target, then run the command again")
            }
            RecordError::Format { .. }
            | RecordError::Kind { .. }
            | RecordError::Short { .. }
            | RecordError::Shape => Self::new(error, "run `holdfast verify` and report this"),
        }
    }
}
