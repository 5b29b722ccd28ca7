//! Disks that fail, hang, lie or are slow under the real command on a real kernel: a matrix of
//! cases that the guest goes through, and what must hold in each.

use std::collections::BTreeMap;
use std::fs::File;
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::images;
use super::machine::{Drive, Machine};
use super::system::System;
use super::verdict::complaints;
use crate::demo::tools::Tools;
use crate::error::{Error, Result};

const DISK_BYTES: u64 = 48 << 20;
const DISKS: usize = 2;
const IMAGES: u64 = 3;

/// Complaints that a failure shows.
const SHOWN: usize = 10;

/// Goes through the matrix, one disk and a mirror side by side. Prints what was found, as a table.
pub(super) fn run(tools: &Tools, system: &System, seed: u64) -> Result<()> {
    let began = Instant::now();
    let outcomes = thread::scope(|scope| {
        let run = |disks| scope.spawn(move || half(tools, system, seed, disks));
        [1, DISKS]
            .map(run)
            .map(|half| half.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (mut found, mut table) = (Vec::new(), Table::default());
    for outcome in outcomes {
        let half = outcome?;
        found.extend(half.complaints);
        table.rows.extend(half.table.rows);
    }
    table.print(began.elapsed().as_secs_f64());
    if found.is_empty() {
        return Ok(());
    }
    let more = found.len().saturating_sub(SHOWN);
    found.truncate(SHOWN);
    let facts = format!("{}\nand {more} more", found.join("\n"));
    Err(Error::Broken { rule: "disks that fail under the real command".into(), facts })
}

struct Half {
    complaints: Vec<String>,
    table: Table,
}

/// All cases of a pool on one disk or on two.
fn half(tools: &Tools, system: &System, seed: u64, disks: usize) -> Result<Half> {
    let folder = tempfile::Builder::new().prefix("holdfast-faults-").tempdir();
    let folder = folder.map_err(Error::io(&std::env::temp_dir()))?;
    let mut drives = Vec::new();
    for number in 0..DISKS {
        let file = folder.path().join(format!("disk{number}"));
        let made = File::create(&file).and_then(|file| file.set_len(DISK_BYTES));
        made.map_err(Error::io(&file))?;
        drives.push(Drive::Plain { file });
    }
    let images = images::write(IMAGES, seed, folder.path())?;
    drives.extend(images.into_iter().map(|file| Drive::ReadOnly { file }));
    let part = format!("faults {disks} {seed}");
    let mut machine = Machine::start(tools, system, &part, &drives, folder.path())?;
    let mut half = Half { complaints: Vec::new(), table: Table::default() };
    while let Some(line) = machine.next(|_| Ok(()))? {
        half.table.note(&line);
        let wrong = complaints(&line);
        wrong.iter().for_each(|wrong| println!("    {wrong}"));
        half.complaints.extend(wrong);
    }
    machine.finish()?;
    Ok(half)
}

/// Cases by pool, work and kind: how many there were, and after how many the command failed.
#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<String, (u32, u32)>,
}

impl Table {
    fn note(&mut self, line: &Value) {
        if line["event"] != "case" {
            println!(
                "    {} disks, {}: {} requests",
                line["disks"], line["work"], line["requests"]
            );
            return;
        }
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let disks = if line["disks"] == 1 { "one disk" } else { "mirror" };
        let row = format!("{disks:<9}{:<9}{:<13}", text("work"), text("kind"));
        let (cases, failed) = self.rows.entry(row).or_default();
        *cases += 1;
        *failed += u32::from(line["outcome"]["code"] != 0);
    }

    fn print(&self, seconds: f64) {
        let cases: u32 = self.rows.values().map(|(cases, _)| cases).sum();
        println!("    {cases} cases in {seconds:.0} s");
        for (row, (cases, failed)) in &self.rows {
            println!("    {row}{cases:>4} cases, the command failed in {failed:>2}");
        }
    }
}
