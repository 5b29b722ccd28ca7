//! Holdfast through its own command line, as a user would drive it; `--json` answers are read by
//! name, so that new fields do no harm.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bench::records::{HOLDFAST, HOLDFAST_ZSTD};
use crate::bench::timed::{Cost, Stdout, timed};
use crate::bench::tools::{Freed, Ingest, Reclaimer, Target, Tool};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

/// Room for all images of a series with LZ4, and then some.
pub(in crate::bench) const POOL_SIZE: &str = "24GiB";

/// Peak memory that an ingest may take beside the index.
const FIXED_BUDGET_MIB: f64 = 160.0;

/// A pool on disk files. Its kit opens it: like the rivals' keys that needs no key stretching.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Pool {
    binary: PathBuf,
    disks: Vec<PathBuf>,
    kit: PathBuf,
}

impl Pool {
    /// On one disk, in a folder that exists.
    pub(in crate::bench) fn create(binary: &Path, folder: &Path) -> Result<Self> {
        Self::create_on(binary, folder, 1, POOL_SIZE)
    }

    /// On so many disks of this size, each with a copy of everything.
    pub(in crate::bench) fn create_on(
        binary: &Path,
        folder: &Path,
        disks: usize,
        size: &str,
    ) -> Result<Self> {
        let pool = Self::at(binary, folder, disks);
        let passphrase = folder.join("passphrase");
        std::fs::write(&passphrase, "correct horse battery staple\n")
            .map_err(Error::io(&passphrase))?;
        let mut create = command(&pool.binary);
        create.args(["pool", "create"]).args(&pool.disks).args(["--size", size]);
        create.arg("--kit-out").arg(&pool.kit).arg("--passphrase-file").arg(&passphrase);
        quiet(create.args(["--yes", "--json"]))?;
        quiet(&mut pool.command(&["kit", "prove"]))?;
        Ok(pool)
    }

    /// The pool that was created in this folder.
    fn at(binary: &Path, folder: &Path, disks: usize) -> Self {
        let disks = (0..disks).map(|number| folder.join(format!("disk{number}"))).collect();
        Self { binary: binary.to_path_buf(), disks, kit: folder.join("kit") }
    }

    pub(in crate::bench) fn disks(&self) -> &[PathBuf] {
        &self.disks
    }

    pub(in crate::bench) fn kit(&self) -> &Path {
        &self.kit
    }

    /// `--compression` is `auto` without a codec.
    pub(in crate::bench) fn ingest(
        &self,
        ingest: &Ingest<'_>,
        codec: Option<&str>,
    ) -> Result<(Cost, Value)> {
        let mut command = self.command(&["ingest", "--json", "--system", ingest.system]);
        if let Some(codec) = codec {
            command.args(["--compression", codec]);
        }
        let (cost, text) = timed(command.arg(ingest.image), Stdout::Text)?;
        Ok((cost, parse(&text, &command)?))
    }

    pub(in crate::bench) fn export(&self, point: &str, socket: &Path) -> Command {
        let mut export = self.command(&["export", "--point", point]);
        export.arg("--socket").arg(socket);
        export
    }

    /// Reads all disks at full speed, from the first segment to the last. Gives the bytes.
    pub(in crate::bench) fn scrub(&self) -> Result<(Cost, f64)> {
        let scrub = self.command(&["scrub", "--duty", "100", "--json"]);
        let (cost, text) = timed(&scrub, Stdout::Text)?;
        Ok((cost, number(&parse(&text, &scrub)?, "bytes_read")?))
    }

    pub(in crate::bench) fn status(&self) -> Result<Value> {
        let mut status = command(&self.binary);
        status.args(["pool", "status", "--json", "--pool"]).arg(self.disk_list());
        parse(&quiet(&mut status)?, &status)
    }

    /// What the issue grants: a fixed part and the index, which grows with what is stored.
    pub(in crate::bench) fn memory_budget_mib(&self) -> Result<f64> {
        let status = self.status()?;
        let index_bytes = status.get("index_bytes").and_then(Value::as_u64).unwrap_or(0);
        Ok(FIXED_BUDGET_MIB + index_bytes as f64 / f64::from(1 << 20))
    }

    pub(in crate::bench) fn command(&self, words: &[&str]) -> Command {
        let mut holdfast = command(&self.binary);
        holdfast.args(words).arg("--pool").arg(self.disk_list());
        holdfast.arg("--kit-file").arg(&self.kit);
        holdfast
    }

    fn disk_list(&self) -> OsString {
        self.disks.iter().map(|disk| disk.as_os_str()).collect::<Vec<_>>().join(OsStr::new(","))
    }
}

/// The name of the recovery point that an ingest answered with.
pub(in crate::bench) fn point_of(answer: &Value) -> Result<String> {
    text(answer, "point")
}

/// Holdfast with one codec forced.
#[derive(Debug)]
pub(in crate::bench) struct Holdfast {
    subject: &'static str,
    codec: &'static str,
    binary: PathBuf,
    pool: Option<Pool>,
    /// Recovery points by the name of their ingest.
    points: BTreeMap<String, String>,
}

impl Holdfast {
    pub(in crate::bench) fn lz4(binary: &Path) -> Self {
        Self::with_codec(HOLDFAST, "lz4", binary)
    }

