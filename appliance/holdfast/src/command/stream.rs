//! `holdfast ingest --stream`: take in what a command writes.
//!
//! There is no way to pipe a stream into it: whether what stands in front of a pipe came to its end
//! or died, nobody behind it can tell.

use std::io::{Error, ErrorKind};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use disk::Access;
use operations::{Failure, Ingest, OpenPool, Pipe, Writer};
use record::Progress;

use crate::access::{close, open, unlock};
use crate::arguments;
use crate::command::ingest::{told, wanted};
use crate::interrupt;
use crate::output::Output;
use crate::progress::shown;
use crate::remote;

/// What a stream is called that nobody has given a name.
const NAME: &str = "stream";

/// How often the end of a command is looked for.
const TICK: Duration = Duration::from_millis(50);

pub(crate) fn run(arguments: &arguments::Ingest, output: &Output) -> Result<(), Failure> {
    if let Some(engine) = remote::reach(&arguments.pool)? {
        return remote::stream(&engine, arguments, output);
    }
    let pool: OpenPool = open(&arguments.pool, Access::ReadWrite, output)?;
    let access = unlock(&pool, &arguments.unlock)?;
    let (_runtime, progress) = interrupt::stoppable()?;
    let (producer, from) = Producer::start(&arguments.command)?;
    let ingest = Ingest { volume: name(arguments), ..wanted(arguments, &producer.name) };
    let ingested = shown(output, "ingest", &progress, || {
        ingest.run_stream(&pool, &access, &Pipe::new(from), &producer, &progress)
    });
    drop(producer);
    let closed = close(&pool, output);
    told(&ingested?, output);
    closed
}

/// The name of the stream.
pub(crate) fn name(arguments: &arguments::Ingest) -> String {
    match arguments.volume.as_str() {
        "disk" => NAME.to_owned(),
        volume => volume.to_owned(),
    }
}

/// A command that writes a stream.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) name: String,
    child: Mutex<Child>,
}

impl Producer {
    /// Starts the command; gives what its output can be read from.
    pub(crate) fn start(command: &[String]) -> Result<(Self, OwnedFd), Failure> {
        let Some((program, arguments)) = command.split_first() else {
            let next = "name one behind --, as in `-- pg_dump -Fc shop`";
            return Err(Failure::new("there is no command that writes the stream", next));
        };
        let failed = |error: Error| {
            let next = "check its name, and that it may be run";
            Failure::new(format!("{program}: {error}"), next)
        };
        let (from, to) = std::io::pipe().map_err(failed)?;
        let mut starting = Command::new(program);
        starting.args(arguments).stdin(Stdio::null()).stdout(to);
        let child = starting.spawn().map_err(failed)?;
        Ok((Self { name: program.clone(), child: Mutex::new(child) }, from.into()))
    }

    /// Waits for the end of the command: whether it was a good one. Ends when `stopped` says so,
    /// too: Ctrl-C reaches the command as it does this process, and what a program says at its end
    /// then counts for nothing.
    pub(crate) fn wait(&self, stopped: impl Fn() -> bool) -> std::io::Result<()> {
        let mut ended = None;
        loop {
            if stopped() {
                return Err(ErrorKind::Interrupted.into());
            }
            match ended {
                None => ended = self.child().try_wait()?,
                // A tick has gone by since: a signal that ended it has been heard here, too.
                Some(status) if ExitStatus::success(&status) => return Ok(()),
                Some(status) => {
                    let what = format!("it ended with {status}");
                    return Err(Error::new(ErrorKind::UnexpectedEof, what));
                }
            }
            // Not in a wait: somebody else may have to kill it meanwhile.
            std::thread::sleep(TICK);
        }
    }

    /// Ends the command, as nobody wants its output any more. Whether it was still running.
    pub(crate) fn kill(&self) -> bool {
        let mut child = self.child();
        let was_running = matches!(child.try_wait(), Ok(None));
        // It may come to its end just now.
        let _ = child.kill();
        let _ = child.wait();
        was_running
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer for Producer {
    fn ended_well(&self, progress: &Progress) -> std::io::Result<()> {
        self.wait(|| progress.stopped())
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.kill();
    }
}
