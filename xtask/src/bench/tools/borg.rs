//! borg as Debian ships it, with its default LZ4 and keyed BLAKE2.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::records::BORG;
use crate::bench::timed::{Cost, Stdout, timed};
use crate::bench::tools::{Ingest, Target, Tool};
use crate::bench::work::bytes_below;
use crate::debian::{self, Package};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

const PACKAGES: &[Package] = &[Package { name: "borgbackup", why: "a rival to compare with" }];

#[derive(Debug)]
pub(super) struct Borg {
    repository: PathBuf,
}

impl Borg {
    pub(super) fn ready() -> Result<Self> {
        debian::ensure(PACKAGES)?;
        Ok(Self { repository: PathBuf::new() })
    }

    /// Its caches and keys live beside the repository, not in the user's own folders.
    fn command(&self, verb: &str) -> Command {
        let mut borg = command("borg");
        borg.env("BORG_PASSPHRASE", "bench");
        borg.env("BORG_BASE_DIR", self.repository.with_extension("base"));
        borg.arg(verb);
        borg
    }

    fn point(&self, name: &str) -> String {
        format!("{}::{name}", self.repository.display())
    }
}

impl Tool for Borg {
    fn subject(&self) -> &'static str {
        BORG
    }

    fn create(&mut self, folder: &Path) -> Result<()> {
        self.repository = folder.join("borg");
        let mut init = self.command("init");
        quiet(init.args(["--encryption", "repokey-blake2"]).arg(&self.repository))?;
        Ok(())
    }

    fn ingest(&mut self, ingest: &Ingest<'_>) -> Result<Cost> {
        let folder = ingest.image.parent().unwrap_or(Path::new("."));
        let name = ingest.image.file_name().unwrap_or_default();
        let mut create = self.command("create");
        create.args(["--files-cache=disabled", "--compression=lz4"]);
        create.arg(self.point(ingest.name)).arg(name).current_dir(folder);
        Ok(timed(&create, Stdout::Null)?.0)
    }

    fn restore(&self, name: &str, target: Target<'_>) -> Result<Cost> {
        let mut extract = self.command("extract");
        let Target::File(file) = target else {
            extract.arg("--stdout").arg(self.point(name));
            return Ok(timed(&extract, Stdout::Null)?.0);
        };
        let folder = file.parent().unwrap_or(Path::new("."));
        extract.arg("--sparse").arg(self.point(name)).current_dir(folder);
        let (cost, _) = timed(&extract, Stdout::Null)?;
        std::fs::rename(folder.join(format!("{name}.img")), file).map_err(Error::io(file))?;
        Ok(cost)
    }

    fn verify(&self) -> Result<Cost> {
        let mut check = self.command("check");
        Ok(timed(check.arg("--verify-data").arg(&self.repository), Stdout::Null)?.0)
    }

    fn stored_bytes(&self) -> Result<u64> {
        bytes_below(&self.repository)
    }
}