    pub(in crate::bench) fn zstd(binary: &Path) -> Self {
        Self::with_codec(HOLDFAST_ZSTD, "zstd", binary)
    }

    fn with_codec(subject: &'static str, codec: &'static str, binary: &Path) -> Self {
        let binary = binary.to_path_buf();
        Self { subject, codec, binary, pool: None, points: BTreeMap::new() }
    }

    fn made(&self) -> Result<&Pool> {
        self.pool.as_ref().ok_or_else(|| unexpected("no pool was created"))
    }
}

impl Tool for Holdfast {
    fn subject(&self) -> &'static str {
        self.subject
    }

    fn create(&mut self, folder: &Path) -> Result<()> {
        self.points.clear();
        self.pool = Some(Pool::create(&self.binary, folder)?);
        Ok(())
    }

    fn ingest(&mut self, ingest: &Ingest<'_>) -> Result<Cost> {
        let (cost, answer) = self.made()?.ingest(ingest, Some(self.codec))?;
        self.points.insert(ingest.name.to_owned(), point_of(&answer)?);
        Ok(cost)
    }

    fn restore(&self, name: &str, target: Target<'_>) -> Result<Cost> {
        let point = self.points.get(name).ok_or_else(|| unexpected("a point was not taken"))?;
        let mut restore = self.made()?.command(&["restore", "--point", point]);
        restore.arg("--to").arg(match target {
            Target::Null => Path::new("-"),
            Target::File(file) => file,
        });
        Ok(timed(&restore, Stdout::Null)?.0)
    }

    fn verify(&self) -> Result<Cost> {
        Ok(timed(&self.made()?.command(&["verify", "--json"]), Stdout::Text)?.0)
    }

    fn stored_bytes(&self) -> Result<u64> {
        let status = self.made()?.status()?;
        let stored = status.get("stored_bytes").and_then(Value::as_u64);
        stored.ok_or_else(|| unexpected("pool status without stored_bytes"))
    }

    fn compares_with_parent(&self) -> bool {
        true
    }

    fn memory_budget_mib(&self) -> Result<Option<f64>> {
        self.made()?.memory_budget_mib().map(Some)
    }
}

impl Reclaimer for Holdfast {
    fn version(&self) -> Result<String> {
        quiet(command(&self.binary).arg("--version"))
    }

    fn open(&mut self, folder: &Path) {
        self.pool = Some(Pool::at(&self.binary, folder, 1));
    }

    fn copied(&self, folder: &Path) -> Result<Box<dyn Reclaimer>> {
        let pool = self.made()?;
        let mut copy = command("cp");
        copy.args(["--sparse=always", "--reflink=auto"])
            .args(&pool.disks)
            .arg(&pool.kit)
            .arg(folder);
        quiet(&mut copy)?;
        let pool = Some(Pool::at(&self.binary, folder, 1));
        let (binary, points) = (self.binary.clone(), self.points.clone());
        Ok(Box::new(Self { subject: self.subject, codec: self.codec, binary, pool, points }))
    }

    /// Without the delay that a policy grants.
    fn expire(&mut self, names: &[String]) -> Result<()> {
        let pool = self.made()?;
        let ids = names.iter().filter_map(|name| self.points.get(name));
        let mut remove = pool.command(&["points", "remove", "--yes"]);
        let undelayed = ["policy", "set", "--all-systems", "--delay", "0h"];
        quiet(&mut pool.command(&undelayed))?;
        quiet(remove.args(ids))?;
        quiet(&mut pool.command(&["expire"]))?;
        Ok(())
    }

    /// The room is free for other data when this returns: nothing waits out its day.
    fn reclaim(&self) -> Result<Freed> {
        let pool = self.made()?;
        let reclaim = pool.command(&["reclaim", "--release-after", "0h", "--json"]);
        let (cost, text) = timed(&reclaim, Stdout::Text)?;
        let done = parse(&text, &reclaim)?;
        let mut rest = pool.command(&["reclaim", "--dry-run", "--json"]);
        let rest = parse(&quiet(&mut rest)?, &rest)?;
        let unused = number(&rest, "reclaimable_bytes")? / self.stored_bytes()?.max(1) as f64;
        let moved_mb = number(&done, "moved_bytes")? / 1e6;
        Ok(Freed { cost, moved_mb, unused_percent: unused * 100.0 })
    }

    fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }
}

/// The answer is the last line; lines before it are progress.
fn parse(text: &str, command: &Command) -> Result<Value> {
    let answer = text.lines().last().unwrap_or_default();
    serde_json::from_str(answer).map_err(|error| Error::Unexpected {
        from: format!("{command:?}"),
        what: format!("{error} in {answer:?}"),
    })
}

fn text(answer: &Value, field: &'static str) -> Result<String> {
    let value = answer.get(field).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| unexpected(&format!("no text in {field:?}")))
}

fn number(answer: &Value, field: &'static str) -> Result<f64> {
    let value = answer.get(field).and_then(Value::as_f64);
    value.ok_or_else(|| unexpected(&format!("no number in {field:?}")))
}

fn unexpected(what: &str) -> Error {
    Error::Unexpected { from: "holdfast".into(), what: what.to_owned() }
}
