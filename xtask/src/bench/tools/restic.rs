//! restic as Debian ships it. Recovery points are found again by the host name they are given.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::records::RESTIC;
use crate::bench::timed::{Cost, Stdout, timed};
use crate::bench::tools::{Ingest, Target, Tool};
use crate::bench::work::bytes_below;
use crate::debian::{self, Package};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

const PACKAGES: &[Package] = &[Package { name: "restic", why: "a rival to compare with" }];

#[derive(Debug)]
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
