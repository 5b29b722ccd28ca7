//! libvirt's command, as a child that is let go of in time.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};

use super::Stopped;
use crate::error::{LiveError, Result};

/// How long an answer may take that needs nothing of the machine.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// A backup is begun or ended by then: libvirt waits 30 s for other tasks on the machine alone.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Most bytes of one answer.
const MAX_ANSWER: u64 = 4 << 20;

/// Characters of what libvirt says against it that are shown.
const MAX_SHOWN: usize = 300;

/// So long it is waited before it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// Commands that say nothing when they are to be quiet.
const TELLS_LOUDLY: [&str; 2] = ["domfsfreeze", "domfsthaw"];

/// What `virsh` says when it cannot even talk to libvirt.
const NOBODY: &str = "failed to connect to the hypervisor";

/// libvirt's command, and which libvirt it talks to.
#[derive(Debug, Clone)]
pub(super) struct Virsh {
    program: PathBuf,
    uri: String,
}

/// A text that a child can open as a file.
#[derive(Debug)]
pub(super) struct Text(OwnedFd);

impl Text {
    pub(super) fn new(text: &str) -> io::Result<Self> {
        // Whatever other child gets it, too, has a text without secrets.
        let file = File::from(memfd_create("holdfast", MemfdFlags::empty())?);
        file.write_all_at(text.as_bytes(), 0)?;
        Ok(Self(file.into()))
    }

    pub(super) fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }
}

impl Virsh {
    pub(super) fn new(program: PathBuf, uri: &str) -> Self {
        Self { program, uri: uri.to_owned() }
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// That the command itself cannot be had.
    pub(super) fn broken(&self, source: io::Error) -> LiveError {
        LiveError::Virsh { program: self.program.clone(), source }
    }

    /// What a command prints. The first of `arguments` is its name, the others are `--option` or
    /// `--option=value`: a value that begins with a dash is none.
    ///
    /// # Errors
    /// When it ends with an error, and when it was killed because it took longer than `patience` or
    /// because it was `stopped`; libvirt may do then what it was told, or not.
    pub(super) fn run(
        &self,
        arguments: &[&str],
        patience: Duration,
        stopped: Stopped<'_>,
    ) -> Result<String> {
        let name = arguments.first().copied().unwrap_or_default();
        let broken = |source| self.broken(source);
        let [out, err] = [answer().map_err(broken)?, answer().map_err(broken)?];
        let into = |file: &File| file.try_clone().map(Stdio::from).map_err(broken);
        let mut child = Command::new(&self.program)
            .args(quiet(name))
            .args(["--keepalive-interval=5", "--keepalive-count=3"])
            .arg(format!("--connect={}", self.uri))
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(into(&out)?)
            .stderr(into(&err)?)
            // With what it starts, as ssh.
            .process_group(0)
            .spawn()
            .map_err(broken)?;
        let ended = wait(&mut child, [&out, &err], patience, stopped);
        if ended.is_err() {
            end(&mut child);
        }
        let status = ended.map_err(|why| why.error(self, name, patience))?;
        match status.success() {
            true => read(&out).map_err(broken),
            false => Err(self.refusal(name, &read(&err).map_err(broken)?)),
        }
    }

    fn refusal(&self, command: &str, said: &str) -> LiveError {
        let lines = said.lines().map(|line| line.strip_prefix("error: ").unwrap_or(line));
        let lines: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
        let shown = |text: String| -> String {
            text.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect()
        };
        match lines.iter().position(|line| *line == NOBODY) {
            Some(at) => {
                let why = lines.iter().enumerate().filter(|(place, _)| *place != at);
                let why: Vec<&str> = why.map(|(_, line)| *line).collect();
                LiveError::Unreachable { uri: self.uri.clone(), message: shown(why.join("; ")) }
            }
            None => {
                let message = shown(lines.join("; "));
                LiveError::Libvirt { command: command.to_owned(), message }
            }
        }
    }
}

/// Without it tables have heads; with it some commands do not say what came of them.
fn quiet(command: &str) -> Option<&'static str> {
    (!TELLS_LOUDLY.contains(&command)).then_some("--quiet")
}

/// Why a child did not end by itself.
enum Cut {
    Stopped,
    Late,
    Endless,
    Lost(io::Error),
}

impl Cut {
    fn error(self, virsh: &Virsh, command: &str, patience: Duration) -> LiveError {
        let uri = virsh.uri.clone();
        let late = |what: String| LiveError::Unreachable { uri, message: what };
        match self {
            Self::Stopped => LiveError::Stopped,
            Self::Late => late(format!("{command} takes longer than {} s", patience.as_secs())),
            Self::Endless => late(format!("{command} says more than an answer can be")),
            Self::Lost(source) => virsh.broken(source),
        }
    }
}

fn wait(
    child: &mut Child,
    says: [&File; 2],
    patience: Duration,
    stopped: Stopped<'_>,
) -> std::result::Result<ExitStatus, Cut> {
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(error) => return Err(Cut::Lost(error)),
        }
        let is_endless = |file: &File| file.metadata().is_ok_and(|said| said.len() > MAX_ANSWER);
        match () {
            () if stopped() => return Err(Cut::Stopped),
            () if begun.elapsed() > patience => return Err(Cut::Late),
            () if says.into_iter().any(is_endless) => return Err(Cut::Endless),
            () => thread::park_timeout(LOOK),
        }
    }
}

/// Ends a child and what it has started.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Where a child writes: nobody has to read as it does, and a grandchild that lives on holds nobody
/// up.
fn answer() -> io::Result<File> {
    Ok(memfd_create("holdfast", MemfdFlags::CLOEXEC)?.into())
}

fn read(said: &File) -> io::Result<String> {
    let length = said.metadata()?.len().min(MAX_ANSWER);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    said.read_exact_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
