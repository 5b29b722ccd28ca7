//! The agent in a guest, by the protocol of QEMU's: a JSON object on a line in each direction.
//!
//! Nobody vouches for a guest. What it says is read within a bound of bytes and of time, believed
//! only if it is exactly an answer to what was asked, and shown to people without what could move
//! a terminal's cursor. Before anything else both sides are brought into step: an agent may still
//! have to answer whoever asked it before.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{LiveError, Result};

/// What comes before the first answer in step, in bytes: an answer to whoever asked before, as a
/// list of the guest's file systems.
const MAX_STALE: usize = 256 << 10;

/// Longest answer in step, in bytes: a number, a word, or an error with a sentence.
const MAX_ANSWER: usize = 4 << 10;

/// Characters of an error of the guest's that are shown.
const MAX_SHOWN: usize = 160;

/// Before it both sides forget what they have read.
const RESET: u8 = 0xff;

/// What leads to a guest agent.
pub(crate) trait Line: Read + Write {
    /// From here on nothing waits beyond `end`.
    fn bound(&self, end: Instant) -> io::Result<()>;
}

impl Line for UnixStream {
    fn bound(&self, end: Instant) -> io::Result<()> {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        // A bound below a microsecond would be none.
        let left = left.max(Duration::from_millis(1));
        self.set_read_timeout(Some(left))?;
        self.set_write_timeout(Some(left))
    }
}

/// Whether the file systems of a guest stand still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Thawed,
    Frozen,
}

/// A guest agent that answers in step.
#[derive(Debug)]
pub(crate) struct Agent<L> {
    line: L,
    unread: Vec<u8>,
    /// Bytes that may still come until the next answer is there.
    allowed: usize,
}

impl Agent<UnixStream> {
    /// Connects, and does not wait for an answer yet.
    pub(crate) fn connect(path: &Path) -> Result<Self> {
        let socket = ingest::connect_unix(path).map_err(|error| wrong(lost(&error)))?;
        Ok(Self::over(socket))
    }
}

impl<L: Line> Agent<L> {
    pub(crate) fn over(line: L) -> Self {
        Self { line, unread: Vec::new(), allowed: MAX_STALE }
    }

    /// Brings both sides into step: whatever else was to be answered is skipped.
    pub(crate) fn sync(&mut self, id: u64, end: Instant) -> Result<()> {
        self.write(&synchronization(id), end)?;
        self.in_step(id, end)
    }

    pub(crate) fn status(&mut self, end: Instant) -> Result<Status> {
        self.write(&asked("guest-fsfreeze-status"), end)?;
        status(self.answer(end)?)
    }

    /// Asks for a freeze; the answer comes when it is done.
    pub(crate) fn ask_freeze(&mut self, end: Instant) -> Result<()> {
        self.allowed = MAX_ANSWER;
        self.write(&asked("guest-fsfreeze-freeze"), end)
    }

    /// How many file systems were frozen; `None` when nothing was said by `end`. It can be asked
    /// again.
    pub(crate) fn frozen(&mut self, end: Instant) -> Result<Option<u64>> {
        match self.whole_line(end)? {
            None => Ok(None),
            Some(line) => number(answered(&line)?).map(Some),
        }
    }

    /// Thaws, whatever the agent is at: all that is asked is on its way before anything is waited
    /// for. The first `Err` is that the guest may still be frozen, the second that it had thawed
    /// before it was told to.
    pub(crate) fn thaw(&mut self, id: u64, end: Instant) -> Result<Result<()>> {
        let mut all = synchronization(id);
        all.extend(asked("guest-fsfreeze-thaw"));
        all.extend(asked("guest-fsfreeze-status"));
        self.write(&all, end)?;
        self.in_step(id, end)?;
        let thawed = self.answer(end).and_then(number).map(drop);
        match status(self.answer(end)?)? {
            Status::Thawed => Ok(thawed),
            Status::Frozen => Err(wrong("says that the guest is still frozen")),
        }
    }

