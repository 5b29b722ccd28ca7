//! QEMU's disk layer as a client that stays.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// By then a command of QEMU's has come back, also one that waits for an engine that is away.
const PATIENCE: Duration = Duration::from_secs(60);

/// QEMU's disk layer on an export, which waits for a server that is away.
pub(crate) struct QemuIo {
    qemu: Child,
    commands: ChildStdin,
    says: Receiver<String>,
}

impl QemuIo {
    /// Opens what is served on a socket.
    pub(crate) fn on(socket: &str) -> Self {
        let mut qemu = Command::new("qemu-io")
            .arg("--image-opts")
            .arg(format!("driver=nbd,server.type=unix,server.path={socket},reconnect-delay=60"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("qemu-io can be started: it is in the Debian package qemu-utils");
        let commands = qemu.stdin.take().expect("its input");
        let out = BufReader::new(qemu.stdout.take().expect("its output"));
        let (to, says) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if to.send(line).is_err() {
                    return;
                }
            }
        });
        Self { qemu, commands, says }
    }

    /// Has it do one thing, and waits until it says so: a second line that it reads together with
    /// the first would stay in its buffer.
    pub(crate) fn does(&mut self, command: &str, done: &str) {
        writeln!(self.commands, "{command}").expect("it runs");
        loop {
            let line = self.says.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("{command}: it says nothing more"));
            assert!(!line.contains("rror") && !line.contains("ailed"), "{command}: {line}");
            if line.contains(done) {
                return;
            }
        }
    }
}

impl Drop for QemuIo {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
