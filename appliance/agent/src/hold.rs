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
use crate::remote::Prepared;
use crate::script;

/// A tool of the system may take so long: removing a large copy takes a while.
const TOOL: Duration = Duration::from_secs(300);

/// A freeze may take so long: everything that is dirty is written first.
const FREEZE: Duration = Duration::from_secs(120);

/// Where it is told which file systems stand still. It is gone after a restart of the machine, as
/// the freeze is, and can be written whatever is frozen.
const FROZEN: &str = "/run/holdfast-agent";

/// Freezes and thaws at once. As long as it may have frozen something its note is there; where the
/// file system was frozen already, that is somebody else's, and stays.
const CLEAN: &str = "trap '' TERM INT HUP; : > \"$2\" || exit
    fsfreeze --freeze \"$1\" || { failed=$?; rm \"$2\"; exit $failed; }
    fsfreeze --unfreeze \"$1\" && rm \"$2\"";

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
    /// What the kernel saw to at that moment.
    pub(crate) prepared: Prepared,
}

/// Holds a volume still. What has to be undone is in `marks` before it is begun.
pub(crate) async fn hold(volume: &VolumeConfig, marks: &mut Marks) -> Result<Held> {
    let mut prepared = Prepared::Nothing;
    let path = match volume.hold {
        Hold::Lvm => {
            // It freezes the file system that it finds, and that is what it is mounted for.
            let mounted = is_mounted(&volume.path);
            let path = lvm(volume, marks).await?;
            if mounted && is_mounted(&volume.path) {
                prepared = Prepared::FileSystem;
            }
            path
        }
        Hold::Btrfs => btrfs(volume, marks).await?,
        Hold::Freeze => {
            clean(volume, marks).await?;
            volume.path.clone()
        }
        Hold::None => volume.path.clone(),
    };
    Ok(Held { path, kind: volume.hold, prepared })
}

/// Whether a file system is mounted that lies on this block device and on nothing else.
fn is_mounted(path: &Path) -> bool {
    let Ok(found) = std::fs::metadata(path) else { return false };
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    found.file_type().is_block_device() && lists_device(&mounts, found.rdev())
}

/// Whether a list of mounts names this device: the third word of a line is its numbers.
fn lists_device(mounts: &str, device: u64) -> bool {
    let numbers = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    mounts.lines().any(|line| line.split(' ').nth(2) == Some(numbers.as_str()))
}

/// Makes the file system of a volume clean on its disk: all that is dirty is written, and the
/// journal is empty.
///
/// The thaw belongs to the program that freezes, which nothing but a kill of its own can stop; and
/// should that come, the next run thaws before anything else.
async fn clean(volume: &VolumeConfig, marks: &mut Marks) -> Result<()> {
    let Some(mount) = &volume.mount else { return Ok(()) };
    let failed = |source| AgentError::File { path: FROZEN.into(), source };
    std::fs::create_dir_all(FROZEN).map_err(failed)?;
    let mark = Mark::Frozen(mount.clone());
    marks.add(mark.clone())?;
    let words = words(["/bin/sh", "-c", CLEAN, "sh"], [mount.as_path(), &note_of(mount)]);
    marks.unbroken.run(&words, FREEZE).await.map_err(|error| AgentError::Hold {
        what: error.to_string(),
        next: format!(
            "see that {} is a mounted file system that can freeze, and that nobody else has frozen \
             it",
            mount.display()
        ),
    })?;
    marks.remove(&mark)
}

/// The note that this file system may have been frozen by an agent.
fn note_of(mount: &Path) -> PathBuf {
    let name = blake3::hash(mount.as_os_str().as_encoded_bytes());
    Path::new(FROZEN).join(name.to_hex().as_str())
}