    /// Skips all that comes before the answer to this synchronization.
    fn in_step(&mut self, id: u64, end: Instant) -> Result<()> {
        self.allowed = MAX_STALE;
        loop {
            match self.unread.iter().position(|byte| *byte == RESET) {
                None => {
                    self.unread.clear();
                    self.fill(end)?;
                }
                Some(at) => {
                    self.unread.drain(..=at);
                    let line = self.line(end)?;
                    // One of another number is for whoever asked before.
                    let own = line.rsplit(|byte| *byte == RESET).next().unwrap_or_default();
                    if answered(own).and_then(number).is_ok_and(|said| said == id) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn answer(&mut self, end: Instant) -> Result<Value> {
        self.allowed = MAX_ANSWER;
        answered(&self.line(end)?)
    }

    fn line(&mut self, end: Instant) -> Result<Vec<u8>> {
        self.whole_line(end)?.ok_or_else(|| wrong(lost(&ErrorKind::TimedOut.into())))
    }

    /// The next line; `None` when it has not ended by `end`.
    fn whole_line(&mut self, end: Instant) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.unread.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.unread.drain(..=at).collect();
                line.pop();
                return Ok(Some(line));
            }
            match self.read(end) {
                Ok(()) => {}
                Err(error) if is_late(&error) => return Ok(None),
                Err(error) => return Err(wrong(lost(&error))),
            }
        }
    }

    fn fill(&mut self, end: Instant) -> Result<()> {
        self.read(end).map_err(|error| wrong(lost(&error)))
    }

    /// Reads some bytes more.
    fn read(&mut self, end: Instant) -> io::Result<()> {
        let mut bytes = [0; 4096];
        let most = self.allowed.min(bytes.len());
        let room = bytes.get_mut(..most).unwrap_or_default();
        if room.is_empty() {
            return Err(io::Error::other("says more than an answer can be"));
        }
        self.line.bound(end)?;
        let count = match self.line.read(room) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        self.allowed -= count;
        self.unread.extend_from_slice(room.get(..count).unwrap_or_default());
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], end: Instant) -> Result<()> {
        let bounded = self.line.bound(end);
        bounded.and_then(|()| self.line.write_all(bytes)).map_err(|error| wrong(lost(&error)))
    }
}

/// A number that nobody can have guessed, as QEMU's agent can repeat it.
pub(crate) fn random_id() -> u64 {
    RandomState::new().build_hasher().finish() >> 1
}

fn asked(command: &str) -> Vec<u8> {
    format!("{}\n", json!({ "execute": command })).into_bytes()
}

fn synchronization(id: u64) -> Vec<u8> {
    let asked = json!({ "execute": "guest-sync-delimited", "arguments": { "id": id } });
    [&[RESET][..], asked.to_string().as_bytes(), b"\n"].concat()
}

/// What a line returns, if it is an answer and says nothing else.
fn answered(line: &[u8]) -> Result<Value> {
    let read = serde_json::from_slice(line).ok();
    let Some(Value::Object(mut members)) = read else {
        return Err(wrong("says what no agent says"));
    };
    match (members.remove("return"), members.remove("error"), members.is_empty()) {
        (Some(returned), None, true) => Ok(returned),
        (None, Some(error), true) => {
            let said = error["desc"].as_str().unwrap_or("without a word");
            Err(wrong(format!("refuses: {}", shown(said))))
        }
        _ => Err(wrong("says what no agent says")),
    }
}

fn number(returned: Value) -> Result<u64> {
    returned.as_u64().ok_or_else(|| wrong("gives no number where there must be one"))
}

fn status(returned: Value) -> Result<Status> {
    match returned.as_str() {
        Some("thawed") => Ok(Status::Thawed),
        Some("frozen") => Ok(Status::Frozen),
        _ => Err(wrong("does not say whether the guest is frozen")),
    }
}

/// Text of a guest's, on one line.
fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn lost(error: &io::Error) -> String {
    match error.kind() {
        _ if is_late(error) => "does not answer in time".to_owned(),
        ErrorKind::UnexpectedEof => "hangs up".to_owned(),
        ErrorKind::Other => error.to_string(),
        _ => format!("cannot be talked to: {error}"),
    }
}

/// A read that waits for too long ends with either.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

pub(crate) fn wrong(what: impl Into<String>) -> LiveError {
    LiveError::Guest { what: what.into() }
}

