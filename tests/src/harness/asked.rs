//! The command asking a running engine.

use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};

use bus::JobState;
use nix::pty::openpty;

use super::{Bus, Engine, Outcome, Pool, holdfast, run, text};

/// A pool with its engine, and the command that asks it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) pool: Pool,
    pub(crate) bus: Bus,
    pub(crate) engine: Option<Engine>,
}

impl Asked {
    /// A pool on `count` new files of `mib` MiB, and an engine that has it open.
    pub(crate) fn start(count: usize, mib: usize) -> Self {
        let pool = Pool::new(count, mib);
        let bus = Bus::start(&pool.path(""));
        let engine = Some(Engine::start(&pool, &bus, ""));
        Self { pool, bus, engine }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("it runs")
    }

    /// A command that names no disks.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.pool.bare(words);
        command.env(bus::ADDRESS_VARIABLE, &self.bus.address);
        command
    }

    pub(crate) fn ask(&self, words: &[&str]) -> Outcome {
        run(&mut self.command(words))
    }

    /// The same for people.
    pub(crate) fn says(&self, words: &[&str]) -> String {
        let mut command = Command::new(holdfast());
        command.args(words).env(bus::ADDRESS_VARIABLE, &self.bus.address);
        let outcome = run(&mut command);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{words:?}");
        String::from_utf8(outcome.stdout).expect("text")
    }

    /// Has the engine take an image in, and returns the identity of its recovery point.
    pub(crate) fn take(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.pool.image(name, bytes);
        let mut ingest = self.command(&["ingest", "--system", "machine"]);
        text(&run(ingest.arg(path)).done(), "point").to_owned()
    }

    /// Ends the engine; its disks can be used without it from here on.
    pub(crate) fn stop(&mut self) {
        self.engine.take().expect("it runs").stop();
    }

    /// Begins a command that somebody is to interrupt, and waits until its job is running.
    pub(crate) fn begin_slow_scrub(&self, job: u64) -> Child {
        let mut scrub = self.slow_scrub();
        scrub.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = scrub.spawn().expect("the command can be started");
        self.engine().job_is(job, JobState::Running);
        child
    }

    pub(crate) fn slow_scrub(&self) -> Command {
        self.command(&["scrub", "--duty", "1%"])
    }
}

/// What a command that was begun said at its end.
pub(crate) fn ended(child: Child) -> Outcome {
    let output = child.wait_with_output().expect("a child of this process");
    Outcome {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command that somebody watches on a terminal, where it draws how far it is.
#[derive(Debug)]
pub(crate) struct Watched {
    child: Child,
    terminal: File,
    shown: Vec<u8>,
}

/// What a line is drawn anew with.
const ANEW: &str = "\r\x1b[K";

impl Watched {
    /// Begins it. What it prints beside the terminal is kept.
    pub(crate) fn begin(mut command: Command) -> Self {
        let pair = openpty(None, None).expect("a terminal");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(pair.slave);
        let child = command.spawn().expect("the command can be started");
        // It holds the other side, without which there is no end.
        drop(command);
        Self { child, terminal: pair.master.into(), shown: Vec::new() }
    }

    /// Waits until it shows `text`. It follows its job from then on.
    pub(crate) fn shows(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.shown).contains(text) {
            let shown = String::from_utf8_lossy(&self.shown).into_owned();
            assert!(self.read_on(), "it ended without {text:?}: {shown}");
        }
    }

    /// What it said at its end; lines that were drawn over are gone.
    pub(crate) fn ended(mut self) -> Outcome {
        while self.read_on() {}
        let shown = String::from_utf8_lossy(&self.shown).replace("\r\n", "\n");
        let stderr = shown.rsplit(ANEW).next().unwrap_or_default().to_owned();
        Outcome { stderr, ..ended(self.child) }
    }

    /// Whether there was anything more to be read before its end.
    fn read_on(&mut self) -> bool {
        let mut buffer = [0; 4096];
        // A terminal without another side is an error.
        let read = self.terminal.read(&mut buffer).unwrap_or(0);
        self.shown.extend_from_slice(&buffer[..read]);
        read > 0
    }
}
