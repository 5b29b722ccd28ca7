//! The units as the service manager reads them: no word that it does not know, walls, weights.

use std::path::PathBuf;

use super::tools::{ENGINE, must, number};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

const FOLDER: &str = "/usr/lib/systemd/system";

/// The most that a unit may be exposed: the engine, and any other.
const MOST_EXPOSED: [f64; 2] = [1.0, 1.5];

/// Slices by their weight, heaviest first.
const SLICES: [&str; 4] = ["restore", "ingest", "replicate", "upkeep"];

pub(super) fn check() -> Result<()> {
    let ours = ours()?;
    // What it complains about is printed, and is no failure.
    let mut verify = command("systemd-analyze");
    verify.args(["verify", "--man=no"]).args(&ours);
    let output = verify.output().map_err(|source| crate::process::start_error(&verify, source))?;
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let about_ours = complaints.lines().filter(|line| line.contains("holdfast"));
    let about_ours: Vec<&str> = about_ours.collect();
    must(about_ours.is_empty(), "systemd takes every word of a unit", about_ours.join("\n"))?;
    for unit in &ours {
        if unit.extension().is_some_and(|end| end == "service") {
            exposure(&unit.file_name().unwrap_or_default().to_string_lossy())?;
        }
    }
    slices()
}

/// The files of our units.
fn ours() -> Result<Vec<PathBuf>> {
    let folder = std::path::Path::new(FOLDER);
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let is_file = |path: &PathBuf| path.is_file();
    let ours = paths.filter(is_file).filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("holdfast"))
    });
    Ok(ours.collect())
}

/// Demands that a unit is not too exposed, as `systemd-analyze security` counts that.
fn exposure(unit: &str) -> Result<()> {
    let told = quiet(command("systemd-analyze").args(["security", "--no-pager", unit]))?;
    let last = told.lines().last().unwrap_or_default();
    let figure = last.split(": ").nth(1).and_then(|rest| rest.split(' ').next());
    let exposed: f64 = figure.and_then(|figure| figure.parse().ok()).ok_or_else(|| {
        Error::Unexpected { from: "systemd-analyze security".into(), what: last.to_owned() }
    })?;
    let [engine, other] = MOST_EXPOSED;
    let most = if unit == ENGINE { engine } else { other };
    println!("    exposure of {unit}: {exposed}, at most {most}");
    must(exposed <= most, "a unit is not more exposed than it may be", unit)
}

fn slices() -> Result<()> {
    let mut weights = Vec::new();
    for class in SLICES {
        let unit = format!("holdfast-{class}.slice");
        weights.push((class, number(&unit, "CPUWeight")?, number(&unit, "IOWeight")?));
    }
    let heavier = weights.windows(2).all(|pair| pair[0].1 > pair[1].1 && pair[0].2 > pair[1].2);
    must(heavier, "restores go over ingests, and so on", format!("{weights:?}"))?;
    let weights = weights.iter().map(|(class, cpu, _)| format!("{class} {cpu}"));
    println!("    weights of slices: {}", weights.collect::<Vec<_>>().join(", "));
    Ok(())
}
