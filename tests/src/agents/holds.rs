//! Volumes that are held still while they are read: by ext4 and btrfs as the kernel has them, and
//! by what LVM's commands are told.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::lab::{Lab, Server};
use crate::harness::{Loop, MIB, Random, client, skipped};

/// A file system on a loop device, mounted; unmounted at the end.
struct Mounted {
    folder: PathBuf,
    device: Loop,
}

impl Mounted {
    /// Says why and returns nothing where that may not be.
    fn new(lab: &Lab, maker: &[&str]) -> Option<Self> {
        let device = Loop::new(&lab.path("disk"), 160 * MIB)?;
        let at = device.device.display().to_string();
        client(maker[0], &[&maker[1..], &[&at]].concat())?;
        let folder = lab.path("mounted");
        fs::create_dir(&folder).expect("a new folder");
        let mounted = Command::new("mount").arg(&at).arg(&folder).output().ok()?;
        if !mounted.status.success() {
            skipped(String::from_utf8_lossy(&mounted.stderr).trim());
            return None;
        }
        Some(Self { folder, device })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}

/// A lab whose agent has the volume `root` at a path, with more lines for it.
fn lab(lab: &Lab, path: &Path, more: &str) -> Server {
    let server = lab.serve("127.0.0.1:0");
    fs::remove_file(lab.volume("mail")).expect("what stood for it");
    symlink(path, lab.volume("mail")).expect("a new link");
    let config = lab.path("mail.toml");
    let text = fs::read_to_string(&config).expect("its configuration");
    fs::write(config, text + more).expect("room");
    server
}

/// What a run of the agent says of its volume, or why it failed.
fn run(lab: &Lab) -> Result<Value, String> {
    let output = lab.agent("mail", &["run"]).output().expect("the agent can be started");
    match output.status.success() {
        true => Ok(Lab::json(&output)["volumes"][0].clone()),
        false => {
            let told = [output.stdout, output.stderr].concat();
            Err(String::from_utf8_lossy(&told).into_owned())
        }
    }
}

/// Writes files until it is told to end.
fn write(folder: &Path, stop: &AtomicBool) {
    let mut bytes = vec![0; 64 << 10];
    for number in 0_u64.. {
        if number > 50 && stop.load(Ordering::SeqCst) {
            return;
        }
        Random(number).fill(&mut bytes);
        let path = folder.join(format!("file-{}", number % 50));
        let file = fs::File::create(&path).expect("room");
        std::io::Write::write_all(&mut &file, &bytes).expect("room");
        file.sync_all().expect("room");
    }
}

#[test]
fn a_mounted_file_system_is_read_until_it_is_that_of_one_moment() {
    let bench = Lab::new(&["mail"]);
    let Some(mounted) = Mounted::new(&bench, &["mkfs.ext4", "-q"]) else { return };
    let more = format!("hold = \"freeze\"\nmount = {:?}\n", mounted.folder);
    let _server = lab(&bench, &mounted.device.device, &more);
    let stop = Arc::new(AtomicBool::new(false));
    let (seen, folder) = (stop.clone(), mounted.folder.clone());
    let writer = thread::spawn(move || write(&folder, &seen));
    let agent = bench.agent("mail", &["run"]).stdout(Stdio::piped()).spawn().expect("the agent");
    // It is read by then, and comes to rest while it is.
    while bench.files().open_intakes() == 0 {
        thread::yield_now();
    }
    stop.store(true, Ordering::SeqCst);
    writer.join().expect("it has written");
    let done = Lab::json(&agent.wait_with_output().expect("the agent"))["volumes"][0].clone();
    assert_eq!(done["consistency"], "settled", "{done}");
    // Left frozen by something that was killed, it is thawed before anything else.
    let frozen = mounted.folder.display().to_string();
    client("fsfreeze", &["--freeze", &frozen]);
    let marks = format!("{{\"post\":false,\"lvm\":[],\"btrfs\":[],\"frozen\":[{frozen:?}]}}");
    fs::write(bench.state("mail").join("marks.json"), &marks).expect("room");
    let note = blake3::hash(frozen.as_bytes()).to_hex();
    let note = Path::new("/run/holdfast-agent").join(note.as_str());
    fs::write(&note, "").expect("room");
    // Above what was written meanwhile, the next is what the disk is now.
    let done = run(&bench).expect("nobody writes");
    assert_eq!((&done["consistency"], &done["incremental"]), (&"settled".into(), &true.into()));
    let (point, _) = bench.files().points("mail", "root").pop().expect("a recovery point");
    let point = point.display().to_string();
    assert!(!note.exists());
    // Somebody else has frozen it, and a run was killed before it saw that: it stays so.
    client("fsfreeze", &["--freeze", &frozen]);
    fs::write(bench.state("mail").join("marks.json"), &marks).expect("room");
    let told = run(&bench).expect_err("it cannot be frozen twice");
    assert!(told.contains("busy") && told.contains("nobody else has frozen it"), "{told}");
    assert!(!note.exists());
    client("fsfreeze", &["--unfreeze", &frozen]).expect("it is frozen still");
    // Its journal is to be replayed first, as after a power failure.
    let _ = Command::new("e2fsck").args(["-p", &point]).output();
    client("e2fsck", &["-f", "-n", &point]);
    let told = client("debugfs", &["-R", "stat /file-0", &point]);
    assert!(told.is_none_or(|told| told.contains("Size: 65536")), "a file is not in it");
}

#[test]
fn a_file_system_that_never_rests_makes_no_point_unless_that_is_wanted() {
    let bench = Lab::new(&["mail"]);
    let Some(mounted) = Mounted::new(&bench, &["mkfs.ext4", "-q"]) else { return };
    let more = format!("hold = \"freeze\"\nmount = {:?}\n", mounted.folder);
    let _server = lab(&bench, &mounted.device.device, &more);
    let stop = Arc::new(AtomicBool::new(false));
    let (seen, folder) = (stop.clone(), mounted.folder.clone());
    let writer = thread::spawn(move || write(&folder, &seen));
    let told = run(&bench).expect_err("it changes all the time");
    assert!(told.contains("5 readings") && told.contains("accept_torn"), "{told}");
    assert_eq!(bench.files().points("mail", "root").len(), 0);

    let config = bench.path("mail.toml");
    let text = fs::read_to_string(&config).expect("its configuration");
    fs::write(config, text + "accept_torn = true\n").expect("room");
    let done = run(&bench).expect("it is taken as it is");
    stop.store(true, Ordering::SeqCst);
    writer.join().expect("it ends");
    assert_eq!((&done["consistency"], &done["resumed"]), (&"torn".into(), &true.into()));
}

#[test]
fn btrfs_keeps_an_image_as_it_was_and_nothing_is_left_of_that() {
    let bench = Lab::new(&["mail"]);
    let Some(mounted) = Mounted::new(&bench, &["mkfs.btrfs", "-q", "--mixed"]) else { return };
    let (inside, image) = (mounted.folder.join("disks"), mounted.folder.join("disks/root.img"));
    let inside_text = inside.display().to_string();
    client("btrfs", &["subvolume", "create", &inside_text]).expect("mkfs.btrfs is there");
    let mut bytes = vec![0; 20 * MIB];
    Random(41).fill(&mut bytes);
    fs::write(&image, &bytes).expect("room");
    // When `post` runs the copy is kept: what is written then is not in the recovery point.
    let post = format!(
        "[scripts]\npost = [\"/bin/sh\", \"-c\", \"printf changed | dd of={} conv=notrunc\"]\n",
        image.display()
    );
    let _server = lab(&bench, &image, "hold = \"btrfs\"\n");
    let config = bench.path("mail.toml");
    let text = fs::read_to_string(&config).expect("its configuration");
    fs::write(&config, text.replacen("[[volume]]", &(post + "[[volume]]"), 1)).expect("room");
    let done = run(&bench).expect("btrfs keeps it");
    assert_eq!(done["consistency"], "moment");
    assert_eq!(bench.newest_is("mail", &bytes), 1);
    assert_eq!(&fs::read(&image).expect("the image")[..7], b"changed");

    // Killed while the copy was kept: the next run removes it before it begins.
    let copy = inside.join(".holdfast-root");
    let text = copy.display().to_string();
    client("btrfs", &["subvolume", "snapshot", "-r", &inside_text, &text]);
    let marks = format!("{{\"post\":false,\"lvm\":[],\"btrfs\":[{text:?}]}}");
    fs::write(bench.state("mail").join("marks.json"), marks).expect("room");
    run(&bench).expect("what was left is no trouble");
    assert!(!copy.exists());

    let device = mounted.device.device.display().to_string();
    fs::remove_file(bench.volume("mail")).expect("the link");
    symlink(device, bench.volume("mail")).expect("a new link");
    let told = run(&bench).expect_err("a device is no file");
    assert!(told.contains("btrfs keeps files") && told.contains("freeze"), "{told}");
}

/// Stand-ins for LVM's commands: each notes how it was called; what the group has is files.
fn stand_ins(lab: &Lab, group: &Path, origin: &Path) -> PathBuf {
    let (folder, notes) = (lab.path("tools"), lab.path("notes"));
    fs::create_dir(&folder).expect("a new folder");
    let name = group.file_name().expect("a name").display().to_string();
    let (group, origin, notes) = (group.display(), origin.display(), notes.display());
    let tools = [
        (
            "lvs",
            format!(
                "case \"$*\" in *lv_name=holdfast-root*) test -e {group}/fails && exit 5
                 test ! -e {group}/holdfast-root || echo '  {name}/holdfast-root';;
                 *) echo '  {name}/root';; esac"
            ),
        ),
        ("lvcreate", format!("cp {origin} {group}/holdfast-root")),
        ("lvremove", format!("rm {group}/holdfast-root")),
    ];
    for (tool, does) in tools {
        let path = folder.join(tool);
        let text = format!("#!/bin/sh\necho \"{tool} $*\" >> {notes}\n{does}\n");
        fs::write(&path, text).expect("room");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    folder
}

#[test]
fn lvm_is_told_to_keep_a_volume_and_to_let_it_go_whatever_happens() {
    let group = PathBuf::from(format!("/dev/holdfast-test-{}", std::process::id()));
    if fs::create_dir(&group).is_err() {
        return skipped("nothing may be made in /dev");
    }
    let bench = Lab::new(&["mail"]);
    let mut bytes = vec![0; 6 * MIB];
    Random(42).fill(&mut bytes);
    let origin = bench.path("origin");
    fs::write(&origin, &bytes).expect("room");
    let _server = lab(&bench, &origin, "hold = \"lvm\"\nroom = \"1G\"\n");
    let tools = stand_ins(&bench, &group, &origin);
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
    let begin = || {
        let mut agent = bench.agent("mail", &["run"]);
        agent.env("PATH", &path).output().expect("the agent can be started")
    };
    let notes = || fs::read_to_string(bench.path("notes")).unwrap_or_default();

    let done = Lab::json(&begin())["volumes"][0].clone();
    assert_eq!((&done["consistency"], bench.newest_is("mail", &bytes)), (&"moment".into(), 1));
    let name = group.file_name().expect("a name").display().to_string();
    let made = format!(
        "--snapshot --setactivationskip n --name holdfast-root --size 1073741824b {name}/root"
    );
    assert!(notes().contains(&made), "{}", notes());
    assert!(notes().ends_with(&format!("lvremove --yes {name}/holdfast-root\n")), "{}", notes());

    // A volume that cannot be read is let go all the same, and so is what a killed run had.
    fs::write(&origin, []).expect("room");
    assert!(!begin().status.success());
    assert!(!group.join("holdfast-root").exists());
    fs::write(&origin, &bytes).expect("room");
    fs::write(group.join("holdfast-root"), "old").expect("room");
    let marks = format!("{{\"post\":false,\"lvm\":[\"{name}/holdfast-root\"],\"btrfs\":[]}}");
    fs::write(bench.state("mail").join("marks.json"), marks).expect("room");
    Lab::json(&begin());
    assert_eq!(bench.newest_is("mail", &bytes), 2);
    assert_eq!(fs::read_dir(&group).expect("the group").count(), 0);
    // What LVM cannot say is no leave to begin.
    fs::write(group.join("fails"), "").expect("room");
    let output = begin();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("is not known: lvs") && told.contains("see what `lvs"), "{told}");
    fs::remove_file(group.join("fails")).expect("it was made");
    assert_eq!(fs::read_dir(&group).expect("the group").count(), 0);

    // Told to end while LVM makes the copy: it is made, and then it goes.
    let (begun, made) = (bench.path("begun"), group.join("holdfast-root"));
    let slow =
        format!("touch {}; sleep 2; cp {} {}", begun.display(), origin.display(), made.display());
    let text = format!("#!/bin/sh\n{slow}\n");
    fs::write(tools.join("lvcreate"), text).expect("room");
    let mut agent = bench.agent("mail", &["run"]);
    let mut agent = agent.env("PATH", &path).spawn().expect("the agent can be started");
    while !begun.exists() {
        thread::yield_now();
    }
    kill(Pid::from_raw(agent.id().cast_signed()), Signal::SIGTERM).expect("it runs");
    assert!(!agent.wait().expect("it ends").success());
    assert!(notes().ends_with(&format!("lvremove --yes {name}/holdfast-root\n")), "{}", notes());
    assert_eq!(fs::read_dir(&group).expect("the group").count(), 0);
    fs::remove_dir(&group).expect("the group");
}
