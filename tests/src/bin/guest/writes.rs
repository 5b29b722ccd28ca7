//! Writes to a file system on the first disk for as long as there is power, beside QEMU's agent.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use serde_json::json;

use crate::host::Host;

const DISK: &str = "/dev/vda";
const FOLDER: &str = "/tmp/disk";

/// Ports of the machine, each with its name in a file.
const PORTS: &str = "/sys/class/virtio-ports";

/// The name of the agent's.
const AGENT: &str = "org.qemu.guest_agent.0";

/// A port comes a moment after its driver, and nobody tells.
const LOOK: Duration = Duration::from_millis(5);

/// Files that there are at a time, and their bytes.
const FILES: u64 = 40;
const BYTES: usize = 64 << 10;

/// The host is told each time that so many more were written.
const TOLD: u64 = 10;

pub(crate) fn run(host: &mut Host) -> ! {
    fs::create_dir_all(FOLDER).expect("room in memory");
    mount(Some(DISK), FOLDER, Some("ext4"), MsFlags::empty(), None::<&str>).expect("ext4 on it");
    let mut agent = Command::new("/bin/qemu-ga");
    agent.args(["--method=virtio-serial", "--statedir=/tmp", "--pidfile=/tmp/pid", "--path"]);
    agent.arg(port());
    let mut agent = agent.spawn().expect("the agent");
    for number in 0_u64.. {
        let ended = agent.try_wait().expect("a child");
        assert!(ended.is_none(), "the agent ended: {ended:?}");
        let path = |number: u64| Path::new(FOLDER).join(format!("file-{number}"));
        let mut file = File::create(path(number)).expect("room");
        let content = (number as usize..).map(|at| (at * 7 / 3) as u8).take(BYTES);
        file.write_all(&content.collect::<Vec<u8>>()).expect("room");
        if number % 3 == 0 {
            file.sync_all().expect("a sound disk");
        }
        if let Some(old) = number.checked_sub(FILES) {
            fs::remove_file(path(old)).expect("it is there");
        }
        if number % TOLD == 0 {
            host.tell(&json!({ "event": "written", "files": number }));
        }
    }
    unreachable!("numbers have no end")
}

/// The agent's port, as soon as there is one.
fn port() -> PathBuf {
    loop {
        let ports = fs::read_dir(PORTS).into_iter().flatten().flatten();
        let mut ports = ports.map(|port| port.path());
        let is_agents = |port: &PathBuf| {
            fs::read_to_string(port.join("name")).is_ok_and(|name| name.trim() == AGENT)
        };
        if let Some(name) = ports.find(is_agents).as_deref().and_then(Path::file_name) {
            return Path::new("/dev").join(name);
        }
        thread::sleep(LOOK);
    }
}
