//! A store that holds the whole history.

use std::path::Path;

use crate::bench::data::Data;
use crate::bench::data::history::{DAYS, History};
use crate::bench::tools::{Ingest, Reclaimer};
use crate::bench::work::{self, Work};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

/// Days whose image is compared with what is restored later: one that was kept among many that
/// went, the one after the oldest half, and the newest.
const COMPARED_DAYS: [u32; 3] = [2, DAYS / 2 + 2, DAYS];

/// The protected system that all points belong to.
const SYSTEM: &str = "machine1";

/// Beside a store that is kept for later benches: what made it, then a day and its sum a line.
const SUMS: &str = "sums";

#[derive(Debug)]
pub(super) struct Filled {
    tool: Box<dyn Reclaimer>,
    /// The image's BLAKE3 on the days that are compared.
    pub(super) sums: Vec<(u32, String)>,
}

impl Filled {
    /// Takes the history in, in a folder that is empty.
    pub(super) fn fill(
        mut tool: Box<dyn Reclaimer>,
        folder: &Path,
        seed: u64,
        data: &Data,
        work: &Work,
    ) -> Result<Self> {
        eprintln!("{} takes in {DAYS} days", tool.subject());
        tool.create(folder)?;
        let place = work.fresh("history")?;
        let mut history = History::begin(data, seed, &place)?;
        let mut sums = Vec::new();
        for day in 1..=DAYS {
            history.next_day()?;
            let (image, name) = (history.image(), History::name(day));
            tool.ingest(&Ingest { image: &image, name: &name, system: SYSTEM })?;
            if COMPARED_DAYS.contains(&day) {
                sums.push((day, sum(&image)?));
            }
        }
        work::remove(&place)?;
        Ok(Self { tool, sums })
    }

    /// As [`fill`](Self::fill), and keeps the result: it takes a rival ten minutes.
    pub(super) fn open_or_fill(
        mut tool: Box<dyn Reclaimer>,
        folder: &Path,
        seed: u64,
        data: &Data,
        work: &Work,
    ) -> Result<Self> {
        let (made_by, path) = (tool.version()?, folder.join(SUMS));
        if let Some(sums) = read_sums(&path, &made_by) {
            tool.open(folder);
            return Ok(Self { tool, sums });
        }
        work::remove(folder)?;
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let filled = Self::fill(tool, folder, seed, data, work)?;
        let lines = filled.sums.iter().map(|(day, sum)| format!("{day} {sum}\n"));
        let text = format!("{made_by}\n{}", lines.collect::<String>());
        std::fs::write(&path, text).map_err(Error::io(&path))?;
        Ok(filled)
    }

    /// A copy in an empty folder, to be changed.
    pub(super) fn copy(&self, folder: &Path) -> Result<Box<dyn Reclaimer>> {
        self.tool.copied(folder)
    }
}

/// Of an earlier bench with the same version of the tool.
fn read_sums(path: &Path, made_by: &str) -> Option<Vec<(u32, String)>> {
    let text = std::fs::read_to_string(path).ok()?;
    let (first, rest) = text.split_once('\n')?;
    let line = |line: &str| {
        let (day, sum) = line.split_once(' ')?;
        Some((day.parse().ok()?, sum.to_owned()))
    };
    rest.lines().map(line).collect::<Option<Vec<_>>>().filter(|_| first == made_by)
}

/// A file's BLAKE3.
pub(super) fn sum(file: &Path) -> Result<String> {
    Ok(quiet(command("b3sum").arg("--no-names").arg(file))?.trim().to_owned())
}
