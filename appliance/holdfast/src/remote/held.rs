//! Disks that a running engine has open: whoever names them is told how to ask it instead.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bus::{Client, ClientError, Object};
use operations::{Failure, is_same};

use crate::interrupt::runtime;

/// How long the engine may take to say which disks it has.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why the disks of a pool could not be opened: because an engine has them, if that is so.
pub(crate) fn by_engine(failure: Failure, disks: &[PathBuf]) -> Failure {
    let Ok(runtime) = runtime(1) else { return failure };
    let asked = runtime.block_on(async { tokio::time::timeout(PATIENCE, used()).await });
    // Who cannot be asked says nothing against the failure.
    let Ok(Ok(used)) = asked else { return failure };
    let is_used = |disk: &&PathBuf| used.iter().any(|used| is_same(Path::new(used), disk));
    match disks.iter().find(is_used) {
        None => failure,
        Some(disk) => {
            let what = format!("a running engine has {} open", disk.display());
            Failure::new(what, "leave --pool out: the same command then asks the engine")
        }
    }
}

/// The disks that the engine uses, by their names.
async fn used() -> Result<Vec<String>, ClientError> {
    let client = Client::connect().await?;
    if !client.has_engine().await? {
        return Ok(Vec::new());
    }
    let disks = client.objects().await?.into_iter().filter_map(|object| match object {
        Object::Disk(disk) => Some(disk.name),
        _ => None,
    });
    Ok(disks.collect())
}
