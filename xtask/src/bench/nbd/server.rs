//! An NBD server as a child process, ended when it is no longer needed.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::nbd::client::read_first_block;
use crate::bench::work;
use crate::error::{Error, Result};
use crate::process::{command, quiet, start_error};

/// How long a server may take until it accepts a connection: far longer than any bar.
const START_SECONDS: u64 = 60;

/// Between two attempts to connect. The share of a start that goes unseen is at most this.
const RETRY: Duration = Duration::from_micros(200);

#[derive(Debug)]
pub(super) struct Server {
    /// None once it was ended.
    child: Option<Child>,
}

impl Server {
    /// Starts `command`, which serves on `socket`. Gives back the time from the start of the
    /// process until the first block is read.
    pub(super) fn start(command: &mut Command, socket: &Path) -> Result<(Self, Duration)> {
        work::remove(socket)?;
        let begin = Instant::now();
        let child = command.stdout(Stdio::null()).spawn();
        let mut server = Self { child: Some(child.map_err(|error| start_error(command, error))?) };
        let stream = server.connect(socket, begin)?;
        read_first_block(stream)?;
        Ok((server, begin.elapsed()))
    }

    /// Asks the server to end and waits until it did.
    pub(super) fn stop(mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        quiet(command("kill").arg(child.id().to_string()))?;
        child.wait().map_err(Error::io(Path::new("kill")))?;
        Ok(())
    }

    fn connect(&mut self, socket: &Path, begin: Instant) -> Result<UnixStream> {
        while begin.elapsed().as_secs() < START_SECONDS {
            if let Ok(stream) = UnixStream::connect(socket) {
                let limit = Some(Duration::from_secs(START_SECONDS));
                stream.set_read_timeout(limit).map_err(Error::io(socket))?;
                return Ok(stream);
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                let (command, status) = ("NBD server".to_owned(), status.to_string());
                return Err(Error::Failed { command, status, output: String::new() });
            }
            std::thread::sleep(RETRY);
        }
        let awaited = format!("a server at {}", socket.display());
        Err(Error::TimedOut { awaited, seconds: START_SECONDS })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Only after a failure, which is what gets reported.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
