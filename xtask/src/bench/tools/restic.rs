//! restic as Debian ships it. Recovery points are found again by the host name they are given.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bench::records::RESTIC;
use crate::bench::timed::{Cost, Stdout, timed};
use crate::bench::tools::{Freed, Ingest, Reclaimer, Target, Tool};
use crate::bench::work::bytes_below;
use crate::debian::{self, Package};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

const PACKAGES: &[Package] = &[Package { name: "restic", why: "a rival to compare with" }];

#[derive(Debug, Clone)]
pub(super) struct Restic {
    repository: PathBuf,
    /// Since 0.15; writing zeroes instead would be slower.
    restores_sparse: bool,
}

impl Restic {
    pub(super) fn ready() -> Result<Self> {
        debian::ensure(PACKAGES)?;
        let help = quiet(command("restic").args(["restore", "--help"]))?;
        Ok(Self { repository: PathBuf::new(), restores_sparse: help.contains("--sparse") })
    }

    fn command(&self, verb: &str) -> Command {
        let mut restic = command("restic");
        restic.env("RESTIC_PASSWORD", "bench").arg("--repo").arg(&self.repository);
        restic.args(["--quiet", "--no-cache", verb]);
        restic
    }
}

impl Tool for Restic {
    fn subject(&self) -> &'static str {
        RESTIC
    }

    fn create(&mut self, folder: &Path) -> Result<()> {
        self.repository = folder.join("restic");
        quiet(&mut self.command("init"))?;
        Ok(())
    }

    fn ingest(&mut self, ingest: &Ingest<'_>) -> Result<Cost> {
        // Started beside the image, so that every one lies at the top of its recovery point.
        let folder = ingest.image.parent().unwrap_or(Path::new("."));
        let name = ingest.image.file_name().unwrap_or_default();
        let mut backup = self.command("backup");
        backup.args(["--force", "--ignore-inode", "--host", ingest.name]).arg(name);
        Ok(timed(backup.current_dir(folder), Stdout::Null)?.0)
    }

    fn restore(&self, name: &str, target: Target<'_>) -> Result<Cost> {
        let Target::File(file) = target else {
            let mut dump = self.command("dump");
            dump.args(["--host", name, "latest"]).arg(format!("/{name}.img"));
            return Ok(timed(&dump, Stdout::Null)?.0);
        };
        let folder = file.parent().unwrap_or(Path::new("."));
        let mut restore = self.command("restore");
        restore.args(["--host", name, "latest", "--target"]).arg(folder);
        restore.args(self.restores_sparse.then_some("--sparse"));
        let (cost, _) = timed(&restore, Stdout::Null)?;
        std::fs::rename(folder.join(format!("{name}.img")), file).map_err(Error::io(file))?;
        Ok(cost)
    }

    fn verify(&self) -> Result<Cost> {
        Ok(timed(self.command("check").arg("--read-data"), Stdout::Null)?.0)
    }

    fn stored_bytes(&self) -> Result<u64> {
        bytes_below(&self.repository)
    }
}

impl Reclaimer for Restic {
    fn version(&self) -> Result<String> {
        Ok(quiet(command("restic").arg("version"))?.trim().to_owned())
    }

    fn open(&mut self, folder: &Path) {
        self.repository = folder.join("restic");
    }

    /// By links: restic writes files once, and removes them.
    fn copied(&self, folder: &Path) -> Result<Box<dyn Reclaimer>> {
        let repository = folder.join("restic");
        let mut copy = command("cp");
        quiet(copy.args(["--recursive", "--link"]).args([&self.repository, &repository]))?;
        Ok(Box::new(Self { repository, ..self.clone() }))
    }

    fn expire(&mut self, names: &[String]) -> Result<()> {
        let list = quiet(self.command("snapshots").arg("--json"))?;
        let all: Vec<Value> = serde_json::from_str(&list).map_err(|error| Error::Unexpected {
            from: "restic snapshots".into(),
            what: error.to_string(),
        })?;
        let goes = |point: &&Value| {
            let host = point.get("hostname").and_then(Value::as_str);
            host.is_some_and(|host| names.iter().any(|name| name == host))
        };
        let ids = all.iter().filter(goes).filter_map(|point| point.get("id")?.as_str());
        quiet(self.command("forget").args(ids))?;
        Ok(())
    }

    /// As it does when nothing is said: up to 5 % may stay unused.
    fn reclaim(&self) -> Result<Freed> {
        let mut prune = command("restic");
        prune.env("RESTIC_PASSWORD", "bench").arg("--repo").arg(&self.repository);
        let (cost, text) = timed(prune.args(["--no-cache", "prune"]), Stdout::Text)?;
        freed(cost, &text)
            .ok_or_else(|| Error::Unexpected { from: "restic prune".into(), what: text })
    }
}

/// What `prune` says of itself: `to repack: 5 blobs / 1.5 MiB` among other lines, and at the end
/// `unused size after prune: 1.2 MiB (0.34% of remaining size)`.
fn freed(cost: Cost, text: &str) -> Option<Freed> {
    let rest = |label: &str| text.lines().find_map(|line| line.trim().strip_prefix(label));
    let moved = rest("to repack:")?.rsplit('/').next()?;
    let unused = rest("unused size after prune:")?;
    let percent = unused.split(['(', '%']).nth(1)?.trim().parse().ok()?;
    Some(Freed { cost, moved_mb: bytes(moved)? / 1e6, unused_percent: percent })
}

/// An amount as restic writes it.
fn bytes(text: &str) -> Option<f64> {
    let (number, unit) = text.trim().split_once(' ')?;
    let power = ["B", "KiB", "MiB", "GiB", "TiB"].iter().position(|name| *name == unit)?;
    Some(number.parse::<f64>().ok()? * 1024_f64.powi(power as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prune_tells_what_it_moved_and_left() {
        let text = "to repack:           900 blobs / 1.5 KiB\nthis removes         30 blobs / 7 B\n\
                    unused size after prune: 12 B (0.34% of remaining size)\n";
        let freed = freed(Cost::default(), text).unwrap();
        assert_eq!((freed.moved_mb, freed.unused_percent), (0.001536, 0.34));
    }
}
