//! A real guest in QEMU: Debian's kernel, a program that writes to a file system on its disk all
//! the time, and QEMU's agent. It runs under emulation, so it needs nothing of the processor's.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::Pool;

/// By then a guest has booted, or written a little more.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a guest boots.
pub(crate) struct Prepared {
    pub(crate) kernel: PathBuf,
    pub(crate) initial: PathBuf,
}

/// What a guest is to do that has this on its command line: its first serial line is answered by a
/// [`Writing`], its second is the console.
pub(crate) const WRITES: &str = "console=ttyS1 loglevel=4 panic=-1 -- writes";

/// Killed when dropped.
pub(crate) struct Guest {
    qemu: Child,
    writing: Writing,
    /// Of QMP.
    pub(crate) socket: PathBuf,
    /// Of its agent.
    pub(crate) agent: PathBuf,
}

impl Guest {
    /// What `cargo xtask guest` has prepared, in the folder of the test's own build.
    pub(crate) fn prepared() -> Option<Prepared> {
        let test = std::env::current_exe().expect("the path of the test executable");
        let folder = test.ancestors().nth(3).expect("target above the executable").join("guest");
        let prepared = Prepared { kernel: folder.join("kernel"), initial: folder.join("initial") };
        (prepared.kernel.exists() && prepared.initial.exists()).then_some(prepared)
    }

    /// Starts one on a qcow2 image of a file system.
    pub(crate) fn start(prepared: &Prepared, pool: &Pool, disk: &Path) -> Self {
        let [socket, agent, console] = ["qmp", "qga", "console"].map(|name| pool.path(name));
        let listens = |path: &Path| format!("{},server=on,wait=off", path.display());
        let mut qemu = Command::new("qemu-system-x86_64")
            .args(["-accel", "tcg", "-machine", "pc", "-cpu", "max", "-m", "256", "-no-reboot"])
            .args(["-nodefaults", "-display", "none", "-nic", "none", "-append"])
            .arg(WRITES)
            .arg("-kernel")
            .arg(&prepared.kernel)
            .arg("-initrd")
            .arg(&prepared.initial)
            .args(["-serial", "stdio", "-serial", &format!("file:{}", console.display())])
            .arg("-blockdev")
            .arg(format!(
                "driver=qcow2,node-name=system,file.driver=file,file.filename={}",
                disk.display()
            ))
            .args(["-device", "virtio-blk-pci,drive=system,id=vda", "-device", "virtio-serial-pci"])
            .args(["-chardev", &format!("socket,id=qga,path={}", listens(&agent))])
            .args(["-device", "virtserialport,chardev=qga,name=org.qemu.guest_agent.0"])
            .args(["-qmp", &format!("unix:{}", listens(&socket))])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("qemu can be started: it is in the Debian package qemu-system-x86");
        let (answers, lines) = (qemu.stdin.take().expect("it"), qemu.stdout.take().expect("it"));
        Self { qemu, writing: Writing::answer(answers, lines, console), socket, agent }
    }

    /// Freezes it, as an engine leaves it that is killed then.
    pub(crate) fn freeze(&self) {
        let mut agent = UnixStream::connect(&self.agent).expect("QEMU listens");
        agent.set_read_timeout(Some(PATIENCE)).expect("a bound above zero");
        agent.write_all(b"{\"execute\":\"guest-fsfreeze-freeze\"}\n").expect("QEMU reads");
        let mut answer = String::new();
        BufReader::new(agent).read_line(&mut answer).expect("the agent answers");
        assert_eq!(answer.trim(), "{\"return\": 1}");
    }

    /// Waits until it has written more than it had before this was called.
    pub(crate) fn writes_on(&mut self) {
        self.writing.goes_on();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// A guest that writes, a little more each time that it is answered.
pub(crate) struct Writing {
    written: Receiver<String>,
    console: PathBuf,
}

impl Writing {
    /// Answers each line of the guest's, and passes it on.
    pub(crate) fn answer(
        mut answers: impl Write + Send + 'static,
        lines: impl Read + Send + 'static,
        console: PathBuf,
    ) -> Self {
        let (tell, written) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                if !line.starts_with('{') {
                    continue;
                }
                if writeln!(answers).is_err() || tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { written, console }
    }

    /// Waits until it has written more than it had before this was called.
    pub(crate) fn goes_on(&mut self) {
        while self.written.try_recv().is_ok() {}
        for _ in 0..2 {
            if let Err(error) = self.written.recv_timeout(PATIENCE) {
                let console = std::fs::read(&self.console).unwrap_or_default();
                panic!("{error}; on its console:\n{}", String::from_utf8_lossy(&console));
            }
        }
    }
}
