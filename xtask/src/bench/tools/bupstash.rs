//! bupstash, built from the Rust registry since Debian does not ship it.
//!
//! It has no command that checks a store: reading every item back is what stands for one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::records::BUPSTASH;
use crate::bench::timed::{Cost, Stdout, timed};
use crate::bench::tools::{Ingest, Target, Tool};
use crate::bench::work::{bytes_below, cache_folder};
use crate::debian::{self, Package};
use crate::error::Result;
use crate::process::{cargo, command, is_installed, quiet, shown};

const BUILD_PACKAGES: &[Package] = &[
    Package { name: "libsodium-dev", why: "bupstash, a rival to compare with, is built with it" },
    Package { name: "pkg-config", why: "finds libsodium for that build" },
];

#[derive(Debug)]
pub(super) struct Bupstash {
    program: PathBuf,
    repository: PathBuf,
    /// Names of what the store holds, in order.
    items: Vec<String>,
}

impl Bupstash {
    pub(super) fn ready() -> Result<Self> {
        Ok(Self { program: program()?, repository: PathBuf::new(), items: Vec::new() })
    }

    fn key(&self) -> PathBuf {
        self.repository.with_extension("key")
    }

    fn command(&self, verb: &str) -> Command {
        let mut bupstash = command(&self.program);
        bupstash.args([verb, "--quiet", "--repository"]).arg(&self.repository);
        bupstash.arg("--key").arg(self.key());
        bupstash
    }

    fn get(&self, name: &str, stdout: Stdout<'_>) -> Result<Cost> {
        Ok(timed(self.command("get").arg(format!("name={name}")), stdout)?.0)
    }
}

impl Tool for Bupstash {
    fn subject(&self) -> &'static str {
        BUPSTASH
    }

    fn create(&mut self, folder: &Path) -> Result<()> {
        self.repository = folder.join("bupstash");
        self.items.clear();
        let mut init = command(&self.program);
        quiet(init.args(["init", "--repository"]).arg(&self.repository))?;
        quiet(command(&self.program).args(["new-key", "--output"]).arg(self.key()))?;
        Ok(())
    }

    fn ingest(&mut self, ingest: &Ingest<'_>) -> Result<Cost> {
        let mut put = self.command("put");
        put.arg("--no-send-log").arg(format!("name={}", ingest.name)).arg(ingest.image);
        let (cost, _) = timed(&put, Stdout::Null)?;
        self.items.push(ingest.name.to_owned());
        Ok(cost)
    }

    fn restore(&self, name: &str, target: Target<'_>) -> Result<Cost> {
        match target {
            Target::Null => self.get(name, Stdout::Null),
            Target::File(file) => self.get(name, Stdout::File(file)),
        }
    }

    fn verify(&self) -> Result<Cost> {
        self.items
            .iter()
            .try_fold(Cost::default(), |sum, name| Ok(sum.and(self.get(name, Stdout::Null)?)))
    }

    fn stored_bytes(&self) -> Result<u64> {
        bytes_below(&self.repository)
    }
}

/// The installed one, or else one built into the cache.
fn program() -> Result<PathBuf> {
    if is_installed("bupstash") {
        return Ok("bupstash".into());
    }
    let root = cache_folder().join("bupstash");
    let program = root.join("bin").join("bupstash");
    if !program.is_file() {
        debian::ensure(BUILD_PACKAGES)?;
        eprintln!("building bupstash, once: about four minutes");
        shown(cargo().args(["install", "--quiet", "--locked", "bupstash", "--root"]).arg(&root))?;
    }
    Ok(program)
}
