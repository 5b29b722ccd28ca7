//! A virtual machine whose disk is an NBD export, watched through its serial line.
//!
//! Runs under plain emulation, so it works on any machine, and with guest time tied to executed
//! instructions: a busy machine makes the boot slower, not the guest's timers late.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::firmware::Firmware;
use super::qmp::Qmp;
use super::tools::Tools;
use crate::error::{Error, Result};
use crate::process::start_error;

/// The screen's login prompt comes within moments of the serial one, and nothing announces it.
const SCREEN_LAG: Duration = Duration::from_secs(3);

/// Pieces of serial output, each at most 4 KiB, kept while nobody waits for a text.
const MAX_UNREAD: usize = 256;

/// Ticks of process times in a second, on every Linux that Debian 12 runs on.
const TICKS_PER_SECOND: u64 = 100;

/// Killed when dropped.
#[derive(Debug)]
pub(super) struct Guest {
    process: Child,
    qmp: PathBuf,
    serial: Receiver<Vec<u8>>,
    seen: String,
}

impl Guest {
    /// Starts it on the disk that `socket` serves; `folder` takes the control socket.
    pub(super) fn start(
        tools: &Tools,
        firmware: Firmware,
        disk: &str,
        folder: &Path,
    ) -> Result<Self> {
        let qmp = folder.join("qmp.sock");
        let mut qemu = tools.qemu();
        qemu.args(["-nodefaults", "-display", "none", "-nic", "none", "-vga", "std"]);
        qemu.args(["-machine", "pc", "-cpu", "qemu64", "-smp", "1", "-m", "512"]);
        qemu.args(["-accel", "tcg,thread=single,tb-size=256", "-icount", "shift=2,sleep=on"]);
        qemu.arg("-drive").arg(format!("if=virtio,format=raw,{disk}"));
        qemu.arg("-qmp").arg(format!("unix:{},server=on,wait=off", qmp.display()));
        qemu.args(["-serial", "stdio"]).stdin(Stdio::null()).stdout(Stdio::piped());
        if firmware == Firmware::Uefi {
            qemu.arg("-bios").arg(tools.uefi());
        }
        let mut process = qemu.spawn().map_err(|source| start_error(&qemu, source))?;
        let serial = read_apart(process.stdout.take());
        Ok(Self { process, qmp, serial, seen: String::new() })
    }

    /// Waits until the serial line has shown `text`. Fails at once when the machine stops.
    pub(super) fn wait_for(&mut self, text: &str, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !self.seen.contains(text) {
            match self.serial.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout) => {
                    let awaited = format!("{text:?} on the guest's serial line");
                    return Err(Error::TimedOut { awaited, seconds: limit.as_secs() });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let facts = format!("it stopped before {text:?}:\n{}", self.seen);
                    return Err(Error::Broken { rule: "the guest boots".into(), facts });
                }
            }
        }
        Ok(())
    }

    /// Whether the serial line has shown `text` so far.
    pub(super) fn has_shown(&self, text: &str) -> bool {
        self.seen.contains(text)
    }

    /// Writes a picture of the screen and ends the machine. Gives back the processor time it took.
    pub(super) fn finish(mut self, png: &Path) -> Result<Duration> {
        thread::sleep(SCREEN_LAG);
        let mut qmp = Qmp::connect(&self.qmp)?;
        qmp.screenshot(png)?;
        let busy = self.processor_time()?;
        qmp.quit()?;
        self.process.wait().map_err(Error::io(&self.qmp))?;
        Ok(busy)
    }

    fn processor_time(&self) -> Result<Duration> {
        let path = PathBuf::from(format!("/proc/{}/stat", self.process.id()));
        let stat = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        // Fields 14 and 15, counted from behind the name, which may hold spaces.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 =
            fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The prompt ends no line, so bytes are handed over as they come. Ends with the process.
fn read_apart(output: Option<ChildStdout>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(MAX_UNREAD);
    if let Some(mut output) = output {
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}