/// Thaws what is marked as frozen, and was frozen here. Writes nothing itself before: what it would
/// write to may be frozen.
async fn thaw(marks: &Marks) -> Result<()> {
    for mark in marks.all() {
        let Mark::Frozen(mount) = mark else { continue };
        let (note, words) = (note_of(&mount), words(["fsfreeze", "--unfreeze"], [&*mount]));
        // Who freezes may be about to thaw.
        drop(marks.unbroken.turn(&words, FREEZE).await?);
        if note.exists() {
            // It fails where nothing is frozen, which is as it should be.
            let _ = marks.unbroken.run(&words, FREEZE).await;
            let _ = std::fs::remove_file(note);
        }
    }
    Ok(())
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
        Mark::Lvm(name) => remove_lvm(name, marks).await?,
        Mark::Btrfs(path) => remove_btrfs(path, marks).await?,
        Mark::Frozen(_) => thaw(marks).await?,
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
        next: format!(
            "see that LVM's tools are installed and {} is a logical volume",
            volume.path.display()
        ),
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
    marks.unbroken.run(&make, TOOL).await.map_err(|error| AgentError::Hold {
        what: error.to_string(),
        next: format!(
            "see that group {group} has room; a volume that is not thin needs room = \"...\""
        ),
    })?;
    Ok(Path::new("/dev").join(group).join(copy))
}

async fn remove_lvm(name: &str, marks: &Marks) -> Result<()> {
    // It comes after what may still be making it.
    let remove = words(["lvremove", "--yes"], [Path::new(name)]);
    let Err(error) = marks.unbroken.run(&remove, TOOL).await else { return Ok(()) };
    // It may never have been made, or be gone.
    let there = if marks.unbroken.is_idle() { is_there(name).await } else { Ok(true) };
    let what = match there {
        Ok(false) => return Ok(()),
        Ok(true) => error.to_string(),
        Err(unknown) => format!("{error}; {unknown}"),
    };
    Err(AgentError::Hold { what, next: format!("remove it with `lvremove {name}`: it fills up") })
}

/// Whether there is a logical volume of this name. Of a large group all names would be too many.
async fn is_there(name: &str) -> Result<bool> {
    let (group, copy) = name.split_once('/').unwrap_or((name, ""));
    let list = ["lvs", "--noheadings", "--separator", "/", "--options", "vg_name,lv_name"];
    let mut list = words(list, []);
    list.extend(["--select".to_owned(), format!("lv_name={copy}"), group.to_owned()]);
    let told = script::run(&list, TOOL).await.map_err(|error| AgentError::Hold {
        what: format!("whether there is a logical volume {name} is not known: {error}"),
        next: format!("see what `lvs {group}` says"),
    })?;
    Ok(told.lines().any(|line| line.trim() == name))
}

async fn btrfs(volume: &VolumeConfig, marks: &mut Marks) -> Result<PathBuf> {
    let (root, within) = subvolume_of(&volume.path)?;
    let copy = root.join(format!(".holdfast-{}", volume.name));
    marks.add(Mark::Btrfs(copy.clone()))?;
    let make = words(["btrfs", "subvolume", "snapshot", "-r"], [root.as_path(), &copy]);
    // Ended half way it may come to be after it was looked for.
    marks.unbroken.run(&make, TOOL).await.map_err(|error| AgentError::Hold {
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

async fn remove_btrfs(path: &Path, marks: &Marks) -> Result<()> {
    let remove = words(["btrfs", "subvolume", "delete"], [path]);
    drop(marks.unbroken.turn(&remove, TOOL).await?);
    if !path.exists() {
        return Ok(());
    }
    let removed = marks.unbroken.run(&remove, TOOL).await;
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

    #[test]
    fn a_device_is_mounted_when_its_numbers_are_listed_as_a_mounts() {
        let mounts = "36 35 254:3 / /srv rw,noatime master:1 - ext4 /dev/vg/srv rw\n\
            22 28 0:20 /254:4 /sys rw - sysfs 254:5 rw\n";
        let device = |minor| rustix::fs::makedev(254, minor);
        assert!(lists_device(mounts, device(3)));
        assert!(!lists_device(mounts, device(4)) && !lists_device(mounts, device(5)));
        assert!(!is_mounted(Path::new("/proc/self/stat")));
    }
}
