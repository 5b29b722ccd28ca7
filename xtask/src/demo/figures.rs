//! Progress while the story runs and the table at its end.

use std::time::{Duration, Instant};

use crate::error::Result;

#[derive(Debug, Default)]
pub(super) struct Figures {
    rows: Vec<(String, Duration, String)>,
}

impl Figures {
    /// Announces a step, runs it and keeps its time. `fact` turns the result into the table's last
    /// column.
    pub(super) fn step<T>(
        &mut self,
        name: &str,
        step: impl FnOnce() -> Result<T>,
        fact: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        println!("==> {name}");
        let begin = Instant::now();
        let value = step()?;
        let (elapsed, fact) = (begin.elapsed(), fact(&value));
        println!("    {:.1} s  {fact}", elapsed.as_secs_f64());
        self.rows.push((name.to_owned(), elapsed, fact));
        Ok(value)
    }

    pub(super) fn print(&self) {
        let width = self.rows.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        println!();
        for (name, elapsed, fact) in &self.rows {
            println!("{name:<width$}  {:>7.1} s  {fact}", elapsed.as_secs_f64());
        }
        println!();
    }
}

/// In units of 1000 kB, as disks are sold.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
