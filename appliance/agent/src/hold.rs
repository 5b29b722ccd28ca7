//! Holds volumes still while they are read, and lets them go.
//!
//! What LVM and btrfs keep is one moment of the volume. `freeze` is for the rest, as far as the
//! kernel allows: a file system cannot stay frozen for as long as a disk takes to be read, since
//! whatever writes to it stands still, maybe the agent itself. So it is frozen and thawed at once,
//! which leaves it clean on the disk, and the disk is read until a reading finds nothing that has
//! changed since the one before. Every block was then, at the moment between the two, what it is in
//! the recovery point.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Config, Hold, VolumeConfig};
use crate::error::{AgentError, Result};
use crate::marks::{Mark, Marks};
use crate::script;

/// A tool of the system may take so long: removing a large copy takes a while.
const TOOL: Duration = Duration::from_secs(300);

/// A freeze may take so long: everything that is dirty is written first.
const FREEZE: Duration = Duration::from_secs(120);

/// What `statfs` gives for btrfs.
const BTRFS_MAGIC: u64 = 0x9123_683e;

/// The inode of the root of every subvolume of btrfs.
const SUBVOLUME_ROOT: u64 = 256;

/// A volume that is ready to be read.
#[derive(Debug)]
pub(crate) struct Held {
    /// Where it is read from.
    pub(crate) path: PathBuf,
    pub(crate) kind: Hold,
}

/// Holds a volume still. What has to be undone is in `marks` before it is begun.
pub(crate) async fn hold(volume: &VolumeConfig, marks: &mut Marks) -> Result<Held> {
    let path = match volume.hold {
        Hold::Lvm => lvm(volume, marks).await?,
        Hold::Btrfs => btrfs(volume, marks).await?,
        Hold::Freeze => {
            clean(volume, marks).await?;
            volume.path.clone()
        }
        Hold::None => volume.path.clone(),
    };
    Ok(Held { path, kind: volume.hold })
}

/// Makes the file system of a volume clean on its disk: all that is dirty is written, and the
/// journal is empty.
///
/// The thaw belongs to the program that freezes, which nothing but a kill of its own can stop; and
/// should that come, the next run thaws before anything else.
async fn clean(volume: &VolumeConfig, marks: &mut Marks) -> Result<()> {
    let Some(mount) = &volume.mount else { return Ok(()) };
    let both = "trap '' TERM INT HUP; fsfreeze --freeze \"$1\" && fsfreeze --unfreeze \"$1\"";
    let mark = Mark::Frozen(mount.clone());
    marks.add(mark.clone())?;
    let words = words(["/bin/sh", "-c", both, "sh"], [mount.as_path()]);
    script::run_unbroken(&words, FREEZE).await.map_err(|error| AgentError::Hold {
        what: error.to_string(),
        next: format!("see that {} is a mounted file system that can freeze", mount.display()),
    })?;
    marks.remove(&mark)
}

/// Thaws what is marked as frozen. Writes nothing itself: what it would write to may be frozen.
pub(crate) async fn thaw(marks: &Marks) {
    for mark in marks.all() {
        if let Mark::Frozen(mount) = mark {
            // It fails where nothing is frozen, which is as it should be.
            let thaw = words(["fsfreeze", "--unfreeze"], [mount.as_path()]);
            let _ = script::run_unbroken(&thaw, FREEZE).await;
        }
    }
}

/// Undoes one thing.
pub(crate) async fn undo(config: &Config, marks: &mut Marks, mark: &Mark) -> Result<()> {
    match mark {
        Mark::Post => {
            let done = script::run(&config.scripts.post, config.scripts.post_timeout).await;
            // It had its turn; a script that fails would fail for ever.
            marks.remove(mark)?;
            return done.map(drop);
        }
        Mark::Lvm(name) => remove_lvm(name).await?,
        Mark::Btrfs(path) => remove_btrfs(path).await?,
        Mark::Frozen(_) => thaw(marks).await,
    }
    marks.remove(mark)
}

/// Undoes everything that is marked; gives the first error after all were tried.
pub(crate) async fn undo_all(config: &Config, marks: &mut Marks) -> Result<()> {
    let mut first = Ok(());
    for mark in marks.all() {
        let done = undo(config, marks, &mark).await;
        if let Err(error) = &done {
            log::error!("{error}");
        }
        first = first.and(done);
    }
    first
}

