//! The `holdfast` command, run with `--json`: what it prints on its last line is the result.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::process::{cargo, command, quiet, start_error, workspace};

/// The command with one pool and its passphrase.
#[derive(Debug)]
pub(super) struct Holdfast {
    program: PathBuf,
    disks: [PathBuf; 2],
    passphrase_file: PathBuf,
}

/// What one ingest did.
#[derive(Debug, Clone)]
pub(super) struct Ingested {
    pub(super) point: String,
    pub(super) bytes_read: u64,
    pub(super) bytes_added: u64,
}

/// What a verify of the whole pool found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verified {
    pub(super) bytes_read: u64,
    pub(super) healed: u64,
    pub(super) lost: u64,
}

impl Holdfast {
    /// Builds the command as it is released.
    pub(super) fn build(disks: [PathBuf; 2], passphrase_file: PathBuf) -> Result<Self> {
        let mut build = cargo();
        build.args(["build", "--quiet", "--release", "--locked", "--package", "holdfast"]);
        crate::process::shown(&mut build)?;
        let target = std::env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or_else(|| workspace().join("target"), PathBuf::from);
        Ok(Self { program: target.join("release/holdfast"), disks, passphrase_file })
    }

    pub(super) fn create_pool(&self, bytes: u64, kit: &Path) -> Result<()> {
        let mut create = self.command(&["pool", "create"]);
        create.args(&self.disks).args(["--size", &bytes.to_string(), "--yes"]);
        self.unlock(&mut create).arg("--kit-out").arg(kit);
        result(&mut create).map(drop)
    }

    /// Shows the command that the recovery kit opens this pool.
    pub(super) fn prove_kit(&self, kit: &Path) -> Result<()> {
        let mut prove = self.command(&["kit", "prove"]);
        result(prove.arg("--kit-file").arg(kit).args(&self.disks)).map(drop)
    }

    pub(super) fn ingest(&self, system: &str, image: &Path) -> Result<Ingested> {
        let mut ingest = self.on_pool(&["ingest"]);
        let done = result(ingest.args(["--system", system]).arg(image))?;
        Ok(Ingested {
            point: text(&done, "point")?,
            bytes_read: number(&done, "bytes_read")?,
            bytes_added: number(&done, "bytes_added")?,
        })
    }

    /// Writes the recovery point to a new file.
    pub(super) fn restore(&self, point: &str, to: &Path) -> Result<()> {
        let mut restore = self.on_pool(&["restore"]);
        result(restore.args(["--point", point]).arg("--to").arg(to)).map(drop)
    }

    /// Reads everything in the pool and heals what one disk has wrong.
    pub(super) fn verify(&self) -> Result<Verified> {
        let done = result(&mut self.on_pool(&["verify"]))?;
        Ok(Verified {
            bytes_read: number(&done, "bytes_read")?,
            healed: number(&done, "healed")?,
            lost: number(&done, "lost")?,
        })
    }

    /// Serves the recovery point as a disk until the result is dropped or stopped.
    pub(super) fn export(&self, point: &str, overlay: &Path, socket: &Path) -> Result<Export> {
        let mut export = self.on_pool(&["export"]);
        export.args(["--point", point]).arg("--overlay").arg(overlay).arg("--socket").arg(socket);
        Export::start(&mut export)
    }

    fn on_pool(&self, words: &[&str]) -> Command {
        let mut command = self.command(words);
        let mut disks = self.disks[0].as_os_str().to_owned();
        disks.push(",");
        disks.push(&self.disks[1]);
        self.unlock(command.arg("--pool").arg(disks));
        command
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut holdfast = command(&self.program);
        holdfast.arg("--json").args(words);
        holdfast
    }

    fn unlock<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.arg("--passphrase-file").arg(&self.passphrase_file)
    }
}

/// A running `holdfast export`. Killed when dropped.
#[derive(Debug)]
pub(super) struct Export {
    process: Child,
}

impl Export {
    /// Returns once the command has said, in its first line, that it listens.
    fn start(export: &mut Command) -> Result<Self> {
        let mut process =
            export.stdout(Stdio::piped()).spawn().map_err(|source| start_error(export, source))?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.as_mut() {
            let read = BufReader::new(stdout).read_line(&mut line);
            read.map_err(|source| start_error(export, source))?;
        }
        let export = Self { process };
        parse(&line).map(|_listening| export)
    }

    /// Asks it to end, which keeps the overlay's writes, and waits.
    pub(super) fn stop(mut self) -> Result<()> {
        quiet(command("kill").arg(self.process.id().to_string()))?;
        let status = self.process.wait().map_err(Error::io(Path::new("holdfast export")))?;
        if status.success() {
            return Ok(());
        }
        let rule = "holdfast export ends well when asked to".into();
        Err(Error::Broken { rule, facts: status.to_string() })
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn result(command: &mut Command) -> Result<Value> {
    let output = quiet(command)?;
    parse(output.lines().last().unwrap_or_default())
}

fn parse(line: &str) -> Result<Value> {
    serde_json::from_str(line).map_err(|_| not_understood(line))
}

fn number(value: &Value, key: &str) -> Result<u64> {
    value[key].as_u64().ok_or_else(|| not_understood(&format!("no number {key:?} in {value}")))
}

fn text(value: &Value, key: &str) -> Result<String> {
    let text = value[key].as_str().map(str::to_owned);
    text.ok_or_else(|| not_understood(&format!("no text {key:?} in {value}")))
}

fn not_understood(what: &str) -> Error {
    Error::Unexpected { from: "holdfast".into(), what: what.to_owned() }
}

/// A word of a command line that asks QEMU for the export behind `socket`.
pub(super) fn drive_of(socket: &Path) -> String {
    format!("file=nbd:unix:{}", OsStr::to_string_lossy(socket.as_os_str()))
}
