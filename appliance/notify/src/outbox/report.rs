//! Reports that wait, and which of them are done with.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::file::failed;
use super::{Outbox, insert_row};
use crate::error::Result;
use crate::mailing::Mailed;
use crate::notice::ReportMail;

/// Most reports that wait for a channel: they are large. Others stay due until there is room.
const MAX_REPORTS: i64 = 20;

/// Alerts have severities from 1 on: when too much waits, reports go first.
const SEVERITY: u8 = 0;

impl Outbox {
    /// Which reports are done with.
    pub(crate) fn reports(&self) -> Result<Mailed> {
        let query = "SELECT value FROM small WHERE key = 'reports'";
        let text: Option<String> = self
            .connection
            .query_row(query, [], |row| row.get(0))
            .optional()
            .map_err(failed(&self.path))?;
        let Some(text) = text else { return Ok(Mailed::default()) };
        Ok(serde_json::from_str(&text).unwrap_or_else(|error| {
            log::error!("which reports were mailed cannot be read; they go on from now: {error}");
            Mailed::default()
        }))
    }

    /// Whether so many reports wait for a channel that another one has to wait until it is made.
    pub(crate) fn is_full_of_reports(&self, channel: &str) -> Result<bool> {
        let query = "SELECT count(*) FROM deliveries WHERE channel = ?1 AND severity = ?2";
        let count = self.connection.query_row(query, params![channel, SEVERITY], |row| row.get(0));
        count.map(|count: i64| count >= MAX_REPORTS).map_err(failed(&self.path))
    }

    /// Takes a report in for channels, and that it is done with: both or neither.
    pub(crate) fn keep_report(
        &mut self,
        channels: &[String],
        report: Option<&ReportMail>,
        done: &Mailed,
        now: Timestamp,
    ) -> Result<()> {
        let failed = failed(&self.path);
        let mut write = || {
            let transaction = self.connection.transaction()?;
            let text = serde_json::to_string(done).unwrap_or_default();
            transaction.execute(
                "INSERT INTO small VALUES ('reports', ?1)
                 ON CONFLICT (key) DO UPDATE SET value = ?1",
                [text],
            )?;
            for (name, report) in channels.iter().filter_map(|name| Some((name, report?))) {
                let text = serde_json::to_string(report).unwrap_or_default();
                insert_row(&transaction, name, SEVERITY, now.as_second(), &text)?;
            }
            transaction.commit()
        };
        write().map_err(failed)
    }
}
