//! `holdfast ingest --stream`: take in what a command writes, or what comes on standard input.

use std::io::{Error, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
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
        ingest.run_stream(&pool, &access, Pipe::new(from), &producer, &progress)
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

/// Who writes a stream: a command that ends with this, or whoever has the other end of standard
/// input.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) name: String,
    child: Mutex<Option<Child>>,
}

impl Producer {
    /// Starts the command; gives what its output can be read from.
    pub(crate) fn start(command: &[String]) -> Result<(Self, OwnedFd), Failure> {
        let Some((program, arguments)) = command.split_first() else {
            let stdin = std::io::stdin().as_fd().try_clone_to_owned();
            let stdin = stdin.map_err(|error| Failure::new(error, "pipe a stream into this"))?;
            let name = "standard input".to_owned();
            return Ok((Self { name, child: Mutex::new(None) }, stdin));
        };
        let failed = |error: Error| {
            let next = "check its name, and that it may be run";
            Failure::new(format!("{program}: {error}"), next)
        };
        let (from, to) = std::io::pipe().map_err(failed)?;
        let mut starting = Command::new(program);
        starting.args(arguments).stdin(Stdio::null()).stdout(to);
        let child = starting.spawn().map_err(failed)?;
        Ok((Self { name: program.clone(), child: Mutex::new(Some(child)) }, from.into()))
    }

    /// Waits for the end of the command: whether it was a good one.
    pub(crate) fn wait(&self) -> std::io::Result<()> {
        loop {
            let status = match self.child().as_mut() {
                Some(child) => child.try_wait()?,
                None => return Ok(()),
            };
            match status {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    let what = format!("it ended with {status}");
                    return Err(Error::new(ErrorKind::UnexpectedEof, what));
                }
                // Not in a wait: somebody else may have to kill it meanwhile.
                None => std::thread::sleep(TICK),
            }
        }
    }

    /// Ends the command, as nobody wants its output any more. Whether it was still running.
    pub(crate) fn kill(&self) -> bool {
        let mut child = self.child();
        let Some(child) = child.as_mut() else { return false };
        let was_running = matches!(child.try_wait(), Ok(None));
        // It may come to its end just now.
        let _ = child.kill();
        let _ = child.wait();
        was_running
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer for Producer {
    fn ended_well(&self, _: &Progress) -> std::io::Result<()> {
        self.wait()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.kill();
    }
}