async fn lvm(volume: &VolumeConfig, marks: &mut Marks) -> Result<PathBuf> {
    let list = ["lvs", "--noheadings", "--separator", "/", "--options", "vg_name,lv_name"];
    let told = script::run(&words(list, [volume.path.as_path()]), TOOL).await;
    let told = told.map_err(|error| AgentError::Hold {
        what: error.to_string(),
        next: format!("see that {} is a logical volume", volume.path.display()),
    })?;
    let origin = told.trim().to_owned();
    let Some((group, _)) = origin.split_once('/') else {
        let what = format!("lvs says {origin:?} of {}", volume.path.display());
        return Err(AgentError::Hold { what, next: "see that it is a logical volume".to_owned() });
    };
    let copy = format!("holdfast-{}", volume.name);
    let name = format!("{group}/{copy}");
    if is_there(&name).await? {
        // It would be removed in the end, and is not ours.
        let what = format!("there is a logical volume {name} already");
        let next = format!("rename it, or remove it with `lvremove {name}` if nobody needs it");
        return Err(AgentError::Hold { what, next });
    }
    marks.add(Mark::Lvm(name))?;
    let mut make =
        words(["lvcreate", "--snapshot", "--setactivationskip", "n", "--name"], [Path::new(&copy)]);
    if let Some(room) = volume.room {
        make.extend(["--size".to_owned(), format!("{room}b")]);
    }
    make.push(origin.clone());
    // It freezes the volume for a moment: ended in there, the volume would stay so.
    script::run_unbroken(&make, TOOL).await.map_err(|error| AgentError::Hold {
        what: error.to_string(),
        next: format!(
            "see that group {group} has room; a volume that is not thin needs room = \"...\""
        ),
    })?;
    Ok(Path::new("/dev").join(group).join(copy))
}

async fn remove_lvm(name: &str) -> Result<()> {
    let removed =
        script::run_unbroken(&words(["lvremove", "--yes"], [Path::new(name)]), TOOL).await;
    let Err(error) = removed else { return Ok(()) };
    // It may never have been made, or be gone.
    match is_there(name).await {
        Ok(false) => Ok(()),
        _ => {
            let next = format!("remove it with `lvremove {name}`: it fills up");
            Err(AgentError::Hold { what: error.to_string(), next })
        }
    }
}

/// Whether there is a logical volume of this name.
async fn is_there(name: &str) -> Result<bool> {
    let group = name.split_once('/').map_or(name, |(group, _)| group);
    let list = ["lvs", "--noheadings", "--separator", "/", "--options", "vg_name,lv_name"];
    let told = script::run(&words(list, [Path::new(group)]), TOOL).await?;
    Ok(told.lines().any(|line| line.trim() == name))
}

async fn btrfs(volume: &VolumeConfig, marks: &mut Marks) -> Result<PathBuf> {
    let (root, within) = subvolume_of(&volume.path)?;
    let copy = root.join(format!(".holdfast-{}", volume.name));
    marks.add(Mark::Btrfs(copy.clone()))?;
    let make = words(["btrfs", "subvolume", "snapshot", "-r"], [root.as_path(), &copy]);
    script::run(&make, TOOL).await.map_err(|error| AgentError::Hold {
        what: error.to_string(),
        next: format!("see that {} is a subvolume with room", root.display()),
    })?;
    Ok(copy.join(within))
}

/// The root of the subvolume that a file is in, and the file's path from there, whatever links led
/// to it.
fn subvolume_of(path: &Path) -> Result<(PathBuf, PathBuf)> {
    let failed = |source| AgentError::Device { path: path.to_owned(), source };
    let whole = path.canonicalize().map_err(failed)?;
    let kind = whole.metadata().map_err(failed)?.file_type();
    if kind.is_block_device() {
        return Err(AgentError::Hold {
            what: format!("{} is a block device: btrfs keeps files, not devices", path.display()),
            next: "name a disk image that is a file on btrfs, or take hold = \"freeze\" with the \
                   mount point for the device"
                .to_owned(),
        });
    }
    let found = rustix::fs::statfs(&whole).map_err(|error| failed(error.into()))?;
    if found.f_type as u64 & 0xffff_ffff != BTRFS_MAGIC {
        return Err(AgentError::Hold {
            what: format!("{} is not on btrfs", path.display()),
            next: "take hold = \"lvm\", \"freeze\" or \"none\" for it".to_owned(),
        });
    }
    for folder in whole.ancestors().skip(1) {
        if folder.metadata().map_err(failed)?.ino() == SUBVOLUME_ROOT {
            let within = whole.strip_prefix(folder).unwrap_or(&whole);
            return Ok((folder.to_owned(), within.to_owned()));
        }
    }
    Err(failed(std::io::Error::other("it is in no subvolume")))
}

async fn remove_btrfs(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let removed = script::run(&words(["btrfs", "subvolume", "delete"], [path]), TOOL).await;
    removed.map(drop).map_err(|error| AgentError::Hold {
        what: error.to_string(),
        next: format!("remove it with `btrfs subvolume delete {}`", path.display()),
    })
}

/// A command line.
fn words<const A: usize, const B: usize>(fixed: [&str; A], paths: [&Path; B]) -> Vec<String> {
    let fixed = fixed.into_iter().map(str::to_owned);
    fixed.chain(paths.iter().map(|path| path.display().to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_btrfs_is_refused_with_what_to_do() {
        let error = subvolume_of(Path::new("/proc/self/stat")).unwrap_err().to_string();
        assert!(error.contains("not on btrfs") && error.contains("freeze"), "{error}");
    }
}
