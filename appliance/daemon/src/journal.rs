//! Where the log goes: to the journal with its fields, or as lines to standard error.

use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::{JournalLog, connected_to_journal};

/// Sends what is logged to the journal if standard error is connected to it, else to standard
/// error. Nothing is lost if neither takes it: the log tells, it does not remember.
pub(crate) fn install() {
    let journal = connected_to_journal().then(JournalLog::new).and_then(Result::ok);
    let installed = match journal {
        Some(journal) => journal.install().is_ok(),
        None => log::set_logger(&Lines).is_ok(),
    };
    if installed {
        log::set_max_level(LevelFilter::Info);
    }
}

/// A line for each record: its level, its text.
struct Lines;

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let _ = writeln!(std::io::stderr(), "{}: {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}
