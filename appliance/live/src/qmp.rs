//! QEMU's control socket: a JSON object on a line in each direction, and events in between.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{LiveError, Result};

/// How long an answer or an event is waited for. Most take milliseconds; a block job has to let
/// requests of the guest end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest line, in bytes: the list of all nodes of a machine with many disks is below it.
const MAX_LINE: u64 = 8 << 20;

/// Events that are kept while an answer is awaited: a pull makes about twenty. Older ones go.
const MAX_EVENTS: usize = 64;

/// What the jobs and exports of ours are called so, at their beginning.
pub(crate) const OURS: &str = "holdfast-";

/// A connection that has been greeted.
#[derive(Debug)]
pub(crate) struct Qmp {
    path: PathBuf,
    socket: BufReader<UnixStream>,
    events: VecDeque<Value>,
    /// Commands so far: QEMU answers each with its number, and one that was given up may be
    /// answered late.
    commands: u64,
}

impl Qmp {
    pub(crate) fn connect(path: &Path) -> Result<Self> {
        let lost = |source| LiveError::Lost { socket: path.to_owned(), source };
        let socket = ingest::connect_unix(path).map_err(lost)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(lost)?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(lost)?;
        let socket = BufReader::new(socket);
        let (path, events) = (path.to_owned(), VecDeque::new());
        let mut qmp = Self { path, socket, events, commands: 0 };
        if qmp.read()?["QMP"].is_null() {
            return Err(qmp.strange("it does not greet"));
        }
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Has a command done and gives what it returns.
    pub(crate) fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        self.commands += 1;
        let id = self.commands;
        let asked = json!({ "execute": command, "arguments": arguments, "id": id });
        let line = format!("{asked}\n");
        let written = self.socket.get_mut().write_all(line.as_bytes());
        written.map_err(|source| self.lost(source))?;
        let began = Instant::now();
        loop {
            let mut answer = self.read()?;
            let is_ours = answer["id"] == id;
            if let Some(returned) = answer.get_mut("return").filter(|_| is_ours) {
                return Ok(returned.take());
            }
            // What QEMU cannot read it cannot number.
            if let Some(error) = answer.get("error").filter(|_| is_ours || answer["id"].is_null()) {
                let message = error["desc"].as_str().unwrap_or("without a word").to_owned();
                return Err(LiveError::Refused { command: command.to_owned(), message });
            }
            self.keep(answer);
            self.check(began)?;
        }
    }

    /// Waits for an event of this name that is the one that is meant.
    pub(crate) fn event(&mut self, name: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let began = Instant::now();
        let is_it = |event: &Value| event["event"] == name && is_it(&event["data"]);
        loop {
            let found = self.events.iter().position(&is_it);
            if let Some(mut event) = found.and_then(|at| self.events.remove(at)) {
                return Ok(event["data"].take());
            }
            self.check(began)?;
            let event = self.read()?;
            self.keep(event);
        }
    }

    /// Refuses to wait any longer for what was asked for then, however much is said meanwhile.
    fn check(&self, began: Instant) -> Result<()> {
        match began.elapsed() > PATIENCE {
            true => Err(self.lost(io::ErrorKind::TimedOut.into())),
            false => Ok(()),
        }
    }

    /// Keeps an event of ours.
    fn keep(&mut self, event: Value) {
        let id = event["data"]["id"].as_str();
        if !id.is_some_and(|id| id.starts_with(OURS)) {
            return;
        }
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        let read = (&mut self.socket).take(MAX_LINE).read_line(&mut line);
        match read.map_err(|source| self.lost(source))? {
            0 => Err(self.lost(io::ErrorKind::UnexpectedEof.into())),
            _ => serde_json::from_str(&line).map_err(|error| self.strange(error)),
        }
    }

    /// Its socket.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn lost(&self, source: io::Error) -> LiveError {
        LiveError::Lost { socket: self.path.clone(), source }
    }

    /// That it says something that no QEMU says.
    pub(crate) fn strange(&self, what: impl ToString) -> LiveError {
        LiveError::Strange { socket: self.path.clone(), what: what.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Talks to something that says all this and ends.
    fn told(says: &'static str) -> (tempfile::TempDir, Result<Qmp>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qmp");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.write_all(says.as_bytes()).unwrap();
            // Until the other side has gone.
            let _ = socket.read_to_end(&mut Vec::new());
        });
        let qmp = Qmp::connect(&path);
        if qmp.is_err() {
            server.join().unwrap();
        }
        (folder, qmp)
    }

    #[test]
    fn answers_and_events_come_in_any_order() {
        let (_folder, qmp) = told(concat!(
            "{\"QMP\": {}}\n",
            "{\"event\": \"A\", \"data\": {\"id\": \"holdfast-1\"}}\n{\"return\": {}, \"id\": 1}\n",
            "{\"event\": \"A\", \"data\": {\"id\": \"holdfast-2\"}}\n{\"return\": 7, \"id\": 2}\n",
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such node\"}, \"id\": 3}\n",
        ));
        let mut qmp = qmp.unwrap();
        assert_eq!(qmp.execute("x", json!({})).unwrap(), 7);
        assert_eq!(qmp.event("A", |data| data["id"] == "holdfast-2").unwrap()["id"], "holdfast-2");
        assert_eq!(qmp.event("A", |_| true).unwrap()["id"], "holdfast-1");
        let refused = qmp.execute("blockdev-del", json!({})).unwrap_err().to_string();
        assert_eq!(refused, "QEMU refuses blockdev-del: no such node");
    }

    #[test]
    fn the_late_answer_to_another_command_is_no_answer() {
        let (_folder, qmp) = told(concat!(
            "{\"QMP\": {}}\n{\"return\": {}, \"id\": 1}\n",
            "{\"return\": \"of an earlier one\", \"id\": 1}\n{\"error\": {}, \"id\": 1}\n",
            "{\"return\": \"this\", \"id\": 2}\n{\"error\": {\"desc\": \"unreadable\"}}\n",
        ));
        let mut qmp = qmp.unwrap();
        assert_eq!(qmp.execute("x", json!({})).unwrap(), "this");
        let refused = qmp.execute("x", json!({})).unwrap_err().to_string();
        assert_eq!(refused, "QEMU refuses x: unreadable");
    }

    #[test]
    fn what_is_no_qemu_is_told_from_one_that_is_gone() {
        assert!(matches!(told("SSH-2.0-OpenSSH_9.2\r\n").1, Err(LiveError::Strange { .. })));
        assert!(matches!(told("{\"return\": {}}\n").1, Err(LiveError::Strange { .. })));
        let nobody = Qmp::connect(Path::new("/nowhere/qmp"));
        assert!(matches!(nobody, Err(LiveError::Lost { .. })));
    }

    #[test]
    fn a_line_without_end_is_not_read_to_it() {
        let line: &'static str = Box::leak("x".repeat(MAX_LINE as usize + 5).into_boxed_str());
        assert!(matches!(told(line).1, Err(LiveError::Strange { .. })));
    }
}
