//! `holdfast`, run to its end or to a limit.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const PROGRAM: &str = "/bin/holdfast";

/// The passphrase of all pools here.
const PASSPHRASE: &str = "four words are enough";
const PASSPHRASE_FILE: &str = "/tmp/passphrase";

/// How often it is looked whether a command has ended, or has come far enough: neither sends an
/// event to a thread that has a limit to keep. A fraction of what a request takes.
const LOOK: Duration = Duration::from_micros(300);

/// For commands that nothing disturbs, in the guest's own time.
const LIMIT: Duration = Duration::from_secs(300);

/// A pool by its disks, and its kit.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) name: String,
    pub(crate) disks: Vec<String>,
}

/// A command that has ended or was ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `None` when it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// A command at work.
#[derive(Debug)]
pub(crate) struct Work {
    process: Child,
    began: Instant,
    outputs: [thread::JoinHandle<Vec<u8>>; 2],
}

impl Pool {
    pub(crate) fn new(name: &str, disks: &[String]) -> Self {
        Self { name: name.to_owned(), disks: disks.to_vec() }
    }

    /// Makes the pool and proves its kit.
    pub(crate) fn create(&self) {
        std::fs::write(PASSPHRASE_FILE, PASSPHRASE).expect("room for a small file");
        let (kit, yes) = (self.kit_file(), "--yes".to_owned());
        let mut words = vec!["pool".into(), "create".into(), yes, "--kit-out".into(), kit.clone()];
        words.extend(["--passphrase-file".into(), PASSPHRASE_FILE.into()]);
        words.extend(self.disks.iter().cloned());
        run(&words).done();
        let mut words = vec!["kit".into(), "prove".into(), "--kit-file".into(), kit];
        words.extend(self.disks.iter().cloned());
        run(&words).done();
    }

    /// The text of the kit.
    pub(crate) fn kit(&self) -> String {
        std::fs::read_to_string(self.kit_file()).expect("the kit of a pool that was made")
    }

    /// The words of a command on all disks, with the kit where it takes one.
    pub(crate) fn words(&self, words: &[&str]) -> Vec<String> {
        self.words_on(&self.disks, words)
    }

    /// The words of a command on these disks. Options stand behind the verbs.
    pub(crate) fn words_on(&self, disks: &[String], words: &[&str]) -> Vec<String> {
        let options = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
        let (verbs, options) = words.split_at(options);
        let mut all: Vec<String> = verbs.iter().map(|&word| word.to_owned()).collect();
        all.extend(["--pool".into(), disks.join(",")]);
        if verbs.first() != Some(&"disk") {
            all.extend(["--kit-file".into(), self.kit_file()]);
        }
        all.extend(options.iter().map(|&word| word.to_owned()));
        all
    }

    /// Runs a command on all disks.
    pub(crate) fn run(&self, words: &[&str]) -> Outcome {
        run(&self.words(words))
    }

    fn kit_file(&self) -> String {
        format!("/tmp/{}.kit", self.name)
    }
}

/// Runs a command to its end.
pub(crate) fn run(words: &[String]) -> Outcome {
    Work::start(words).end(LIMIT)
}

impl Work {
    pub(crate) fn start(words: &[String]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("--json").args(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("holdfast can be started");
        let stdout = read(process.stdout.take().expect("a pipe"));
        let stderr = read(process.stderr.take().expect("a pipe"));
        Self { process, began: Instant::now(), outputs: [stdout, stderr] }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("a child of this process").is_some()
    }

    /// Waits until the command ends or `done` is true. Whether it is still at work.
    pub(crate) fn until(&mut self, mut done: impl FnMut() -> bool) -> bool {
        while !done() {
            if self.has_ended() || self.began.elapsed() > LIMIT {
                return false;
            }
            thread::sleep(LOOK);
        }
        !self.has_ended()
    }

    /// Does something while the command stands still. What it asked for before goes on.
    pub(crate) fn while_stopped(&self, something: impl FnOnce()) {
        self.signal(Signal::SIGSTOP);
        something();
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).expect("a child that nobody reaped");
    }

    /// Takes the processor from the command for good. It ends once its transfers have.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("a child of this process");
    }

    /// Waits for its end and kills it at the limit.
    pub(crate) fn end(mut self, limit: Duration) -> Outcome {
        let mut killed = false;
        while !self.has_ended() {
            if self.began.elapsed() > limit && !killed {
                self.kill();
                killed = true;
            }
            thread::sleep(LOOK);
        }
        let status = self.process.wait().expect("a child of this process");
        let [stdout, stderr] = self.outputs.map(|output| output.join().expect("it only reads"));
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Outcome { code: status.code(), stdout, stderr }
    }
}

/// Reads apart, so that a full pipe stops nobody.
fn read(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error counts.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

impl Outcome {
    /// The object of a command that succeeded.
    pub(crate) fn done(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.object()
    }

    /// What it printed for programs; null when that is no object.
    pub(crate) fn object(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or(Value::Null)
    }

    /// For the host.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "code": self.code, "printed": self.object(), "stderr": self.stderr })
    }

    /// The text under `field` of a command that succeeded.
    pub(crate) fn text(&self, field: &str) -> String {
        self.done()[field].as_str().expect("a text").to_owned()
    }
}
