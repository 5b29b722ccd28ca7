//! QEMU's disk layer on an export, as a virtual machine has it: it waits for a server that is away.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::tools::must;
use crate::error::{Error, Result};
use crate::process::{command, start_error};

/// By then it has read or written, also when the engine is started meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// It ends with this.
#[derive(Debug)]
pub(super) struct Machine {
    qemu: Child,
    commands: Option<ChildStdin>,
    says: Receiver<String>,
    socket: PathBuf,
}

impl Machine {
    pub(super) fn on(socket: &Path) -> Result<Self> {
        let mut qemu = command("qemu-io");
        let server = format!("driver=nbd,server.type=unix,server.path={}", socket.display());
        qemu.arg("--image-opts").arg(server + ",reconnect-delay=60");
        qemu.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = qemu.spawn().map_err(|source| start_error(&qemu, source))?;
        let commands = process.stdin.take();
        let (to, says) = channel();
        if let Some(out) = process.stdout.take() {
            std::thread::spawn(move || {
                let lines = BufReader::new(out).lines().map_while(std::result::Result::ok);
                // It fails once nobody wants to hear any more.
                lines.map(|line| to.send(line)).find(std::result::Result::is_err)
            });
        }
        Ok(Self { qemu: process, commands, says, socket: socket.to_owned() })
    }

    /// Writes 64 KiB of one byte, and does not return before they are on a disk.
    pub(super) fn writes(&mut self, byte: u8, at: &str) -> Result<()> {
        self.does(&format!("write -f -P {byte} {at} 64k"), "wrote 65536/65536")
    }

    /// Reads 64 KiB and demands that each is this byte.
    pub(super) fn reads(&mut self, byte: u8, at: &str) -> Result<()> {
        self.does(&format!("read -P {byte} {at} 64k"), "read 65536/65536")
    }

    /// Has it do one thing, and waits until it says so.
    fn does(&mut self, words: &str, done: &str) -> Result<()> {
        if let Some(commands) = &mut self.commands {
            writeln!(commands, "{words}").map_err(Error::io(&self.socket))?;
        }
        loop {
            let line = self.says.recv_timeout(PATIENCE).map_err(|_| Error::TimedOut {
                awaited: format!("qemu-io to {words}"),
                seconds: PATIENCE.as_secs(),
            })?;
            let fails = line.contains("rror") || line.contains("ailed");
            must(!fails, "a machine on an export goes on", format!("{words}: {line}"))?;
            if line.contains(done) {
                return Ok(());
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
