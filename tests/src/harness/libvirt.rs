//! A libvirt of the test's own, with one machine whose processors stand still: what a guest would
//! write, QEMU's own `qemu-io` writes through the same device.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

use super::{Prepared, WRITES, Writing, run_tool, skipped};

/// By then libvirt answers, or has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// By then a guest has booted under emulation.
const BOOTED: Duration = Duration::from_secs(180);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// What the machine is called, which is no good name for an option.
pub(crate) const MACHINE: &str = "-mail & co";

/// libvirt as a user has it: nothing outside of its folder is touched.
pub(crate) struct Libvirt {
    daemon: Child,
    folder: tempfile::TempDir,
    pub(crate) uri: String,
}

impl Libvirt {
    /// Starts it; `None` where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        // Names of sockets are short.
        let folder = tempfile::tempdir_in("/tmp").expect("a temporary folder");
        let config = folder.path().join("config/libvirt");
        std::fs::create_dir_all(&config).expect("a temporary folder");
        // Else it starts another daemon for what QEMU says, which lives on for a while.
        std::fs::write(config.join("qemu.conf"), "stdio_handler = \"file\"\n").expect("a file");
        let daemon = "/usr/sbin/libvirtd";
        if !Path::new(daemon).exists() {
            skipped("libvirtd is not installed: it is in the package libvirt-daemon");
            return None;
        }
        // As root it would be the libvirt of the system.
        let mut command = match Uid::effective().is_root() {
            true => Command::new("unshare"),
            false => Command::new(daemon),
        };
        if Uid::effective().is_root() {
            command.args(["--user", "--map-user=1000", "--map-group=1000", daemon]);
        }
        for (variable, below) in [
            ("HOME", "home"),
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
        ] {
            let below = folder.path().join(below);
            std::fs::create_dir_all(&below).expect("a temporary folder");
            command.env(variable, below);
        }
        let out = std::fs::File::create(folder.path().join("libvirtd.log")).expect("a file");
        let daemon = command.stdin(Stdio::null()).stderr(out).spawn().expect("it can be started");
        let socket = folder.path().join("run/libvirt/libvirt-sock");
        let uri = format!("qemu+unix:///session?socket={}", socket.display());
        let libvirt = Self { daemon, folder, uri };
        let begun = Instant::now();
        while libvirt.tries(&["list"]).is_err() {
            let log = || std::fs::read_to_string(libvirt.path("libvirtd.log"));
            assert!(begun.elapsed() < PATIENCE, "libvirtd does not answer: {:?}", log());
            std::thread::park_timeout(LOOK);
        }
        Some(libvirt)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What `virsh` prints, or says against it.
    pub(crate) fn tries(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new("virsh")
            .args(["--quiet", "--connect", &self.uri])
            .args(arguments)
            .env("LC_ALL", "C")
            .output()
            .expect("virsh can be started: it is in the Debian package libvirt-clients");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    pub(crate) fn virsh(&self, arguments: &[&str]) -> String {
        self.tries(arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// Defines the machine with an image for each content and format, `vda` the first.
    pub(crate) fn define(&self, disks: &[(&[u8], &str)]) {
        let disks: Vec<String> = ('a'..)
            .zip(disks)
            .map(|(letter, (content, format))| {
                let raw = self.path("content");
                std::fs::write(&raw, content).expect("room for an image");
                let image = self.image(&format!("vd{letter}"));
                run_tool(
                    Command::new("qemu-img").args(["convert", "-O", format]).args([&raw, &image]),
                );
                let image = image.display();
                format!(
                    "<disk type='file' device='disk'><driver name='qemu' type='{format}' \
                 discard='unmap'/><source file='{image}'/>\
                 <target dev='vd{letter}' bus='virtio'/></disk>"
                )
            })
            .collect();
        let xml = format!(
            "<domain type='qemu'><name>-mail &amp; co</name><memory unit='MiB'>64</memory>\
             <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>\
             <emulator>/usr/bin/qemu-system-x86_64</emulator>{}\
             <controller type='usb' model='none'/><memballoon model='none'/></devices></domain>",
            disks.concat()
        );
        let file = self.path("machine.xml");
        std::fs::write(&file, xml).expect("a file");
        self.virsh(&["define", &file.display().to_string()]);
    }

    /// Defines the machine with a guest that writes to the file system on its disk, `vda`, and has
    /// an agent.
    pub(crate) fn define_guest(&self, prepared: &Prepared) {
        let path = |name: &str| self.path(name).display().to_string();
        let image = self.image("vda").display().to_string();
        let (kernel, initial) = (prepared.kernel.display(), prepared.initial.display());
        let xml = format!(
            "<domain type='qemu'><name>-mail &amp; co</name><memory unit='MiB'>256</memory>\
             <os><type arch='x86_64' machine='pc'>hvm</type><kernel>{kernel}</kernel>\
             <initrd>{initial}</initrd><cmdline>{WRITES}</cmdline></os><cpu mode='maximum'/>\
             <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>\
             <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>\
             <source file='{image}'/><target dev='vda' bus='virtio'/></disk>\
             <serial type='unix'><source mode='bind' path='{}'/><target port='0'/></serial>\
             <serial type='file'><source path='{}'/><target port='1'/></serial>\
             <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>\
             <controller type='usb' model='none'/><memballoon model='none'/></devices></domain>",
            path("serial"),
            path("console")
        );
        let file = self.path("machine.xml");
        std::fs::write(&file, xml).expect("a file");
        self.virsh(&["define", &file.display().to_string()]);
    }

    /// Switches such a machine on, and returns when its agent is there.
    pub(crate) fn boot_guest(&self) -> Writing {
        self.switch_on();
        // It has not said anything that nobody heard.
        let serial = UnixStream::connect(self.path("serial")).expect("QEMU listens");
        let answers = serial.try_clone().expect("a socket");
        let writing = Writing::answer(answers, serial, self.path("console"));
        self.machine("resume", &[]);
        let begun = Instant::now();
        let state = "--xpath=//target[@name='org.qemu.guest_agent.0']/@state";
        while !self.machine("dumpxml", &[state]).contains("\"connected\"") {
            assert!(begun.elapsed() < BOOTED, "the agent does not come");
            std::thread::park_timeout(LOOK);
        }
        writing
    }

    /// Where the machine's image of a disk lies.
    pub(crate) fn image(&self, disk: &str) -> PathBuf {
        self.path(&format!("{disk}.image"))
    }

    /// Switches the machine on.
    pub(crate) fn switch_on(&self) {
        self.virsh(&["start", "--paused", &format!("--domain={MACHINE}")]);
    }

    /// Has a command done to the machine.
    pub(crate) fn machine(&self, command: &str, more: &[&str]) -> String {
        let domain = format!("--domain={MACHINE}");
        self.virsh(&[&[command, &domain][..], more].concat())
    }

    /// Writes a byte all over a range of a disk, as the guest would.
    pub(crate) fn write(&self, disk: usize, pattern: u8, start: u64, length: u64) {
        let device = format!("/machine/peripheral/virtio-disk{disk}/virtio-backend");
        let line = format!("--cmd=qemu-io -d {device} \"write -P {pattern} {start} {length}\"");
        let said = self.machine("qemu-monitor-command", &["--hmp", &line]);
        assert!(!said.to_lowercase().contains("error"), "{said}");
    }

    /// Names of the machine's checkpoints.
    pub(crate) fn checkpoints(&self) -> Vec<String> {
        let listed = self.machine("checkpoint-list", &["--name"]);
        listed.lines().filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// What the machine's backup exports; `None` without one.
    pub(crate) fn exported(&self) -> Option<String> {
        let domain = format!("--domain={MACHINE}");
        let path = "--xpath=/domainbackup/disks/disk/@exportname";
        self.tries(&["backup-dumpxml", &domain, path]).ok()
    }

    /// The machine's QEMU, killed as by a power failure.
    pub(crate) fn kill_machine(&self) {
        kill(self.qemu().expect("it runs"), Signal::SIGKILL).expect("it runs");
        let begun = Instant::now();
        while self.machine("domstate", &[]).trim() != "shut off" {
            assert!(begun.elapsed() < PATIENCE, "libvirt does not notice");
            std::thread::park_timeout(LOOK);
        }
    }

    fn qemu(&self) -> Option<Pid> {
        // The driver has one beside it.
        let files = std::fs::read_dir(self.path("run/libvirt/qemu/run")).ok()?;
        let files = files.filter_map(|entry| Some(entry.ok()?.path()));
        let is_machine = |file: &PathBuf| {
            file.extension().is_some_and(|kind| kind == "pid") && !file.ends_with("driver.pid")
        };
        let pid = std::fs::read_to_string({ files }.find(is_machine)?).ok()?;
        pid.trim().parse().ok().map(Pid::from_raw)
    }
}

impl Drop for Libvirt {
    fn drop(&mut self) {
        let _ = self.tries(&["destroy", &format!("--domain={MACHINE}")]);
        if let Some(qemu) = self.qemu() {
            let _ = kill(qemu, Signal::SIGKILL);
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
