//! The child process that reads an image.
//!
//! It gets a socket that already listens, so that there is nothing to wait for: a connection is
//! made at once, and is answered when the image is open or closed when the child gave up. The
//! child ends with its last connection. One is held open for as long as the image is used, so
//! that it neither ends early nor outlives this process, however that ends.

use std::env;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::folder::Folder;
use super::format::ImageFormat;
use crate::nbd::address::NbdAddress;
use crate::nbd::connection::Connection;
use crate::nbd::error::SourceError;
use crate::nbd::pool::MAX_CONNECTIONS;
use crate::nbd::socket::Socket;
use crate::nbd::wire::Context;
use crate::nbd::wire::clean_text;

const TOOL: &str = "qemu-nbd";

/// For the child to open an image: metadata of a large one on a slow disk.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of a child's complaints that are kept.
pub(super) const MAX_COMPLAINTS: u64 = 4096;

/// Hands over the listening socket the way of systemd's socket activation, which wants it as
/// descriptor 3 and the process's own number in the environment. No library call does both
/// without unsafe code; the shell does, and becomes the program.
const ACTIVATE: &str =
    "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LC_ALL=C; exec \"$@\"";

/// Serves one image, read-only, until it is dropped.
#[derive(Debug)]
pub(super) struct ImageServer {
    address: NbdAddress,
    /// Keeps the child alive.
    _lifeline: Connection,
    child: Process,
    _folder: Folder,
}

impl ImageServer {
    /// Starts the child on an absolute path. It has opened the image when this returns.
    pub(super) fn start(path: &Path, format: ImageFormat) -> Result<Self, SourceError> {
        let tool = find_tool(TOOL).ok_or(SourceError::ToolMissing { tool: TOOL, format })?;
        let folder = Folder::create()
            .map_err(|source| SourceError::File { path: env::temp_dir(), source })?;
        let outside = |source| SourceError::File { path: folder.path().to_owned(), source };
        let listener = UnixListener::bind(folder.socket()).map_err(outside)?;
        let address = NbdAddress::unix(&folder.socket(), "")?;
        let socket = Socket::connect(address.server()).map_err(outside)?;
        let child = activate(listener.into(), &command(&tool, path, format));
        let mut child = Process(child.map_err(outside)?);
        match Connection::over(socket, &address, &Context::Allocation, START_TIMEOUT) {
            Ok(lifeline) => Ok(Self { address, _lifeline: lifeline, child, _folder: folder }),
            Err(error) => Err(match child.complaints() {
                message if message.is_empty() => error,
                message => SourceError::Image { path: path.to_owned(), format, message },
            }),
        }
    }

    pub(super) fn address(&self) -> &NbdAddress {
        &self.address
    }

    pub(super) fn process(&self) -> u32 {
        self.child.0.id()
    }
}

#[cfg(test)]
impl ImageServer {
    /// Lets go of the child as the end of this process would.
    pub(super) fn wait_without_lifeline(self) -> io::Result<std::process::ExitStatus> {
        let Self { _lifeline: lifeline, mut child, .. } = self;
        drop(lifeline);
        child.0.wait()
    }
}

/// The program and its arguments.
fn command(tool: &Path, path: &Path, format: ImageFormat) -> Command {
    let mut command = Command::new(tool);
    command
        .arg("--read-only")
        .arg(format!("--shared={}", MAX_CONNECTIONS + 1))
        .arg(format!("--format={}", format.driver()))
        .arg(path);
    command
}

/// Starts a program that takes over a listening socket.
pub(crate) fn activate(listener: OwnedFd, program: &Command) -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", ACTIVATE, "sh"])
        .arg(program.get_program())
        .args(program.get_args())
        .stdin(Stdio::from(listener))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

/// Where a program is.
pub(super) fn find_tool(tool: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(tool)).find(|tool| tool.is_file())
}

/// A child that does not outlive the value.
#[derive(Debug)]
struct Process(Child);

impl Process {
    fn end(&mut self) {
        // Both fail only for a child that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Ends the child and gives what it said.
    fn complaints(&mut self) -> String {
        self.end();
        let mut bytes = Vec::new();
        if let Some(stderr) = self.0.stderr.take() {
            // What can be read is all that there is to say.
            let _ = stderr.take(MAX_COMPLAINTS).read_to_end(&mut bytes);
        }
        clean_text(bytes.trim_ascii())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
