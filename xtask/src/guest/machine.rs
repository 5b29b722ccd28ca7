//! A virtual machine with one program in it, which says what happens in JSON, line by line.
//!
//! Runs under plain emulation, with guest time tied to executed instructions: a busy host makes
//! everything slower, and nothing late. Each line is answered, and the guest waits for that.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::system::System;
use crate::demo::tools::Tools;
use crate::error::{Error, Result};
use crate::process::start_error;

/// For one line of the guest, on a host that has time for nothing: the longest command of a
/// matrix takes a hundredth of it on an idle one.
const LINE_LIMIT: Duration = Duration::from_secs(900);

/// Lines that wait for this side: the guest sends the next when one is answered.
const MAX_UNREAD: usize = 4;

/// Lines of the guest's console that an error shows.
const CONSOLE_LINES: usize = 15;

/// A disk of the guest.
#[derive(Debug)]
pub(super) enum Drive {
    /// Its requests are written to `log`.
    Logged {
        file: PathBuf,
        log: PathBuf,
    },
    Plain {
        file: PathBuf,
    },
    ReadOnly {
        file: PathBuf,
    },
}

/// Killed when dropped.
#[derive(Debug)]
pub(super) struct Machine {
    process: Child,
    answers: Option<ChildStdin>,
    lines: Receiver<String>,
    console: PathBuf,
}

impl Machine {
    /// Starts the guest with a part to play. `folder` takes the console's text; QEMU traces what
    /// logged drives do to `folder/trace`.
    pub(super) fn start(
        tools: &Tools,
        system: &System,
        part: &str,
        drives: &[Drive],
        folder: &Path,
    ) -> Result<Self> {
        let console = folder.join("console");
        let mut qemu = tools.qemu();
        qemu.args(["-nodefaults", "-display", "none", "-nic", "none", "-no-reboot"]);
        qemu.args(["-machine", "pc", "-cpu", "max", "-smp", "1", "-m", "1024"]);
        qemu.args(["-accel", "tcg,thread=single,tb-size=256", "-icount", "shift=2,sleep=on"]);
        qemu.arg("-kernel").arg(&system.kernel).arg("-initrd").arg(&system.initial);
        qemu.args(["-append", &format!("console=ttyS1 loglevel=4 panic=-1 -- {part}")]);
        qemu.args(["-serial", "stdio", "-serial"]).arg(format!("file:{}", console.display()));
        for (number, drive) in drives.iter().enumerate() {
            drive.attach(number, &mut qemu);
        }
        if drives.iter().any(|drive| matches!(drive, Drive::Logged { .. })) {
            qemu.args(["-trace", "bdrv_open_common", "-trace", "bdrv_co_pwritev_part", "-D"]);
            qemu.arg(folder.join("trace"));
        }
        qemu.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = qemu.spawn().map_err(|source| start_error(&qemu, source))?;
        let (answers, lines) = (process.stdin.take(), read_apart(process.stdout.take()));
        Ok(Self { process, answers, lines, console })
    }

    /// What the guest says next, once it has been `seen`; `None` when it said that it is done.
    pub(super) fn next(
        &mut self,
        seen: impl FnOnce(&mut Value) -> Result<()>,
    ) -> Result<Option<Value>> {
        let line = self.lines.recv_timeout(LINE_LIMIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => {
                let awaited = "a line of the guest".to_owned();
                Error::TimedOut { awaited, seconds: LINE_LIMIT.as_secs() }
            }
            RecvTimeoutError::Disconnected => {
                let rule = "the guest does its part to the end".into();
                Error::Broken { rule, facts: self.last_words() }
            }
        })?;
        let mut value: Value = serde_json::from_str(&line)
            .map_err(|_| Error::Unexpected { from: "the guest".into(), what: line.clone() })?;
        seen(&mut value)?;
        if let Some(answers) = &mut self.answers {
            writeln!(answers).map_err(Error::io(&self.console))?;
        }
        Ok((value["event"] != "done").then_some(value))
    }

    /// Waits until it has powered off.
    pub(super) fn finish(mut self) -> Result<()> {
        let status = self.process.wait().map_err(Error::io(&self.console))?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Broken { rule: "the guest ends well".into(), facts: self.last_words() })
    }

    fn last_words(&self) -> String {
        let console = std::fs::read(&self.console).unwrap_or_default();
        let console = String::from_utf8_lossy(&console).into_owned();
        let lines: Vec<&str> = console.lines().collect();
        let first = lines.len().saturating_sub(CONSOLE_LINES);
        format!("it stopped; on its console:\n{}", lines[first..].join("\n"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drive {
    fn attach(&self, number: usize, qemu: &mut std::process::Command) {
        let plain =
            |file: &Path| format!("if=virtio,format=raw,cache=unsafe,file={}", file.display());
        match self {
            Self::Plain { file } => qemu.arg("-drive").arg(plain(file)),
            Self::ReadOnly { file } => qemu.arg("-drive").arg(plain(file) + ",readonly=on"),
            Self::Logged { file, log } => {
                // Flushes below the log take no time: none stands behind a write that it does not
                // cover. What the guest asks for is logged all the same.
                let (file, log) = (file.display(), log.display());
                let node = format!(
                    "driver=blklogwrites,node-name=logged{number},log-sector-size=512,\
                     file.driver=file,file.filename={file},file.cache.no-flush=on,\
                     log.driver=file,log.filename={log},log.cache.no-flush=on"
                );
                qemu.arg("-blockdev").arg(node).arg("-device").arg(format!(
                    "virtio-blk-pci,drive=logged{number},discard=off,write-zeroes=off"
                ))
            }
        };
    }
}

fn read_apart(output: Option<ChildStdout>) -> Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(MAX_UNREAD);
    if let Some(output) = output {
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(std::io::Result::ok);
            for line in lines.filter(|line| !line.trim().is_empty()) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}