/// For the fuzzer: all that an agent says, whatever it hears. What is kept of it is bounded.
pub fn fuzz_guest_agent(says: &[u8]) {
    let mut agent = Agent::over(Script(says));
    let end = Instant::now();
    let _ = agent.sync(FUZZ_ID, end);
    let _ = agent.status(end);
    let _ = agent.frozen(end);
    let _ = agent.thaw(FUZZ_ID, end);
    assert!(agent.unread.capacity() <= 4 * MAX_STALE, "{}", agent.unread.capacity());
}

/// The number that a synchronization has in the fuzzer.
const FUZZ_ID: u64 = 7;

/// An agent that says the same whatever it hears.
#[derive(Debug)]
struct Script<'a>(&'a [u8]);

impl Read for Script<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Script<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Line for Script<'_> {
    fn bound(&self, _end: Instant) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn says(script: &[u8]) -> Agent<Script<'_>> {
        Agent::over(Script(script))
    }

    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn what_was_left_over_is_skipped_until_both_are_in_step() {
        let script = b"{\"return\": [1, 2\n]}\n\xff{\"return\": 6}\n{\"error\": {}}\
            \xff{\"retu\xff{\"return\": 7}\n{\"return\": \"frozen\"}\n{\"return\": 3}\n";
        let mut agent = says(script);
        agent.sync(7, now()).unwrap();
        assert_eq!(agent.status(now()).unwrap(), Status::Frozen);
        assert_eq!(agent.frozen(now()).unwrap(), Some(3));
        assert!(agent.frozen(now()).unwrap_err().to_string().contains("hangs up"));
    }

    #[test]
    fn only_an_answer_is_believed() {
        for line in [
            "{\"return\": -1}",
            "{\"return\": \"3\"}",
            "{\"return\": 3, \"error\": null}",
            "{\"return\": 3, \"id\": 1}",
            "{\"return\": 3.5}",
            "{\"return\": 18446744073709551616}",
            "{}",
            "3",
            "",
            "\u{1b}[2J",
            "{\"return\": 3}}",
        ] {
            let script = format!("{line}\n");
            assert!(says(script.as_bytes()).frozen(now()).is_err(), "{line}");
            assert!(says(script.as_bytes()).status(now()).is_err(), "{line}");
        }
        let error =
            says(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"a\\u001b\\nb\"}}\n");
        let error = { error }.status(now()).unwrap_err().to_string();
        assert_eq!(error, "the guest agent refuses: a  b");
    }

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        let mut agent = says(b"");
        let endless = vec![b'x'; 2 * MAX_STALE];
        agent.line = Script(&endless);
        let error = agent.sync(1, now()).unwrap_err().to_string();
        assert!(error.contains("more than"), "{error}");
        let left = agent.line.0.len();
        assert!(left >= MAX_STALE, "{left}");
        // Answers to others, for ever.
        let endless = b"\xff{\"return\": 5}\n".repeat(MAX_STALE / 8);
        assert!(says(&endless).sync(1, now()).is_err());
        let long = [&b"\xff{\"return\": 1}\n"[..], &b"y".repeat(2 * MAX_ANSWER)].concat();
        let mut agent = says(&long);
        agent.sync(1, now()).unwrap();
        assert!(agent.status(now()).is_err());
    }

    #[test]
    fn a_guest_is_thawed_only_when_it_says_so_in_step() {
        let thaw = |rest: &str| {
            let script = [&b"{\"return\": 1}\n\xff"[..], rest.as_bytes()].concat();
            says(&script).thaw(9, now())
        };
        let whole = "{\"return\": 9}\n{\"return\": 1}\n{\"return\": \"thawed\"}\n";
        assert!(thaw(whole).unwrap().is_ok());
        let late = whole.replace("{\"return\": 1}", "{\"error\": {\"desc\": \"not frozen\"}}");
        assert!(thaw(&late).unwrap().is_err());
        assert!(thaw(&whole.replace("thawed", "frozen")).is_err());
        assert!(thaw(&whole.replace('9', "8")).is_err());
    }

    proptest! {
        #[test]
        fn whatever_a_guest_says_is_an_answer_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..2000),
            synchronized in any::<bool>(),
        ) {
            let begin: &[u8] = if synchronized { b"\xff{\"return\": 7}\n" } else { b"" };
            fuzz_guest_agent(&[begin, &bytes].concat());
        }
    }
}
