//! A command at work, watched by how much its pool has grown or how much it has written.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::export::signal;
use super::{Outcome, allocated};

/// How often growth is looked at: direct writes to a file send no event that could be awaited.
const LOOK: Duration = Duration::from_millis(1);

/// A running command and the disk that it writes to.
#[derive(Debug)]
pub(crate) struct Work {
    process: Child,
    disk: PathBuf,
    before: u64,
}

impl Work {
    /// Starts a command that writes to `disk`, which is a sparse file.
    pub(crate) fn start(command: &mut Command, disk: &Path) -> Self {
        let before = allocated(disk);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = command.spawn().expect("the command can be started");
        Self { process, disk: disk.into(), before }
    }

    /// Waits until the disk takes `bytes` more than at the start; false when the command ended
    /// before that.
    pub(crate) fn grown(&mut self, bytes: u64) -> bool {
        self.is_seen(|work| allocated(&work.disk) >= work.before + bytes)
    }

    /// Waits until the command has written `bytes`, be it to room that was used before; false when
    /// it ended before that.
    pub(crate) fn has_written(&mut self, bytes: u64) -> bool {
        self.is_seen(|work| {
            written(&work.process).max(allocated(&work.disk).saturating_sub(work.before)) >= bytes
        })
    }

    /// Waits until something can be seen; false when the command ended before that.
    fn is_seen(&mut self, seen: impl Fn(&Self) -> bool) -> bool {
        loop {
            if self.process.try_wait().expect("a child of this process").is_some() {
                return false;
            }
            if seen(self) {
                return true;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Does something while the command stands still.
    pub(crate) fn while_stopped(&self, something: impl FnOnce()) {
        signal(&self.process, Signal::SIGSTOP);
        something();
        signal(&self.process, Signal::SIGCONT);
    }

    /// Asks the command to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        signal(&self.process, Signal::SIGINT);
    }

    /// Ends the command as a loss of power would, but for what the kernel already has.
    pub(crate) fn kill(mut self) -> Outcome {
        self.process.kill().expect("a child of this process");
        self.wait()
    }

    pub(crate) fn wait(self) -> Outcome {
        let output = self.process.wait_with_output().expect("a child of this process");
        Outcome {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Bytes that a process has had written to disks, as the kernel accounts for them.
fn written(process: &Child) -> u64 {
    let accounts = std::fs::read_to_string(format!("/proc/{}/io", process.id()));
    let accounts = accounts.unwrap_or_default();
    let line = accounts.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}
