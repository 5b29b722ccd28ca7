//! The one table at the end, and the same as JSON with every sample.

use serde_json::{Value, json};

use crate::bench::records::{RIVALS, Records};
use crate::bench::rows::{self, Better, Group, Row};
use crate::error::{Error, Result};

const HEAD: [&str; 9] =
    ["row", "unit", "Holdfast", "rival", "ratio", "bar", "limit", "share", "verdict"];

/// What stands where nothing was measured or nothing is asked.
const NOTHING: &str = "-";

/// Who it was, and its median if it was measured.
type Rival = (&'static str, Option<f64>);

/// One line of the table: a row against one rival.
#[derive(Debug)]
struct Line {
    row: Row,
    ours: Option<f64>,
    rival: Option<Rival>,
    bar: Option<f64>,
    limit: Option<(&'static str, f64)>,
}

impl Line {
    fn ratio(&self) -> Option<f64> {
        Some(self.ours? / self.rival?.1?)
    }

    fn share(&self) -> Option<f64> {
        Some(self.ours? / self.limit?.1)
    }

    /// None when nothing that was measured has a bar.
    fn passes(&self) -> Option<bool> {
        let better = self.row.better;
        let reaches = |figure: Option<f64>, bar: Option<f64>| Some(better.reaches(figure?, bar?));
        let against_rival = reaches(self.ratio(), self.bar);
        let share = self.limit.and(self.row.limit).and_then(|limit| limit.share);
        let against_limit = reaches(self.share(), share);
        match (against_rival, against_limit) {
            (None, None) => None,
            (rival, limit) => Some(rival.unwrap_or(true) && limit.unwrap_or(true)),
        }
    }

    fn cells(&self) -> [String; 9] {
        let row = &self.row;
        let named = |(name, value): Rival| format!("{name} {}", shown(value.map(figure)));
        let limit = self.limit.map(|(name, value)| (name, Some(value)));
        let bar = self.bar.map(|bar| match row.better {
            Better::Less => format!("<= {bar:.2}"),
            Better::More => format!(">= {bar:.2}"),
        });
        let verdict = self.passes().map(|passes| if passes { "pass" } else { "MISS" });
        [
            row.title.to_owned(),
            row.unit.to_owned(),
            shown(self.ours.map(figure)),
            shown(self.rival.map(named)),
            shown(self.ratio().map(|ratio| format!("{ratio:.3}"))),
            shown(bar),
            shown(limit.map(named)),
            shown(self.share().map(|share| share_cell(row, share))),
            shown(verdict.map(str::to_owned)),
        ]
    }

    fn json(&self, records: &Records) -> Value {
        let samples = |subject| records.samples(subject, self.row.metric);
        json!({
            "row": self.row.title,
            "unit": self.row.unit,
            "holdfast": self.ours,
            "holdfast_samples": samples(self.row.ours),
            "rival": self.rival.map(|rival| rival.0),
            "rival_figure": self.rival.and_then(|rival| rival.1),
            "rival_samples": self.rival.map(|rival| samples(rival.0)),
            "ratio": self.ratio(),
            "bar": self.bar,
            "limit": self.limit.map(|limit| limit.0),
            "limit_figure": self.limit.map(|limit| limit.1),
            "share": self.share(),
            "passes": self.passes(),
        })
    }
}

/// The table in Markdown, columns aligned so that it reads in a terminal too.
pub(super) fn table(groups: &[Group], records: &Records) -> String {
    let head = HEAD.map(str::to_owned);
    let mut cells = vec![head];
    cells.extend(lines(groups, records).iter().map(Line::cells));
    let mut widths = [0; HEAD.len()];
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    cells.insert(1, widths.map(|width| "-".repeat(width)));
    let padded = |row: &[String; 9]| {
        let pad = |(cell, width): (&String, &usize)| format!("{cell:<width$}");
        format!("| {} |\n", row.iter().zip(&widths).map(pad).collect::<Vec<_>>().join(" | "))
    };
    cells.iter().map(padded).collect()
}

pub(super) fn json(groups: &[Group], records: &Records) -> Value {
    lines(groups, records).iter().map(|line| line.json(records)).collect()
}

pub(super) fn load_average() -> Result<String> {
    let path = std::path::Path::new("/proc/loadavg");
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    Ok(text.split(' ').next().unwrap_or(NOTHING).to_owned())
}

/// A line for every bar, and one without a bar for the best rival when no bar names it.
fn lines(groups: &[Group], records: &Records) -> Vec<Line> {
    let mut lines = Vec::new();
    for row in rows::of_groups(groups) {
        let limit = limit(&row, records);
        let ours = records.median(row.ours, row.metric);
        let best = best_rival(&row, records);
        let first = lines.len();
        for (subject, bar) in row.bars {
            let rival = Some((*subject, records.median(subject, row.metric)));
            lines.push(Line { row, ours, rival, bar: Some(*bar), limit: None });
        }
        let named = best.is_none_or(|(best, _)| row.bars.iter().any(|bar| bar.0 == best));
        if !named || row.bars.is_empty() {
            let rival = best.map(|(best, value)| (best, Some(value)));
            lines.push(Line { row, ours, rival, bar: None, limit: None });
        }
        if let Some(line) = lines.get_mut(first) {
            line.limit = limit;
        }
    }
    lines
}

fn best_rival(row: &Row, records: &Records) -> Option<(&'static str, f64)> {
    let rivals = records.subjects(row.metric).filter(|subject| RIVALS.contains(subject));
    let figures = rivals.filter_map(|rival| Some((rival, records.median(rival, row.metric)?)));
    match row.better {
        Better::Less => figures.min_by(|one, other| one.1.total_cmp(&other.1)),
        Better::More => figures.max_by(|one, other| one.1.total_cmp(&other.1)),
    }
}

/// Of the limits that were measured, the one that binds.
fn limit(row: &Row, records: &Records) -> Option<(&'static str, f64)> {
    let subjects = row.limit?.subjects.iter().copied();
    let figures = subjects.filter_map(|limit| Some((limit, records.median(limit, row.metric)?)));
    match row.better {
        Better::Less => figures.max_by(|one, other| one.1.total_cmp(&other.1)),
        Better::More => figures.min_by(|one, other| one.1.total_cmp(&other.1)),
    }
}

fn share_cell(row: &Row, share: f64) -> String {
    match row.limit.and_then(|limit| limit.share) {
        None => format!("{:.0} %", share * 100.0),
        Some(bar) => {
            let side = if row.better == Better::Less { "<=" } else { ">=" };
            format!("{:.0} % ({side} {:.0})", share * 100.0, bar * 100.0)
        }
    }
}

/// Three significant digits at least, no digits nobody can trust.
fn figure(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn shown(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| NOTHING.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::records::Metric::{FirstCpu, FirstRate};
    use crate::bench::records::{BORG, BUPSTASH, DISK, HOLDFAST, PIPE, RESTIC};

    fn first_rows(ours_rate: f64) -> Vec<Line> {
        let mut records = Records::default();
        for (subject, rate) in [
            (HOLDFAST, ours_rate),
            (RESTIC, 100.0),
            (BUPSTASH, 180.0),
            (PIPE, 450.0),
            (DISK, 900.0),
        ] {
            records.add(subject, FirstRate, rate);
        }
        records.add(BORG, FirstCpu, 7.0);
        lines(&[Group::First], &records)
    }

    fn verdicts(ours_rate: f64) -> Vec<Option<bool>> {
        let wall = |line: &&Line| line.row.metric == FirstRate;
        first_rows(ours_rate).iter().filter(wall).map(Line::passes).collect()
    }

    #[test]
    fn each_bar_is_a_line_of_its_own_and_the_limit_counts_once() {
        // Against restic with the limit, borg (not measured), bupstash.
        assert_eq!(verdicts(400.0), [Some(true), None, Some(true)]);
        assert_eq!(verdicts(310.0), [Some(false), None, Some(true)], "31 % below the limit");
        assert_eq!(verdicts(200.0), [Some(false), None, Some(false)]);
    }

    #[test]
    fn the_best_rival_shows_even_when_no_bar_names_it() {
        let lines = first_rows(400.0);
        let rivals = lines.iter().filter(|line| line.row.metric == FirstCpu);
        let named: Vec<_> = rivals.filter_map(|line| line.rival).collect();
        assert_eq!(named, [(RESTIC, None), (BUPSTASH, None), (BORG, Some(7.0))]);
    }

    #[test]
    fn all_lines_of_the_table_are_equally_wide() {
        let table = table(&Group::all(), &Records::default());
        let widths: Vec<_> = table.lines().map(|line| line.chars().count()).collect();
        assert!(widths.len() > Group::all().len());
        assert!(widths.iter().all(|width| *width == widths[0]), "{table}");
    }
}
