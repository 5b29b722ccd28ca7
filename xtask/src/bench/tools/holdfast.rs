//! Holdfast through its own command line, as a user would drive it; `--json` answers are read by
//! name, so that new fields do no harm.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bench::records::{HOLDFAST, HOLDFAST_ZSTD};
use crate::bench::timed::{Cost, Stdout, timed};
use crate::bench::tools::{Ingest, Target, Tool};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

/// Room for all images of a series with LZ4, and then some.
const POOL_SIZE: &str = "24GiB";

/// Peak memory that an ingest may take beside the index.
const FIXED_BUDGET_MIB: f64 = 160.0;

/// A pool on one disk file. Its kit opens it: like the rivals' keys that needs no key stretching.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Pool {
    binary: PathBuf,
    disk: PathBuf,
    kit: PathBuf,
}

impl Pool {
    /// In a folder that exists.
    pub(in crate::bench) fn create(binary: &Path, folder: &Path) -> Result<Self> {
        Self::create_sized(binary, folder, POOL_SIZE)
    }

    /// As [`create`](Self::create), with room for so much.
    pub(in crate::bench) fn create_sized(binary: &Path, folder: &Path, size: &str) -> Result<Self> {
        let (disk, kit) = (folder.join("disk0"), folder.join("kit"));
        let passphrase = folder.join("passphrase");
        std::fs::write(&passphrase, "correct horse battery staple\n")
            .map_err(Error::io(&passphrase))?;
        let pool = Self { binary: binary.to_path_buf(), disk, kit };
        let mut create = command(&pool.binary);
        create.args(["pool", "create"]).arg(&pool.disk).args(["--size", size]);
        create.arg("--kit-out").arg(&pool.kit).arg("--passphrase-file").arg(&passphrase);
        quiet(create.args(["--yes", "--json"]))?;
        quiet(&mut pool.command(&["kit", "prove"]))?;
        Ok(pool)
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

    pub(in crate::bench) fn status(&self) -> Result<Value> {
        let mut status = command(&self.binary);
        status.args(["pool", "status", "--json", "--pool"]).arg(&self.disk);
        parse(&quiet(&mut status)?, &status)
    }

    /// What the issue grants: a fixed part and the index, which grows with what is stored.
    pub(in crate::bench) fn memory_budget_mib(&self) -> Result<f64> {
        let status = self.status()?;
        let index_bytes = status.get("index_bytes").and_then(Value::as_u64).unwrap_or(0);
        Ok(FIXED_BUDGET_MIB + index_bytes as f64 / f64::from(1 << 20))
    }

    pub(in crate::bench) fn disk(&self) -> &Path {
        &self.disk
    }

    pub(in crate::bench) fn command(&self, words: &[&str]) -> Command {
        let mut holdfast = command(&self.binary);
        holdfast.args(words).arg("--pool").arg(&self.disk).arg("--kit-file").arg(&self.kit);
        holdfast
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

    fn pool(&self) -> Result<&Pool> {
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
        let (cost, answer) = self.pool()?.ingest(ingest, Some(self.codec))?;
        self.points.insert(ingest.name.to_owned(), point_of(&answer)?);
        Ok(cost)
    }

    fn restore(&self, name: &str, target: Target<'_>) -> Result<Cost> {
        let point = self.points.get(name).ok_or_else(|| unexpected("a point was not taken"))?;
        let mut restore = self.pool()?.command(&["restore", "--point", point]);
        restore.arg("--to").arg(match target {
            Target::Null => Path::new("-"),
            Target::File(file) => file,
        });
        Ok(timed(&restore, Stdout::Null)?.0)
    }

    fn verify(&self) -> Result<Cost> {
        Ok(timed(&self.pool()?.command(&["verify", "--json"]), Stdout::Text)?.0)
    }

    fn stored_bytes(&self) -> Result<u64> {
        let status = self.pool()?.status()?;
        let stored = status.get("stored_bytes").and_then(Value::as_u64);
        stored.ok_or_else(|| unexpected("pool status without stored_bytes"))
    }

    fn compares_with_parent(&self) -> bool {
        true
    }

    fn memory_budget_mib(&self) -> Result<Option<f64>> {
        self.pool()?.memory_budget_mib().map(Some)
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

fn unexpected(what: &str) -> Error {
    Error::Unexpected { from: "holdfast".into(), what: what.to_owned() }
}
