//! How far a run is: a line for people from time to time, while it goes on.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use model::{Bytes, Span};

/// Between two lines on a terminal, and in a file.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Tells how far the reading of a volume is, on standard error.
#[derive(Debug)]
pub(crate) struct Progress {
    quiet: bool,
    terminal: bool,
    volume: String,
    total: u64,
    read: u64,
    sent: u64,
    began: Instant,
    told: Instant,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let now = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        let volume = String::new();
        Self { quiet, terminal, volume, total: 0, read: 0, sent: 0, began: now, told: now }
    }

    /// A reading of a volume begins.
    pub(crate) fn begin(&mut self, volume: &str, bytes: u64) {
        let now = Instant::now();
        volume.clone_into(&mut self.volume);
        (self.total, self.read, self.sent, self.began, self.told) = (bytes, 0, 0, now, now);
    }

    pub(crate) fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    pub(crate) fn read(&mut self, bytes: u64) {
        self.read += bytes;
        let pause = if self.terminal { PAUSES.0 } else { PAUSES.1 };
        if !self.quiet && self.told.elapsed() >= pause {
            self.told = Instant::now();
            self.tell();
        }
    }

    /// Ends the line.
    pub(crate) fn end(&mut self) {
        if !self.quiet && self.terminal && self.read > 0 {
            let _ = writeln!(std::io::stderr());
        }
    }

    fn tell(&self) {
        let line = line(&self.volume, self.total, self.read, self.sent, self.began.elapsed());
        let (start, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        // Nobody has to see it.
        let _ = write!(std::io::stderr(), "{start}{line}{end}");
    }
}

fn line(volume: &str, total: u64, read: u64, sent: u64, took: Duration) -> String {
    let rate = read as f64 / took.as_secs_f64().max(0.001);
    let left = total.saturating_sub(read) as f64 / rate.max(1.0);
    format!(
        "{volume}: {} of {} read, {} sent, {}/s, {} left",
        Bytes(read),
        Bytes(total),
        Bytes(sent),
        Bytes(rate as u64),
        Span(left as u64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_how_fast_and_how_long() {
        let said = line("root", 30_000_000, 10_000_000, 1_000_000, Duration::from_secs(5));
        let expected = "root: 10.0 MB of 30.0 MB read, 1.0 MB sent, 2.0 MB/s, 10 seconds left";
        assert_eq!(said, expected);
    }
}
