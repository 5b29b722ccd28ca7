//! The three things that the demo says to QEMU over its control socket, a JSON object on a line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};

/// An answer takes milliseconds; this is for a machine that has no time for QEMU.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Qmp {
    socket: BufReader<UnixStream>,
}

impl Qmp {
    pub(super) fn connect(path: &Path) -> Result<Self> {
        let socket = UnixStream::connect(path).map_err(Error::io(path))?;
        socket.set_read_timeout(Some(ANSWER_LIMIT)).map_err(Error::io(path))?;
        let mut qmp = Self { socket: BufReader::new(socket) };
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Writes a picture of the guest's screen to `png`.
    pub(super) fn screenshot(&mut self, png: &Path) -> Result<()> {
        self.execute("screendump", &json!({ "filename": png, "format": "png" }))
    }

    /// Ends QEMU after its writes are out. The guest does not notice: power is cut.
    pub(super) fn quit(&mut self) -> Result<()> {
        self.execute("quit", &json!({}))
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> Result<()> {
        let line = json!({ "execute": command, "arguments": arguments });
        writeln!(self.socket.get_mut(), "{line}").map_err(|error| broken(command, &error))?;
        loop {
            let answer = self.read(command)?;
            if answer.get("return").is_some() {
                return Ok(());
            }
            if let Some(error) = answer.get("error") {
                return Err(broken(command, error));
            }
            // The greeting, or an event.
        }
    }

    fn read(&mut self, command: &str) -> Result<Value> {
        let mut line = String::new();
        self.socket.read_line(&mut line).map_err(|error| broken(command, &error))?;
        serde_json::from_str(&line).map_err(|error| broken(command, &error))
    }
}

fn broken(command: &str, what: &impl ToString) -> Error {
    Error::Unexpected { from: format!("QEMU's answer to {command}"), what: what.to_string() }
}
