//! A running `holdfast export`.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::text;

/// A recovery point that is served. Killed at the end, if not stopped before.
#[derive(Debug)]
pub(crate) struct Export {
    process: Child,
    pub(crate) ready: Value,
}

impl Export {
    /// Starts an export on a socket and returns when clients can connect.
    pub(crate) fn start(mut export: Command, socket: PathBuf) -> Self {
        export.arg("--socket").arg(&socket);
        Self::listen(export)
    }

    /// Starts an export where the command says.
    pub(crate) fn listen(mut export: Command) -> Self {
        export.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = export.spawn().expect("the command can be started");
        let stdout = process.stdout.take().expect("standard output was asked for");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line when it serves");
        let ready = serde_json::from_str(&line).expect("a JSON object when it serves");
        Self { process, ready }
    }

    /// Of an export on a socket.
    pub(crate) fn uri(&self) -> String {
        format!("nbd+unix:///?socket={}", text(&self.ready, "socket"))
    }

    /// Asks it to end, as a service manager does.
    pub(crate) fn stop(mut self) {
        signal(&self.process, Signal::SIGTERM);
        let status = self.process.wait().expect("a child of this process");
        assert!(status.success(), "{status}");
    }

    /// Ends it without giving it a chance to do anything.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("a child of this process");
        self.process.wait().expect("a child of this process");
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        // It may have been stopped already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a signal to a child that has not been waited for.
pub(crate) fn signal(process: &Child, signal: Signal) {
    kill(Pid::from_raw(process.id() as i32), signal).expect("a child of this process");
}
