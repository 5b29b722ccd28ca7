//! The container: a copy of Debian's tree in memory, with what the image adds to it.

use std::fs;
use std::path::Path;

use super::{Args, ending};
use crate::error::{Error, Result};
use crate::process::{command, failed, quiet, start_error, workspace};

/// The system's root, on a file system in memory that only this process sees.
const ROOT: &str = "/run/holdfast-service";

/// Where this program is in the container.
const STORY: &str = "/usr/libexec/holdfast-story";

/// The unit that the container is booted for. Where it fails the container ends with its exit
/// status; else it goes on until the container restarts, as it has the console do at its end. How
/// long it may take and what is told to the program follow.
const STORY_UNIT: &str = "[Unit]
Description=What is to be seen of the engine as a service
After=dbus.socket
FailureAction=exit

[Service]
Type=oneshot
SuccessExitStatus=SIGTERM
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
";

/// Beyond it the story hangs, in seconds, and a minute later the container: a large pool takes its
/// time to be filled.
const LIMIT: u64 = 240;
const LARGE_LIMIT: u64 = 1800;

/// What systemd-nspawn ends with when the system in it restarts, which is left to its caller.
const RESTARTS: i32 = 133;

/// What units have to do without where there are no user name spaces, and which ones.
const WITHOUT: &str = "[Service]\nPrivateUsers=no\n";
const THOSE: [&str; 4] = [
    "holdfast-engine.service.d",
    "holdfast-manage.service.d",
    "holdfast-receiver.service.d",
    "holdfast-timekeeper.service.d",
];

/// Boots the system of `tree` with `state` as the folder of the engine's state. It mounts what it
/// likes: for a process in name spaces of its own.
pub(crate) fn boot(tree: &Path, state: &Path, args: Args) -> Result<()> {
    // systemd-nspawn keeps its own files in /run, which has to be a file system.
    quiet(command("mount").args(["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]))?;
    let root = Path::new(ROOT);
    for folder in [Path::new("/run/systemd"), root] {
        fs::create_dir(folder).map_err(Error::io(folder))?;
    }
    quiet(command("cp").arg("--archive").arg(tree.join(".")).arg(root))?;
    add_ours(root, args)?;
    allow_for_missing_user_spaces(root)?;
    let mut nspawn = command("timeout");
    nspawn.args(["--kill-after=5", &(limit(args) + 60).to_string()]);
    nspawn.args(["systemd-nspawn", "--quiet", "--boot"]);
    nspawn.args(["--register=no", "--keep-unit", "--private-network", "--machine=holdfast"]);
    nspawn.args(["--console=read-only", "--resolv-conf=off", "--timezone=off"]);
    nspawn.args(["--link-journal=no", "--directory", ROOT]);
    nspawn.arg(format!("--bind={}:/var/lib/holdfast", state.display()));
    // What the service manager says of itself is in the journal.
    nspawn.args(["systemd.unit=story.service", "systemd.show_status=0"]);
    nspawn.args(["systemd.log_target=journal", "systemd.log_level=warning"]);
    // A newer systemd in the container knows no older kind of control groups.
    nspawn.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
    let status = nspawn.status().map_err(|source| start_error(&nspawn, source))?;
    if status.code() != Some(RESTARTS) {
        return Err(failed(&nspawn, &status.to_string(), ""));
    }
    if args.large { Ok(()) } else { ending::judge(root) }
}

fn limit(args: Args) -> u64 {
    if args.large { LARGE_LIMIT } else { LIMIT }
}

/// What the image has for the engine, as it is, and programs.
fn add_ours(root: &Path, args: Args) -> Result<()> {
    let files = workspace().join("image/files/.");
    quiet(command("cp").args(["--recursive", "--no-preserve=ownership"]).arg(files).arg(root))?;
    let own = std::env::current_exe().map_err(Error::io(root))?;
    let ours = [
        ("holdfast", "usr/bin/holdfast"),
        ("holdfast-agent", "usr/bin/holdfast-agent"),
        ("holdfast-console", "usr/bin/holdfast-console"),
        ("holdfast-engine", "usr/bin/holdfast-engine"),
        ("holdfast-manage", "usr/bin/holdfast-manage"),
        ("holdfast-receiver", "usr/bin/holdfast-receiver"),
        ("holdfast-timekeeper", "usr/bin/holdfast-timekeeper"),
        ("many", "usr/libexec/many"),
    ];
    let ours = ours.map(|(name, to)| (args.program(name), to));
    for (from, to) in ours.into_iter().chain([(own, STORY.trim_start_matches('/'))]) {
        fs::copy(&from, root.join(to)).map_err(Error::io(&from))?;
    }
    let unit = root.join("etc/systemd/system/story.service");
    let words = args.words().unwrap_or_default();
    let how = format!("TimeoutStartSec={}\nExecStart={STORY} inside {words}\n", limit(args));
    fs::write(&unit, format!("{STORY_UNIT}{how}")).map_err(Error::io(&unit))?;
    Ok(())
}

/// In a chroot nobody gets a user name space. All but that is tested there, and it is said.
fn allow_for_missing_user_spaces(root: &Path) -> Result<()> {
    if quiet(command("unshare").args(["--user", "true"])).is_ok() {
        return Ok(());
    }
    println!(
        "    not tested: PrivateUsers= of the units. There are no user name spaces here; a chroot \
         has none, a machine or a container has"
    );
    for unit in THOSE {
        let folder = root.join("etc/systemd/system").join(unit);
        fs::create_dir(&folder).map_err(Error::io(&folder))?;
        let path = folder.join("no-user-spaces.conf");
        fs::write(&path, WITHOUT).map_err(Error::io(&path))?;
    }
    Ok(())
}
