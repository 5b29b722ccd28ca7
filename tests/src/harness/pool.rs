//! A pool on files in a folder of its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{Outcome, holdfast, number, run, run_with, text, write_sparse};

/// The passphrase of all pools here.
pub(crate) const PASSPHRASE: &str = "four words are enough";

/// A pool, its secrets, and a folder for what comes and goes. Removed at the end.
#[derive(Debug)]
pub(crate) struct Pool {
    folder: TempDir,
    pub(crate) disks: Vec<PathBuf>,
}

impl Pool {
    /// A pool on `count` new files of `mib` MiB that takes recovery points.
    pub(crate) fn new(count: usize, mib: usize) -> Self {
        let pool = Self::unproved(count, mib);
        pool.prove();
        pool
    }

    /// A pool whose kit has not been proved yet.
    pub(crate) fn unproved(count: usize, mib: usize) -> Self {
        let pool = Self::planned(count);
        run_with(pool.create(), &["--size", &format!("{mib}MiB")]).done();
        pool
    }

    /// A pool on disks that are there already.
    pub(crate) fn on_devices(disks: Vec<PathBuf>) -> Self {
        let pool = Self { disks, ..Self::planned(0) };
        run_with(pool.create(), &["--yes"]).done();
        pool.prove();
        pool
    }

    /// The names and secrets of a pool that is still to be made.
    pub(crate) fn planned(count: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let disks = (0..count).map(|number| folder.path().join(format!("disk{number}"))).collect();
        let pool = Self { folder, disks };
        std::fs::write(pool.path("passphrase"), PASSPHRASE).expect("room for a small file");
        pool
    }

    /// The command that makes it; the caller adds a size.
    pub(crate) fn create(&self) -> Command {
        let mut create = Command::new(holdfast());
        create.args(["--json", "pool", "create", "--kit-out"]).arg(self.path("kit"));
        create.arg("--passphrase-file").arg(self.path("passphrase")).args(&self.disks);
        create
    }

    fn prove(&self) {
        run_with(self.locked(&["kit", "prove"]), &["--kit-file".into(), self.path("kit")]).done();
    }

    /// A path in the folder of the test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes an image into the folder.
    pub(crate) fn image(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        write_sparse(&path, bytes);
        path
    }

    /// A command on all disks of the pool with the kit, which opens it faster than the passphrase.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        self.on(&self.disks, words)
    }

    /// A command on some disks, with the kit.
    pub(crate) fn on<P: AsRef<Path>>(&self, disks: &[P], words: &[&str]) -> Command {
        let kit = format!("--kit-file={}", self.path("kit").display());
        let verbs = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
        let mut words = words.to_vec();
        words.insert(verbs, &kit);
        locked_on(disks, &words)
    }

    /// A command with these words and nothing else.
    pub(crate) fn bare(&self, words: &[&str]) -> Command {
        let mut command = Command::new(holdfast());
        command.arg("--json").args(words);
        command
    }

    /// A command on all disks without a key.
    pub(crate) fn locked(&self, words: &[&str]) -> Command {
        locked_on(&self.disks, words)
    }

    /// `holdfast ingest` of an image as the system `machine`.
    pub(crate) fn ingest(&self, image: &Path) -> Command {
        let mut ingest = self.command(&["ingest", "--system", "machine"]);
        ingest.arg(image);
        ingest
    }

    /// Takes an image in and returns the identity of its recovery point.
    pub(crate) fn take(&self, image: &Path) -> String {
        text(&run(&mut self.ingest(image)).done(), "point").to_owned()
    }

    /// Writes the image and takes it in.
    pub(crate) fn take_bytes(&self, name: &str, bytes: &[u8]) -> String {
        self.take(&self.image(name, bytes))
    }

    /// Identities of all recovery points, the oldest first. Each must be whole.
    pub(crate) fn points(&self) -> Vec<String> {
        points(&run(&mut self.command(&["points"])))
    }

    /// `holdfast restore` to a file or device.
    pub(crate) fn restore_to(&self, point: &str, to: &Path) -> Command {
        let mut restore = self.command(&["restore", "--point", point, "--to"]);
        restore.arg(to);
        restore
    }

    /// The bytes of a recovery point that has one volume.
    pub(crate) fn restore(&self, point: &str) -> Vec<u8> {
        self.restored(point, &[])
    }

    /// The bytes of one volume of a recovery point.
    pub(crate) fn restore_volume(&self, point: &str, volume: &str) -> Vec<u8> {
        self.restored(point, &["--volume", volume])
    }

    fn restored(&self, point: &str, which: &[&str]) -> Vec<u8> {
        let to = self.path(&format!("restored-{point}"));
        run(self.restore_to(point, &to).args(which)).done();
        let bytes = std::fs::read(&to).expect("the restored file");
        std::fs::remove_file(&to).expect("the restored file");
        bytes
    }

    /// Reads and checks everything in the pool; returns what was healed.
    pub(crate) fn verify(&self) -> u64 {
        let outcome = run(&mut self.command(&["verify"])).done();
        assert_eq!(number(&outcome, "lost"), 0, "{outcome}");
        assert!(number(&outcome, "bytes_read") > 0, "{outcome}");
        number(&outcome, "healed")
    }

    /// What is on all disks, in one number.
    pub(crate) fn fingerprint(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for disk in &self.disks {
            hasher.update(&std::fs::read(disk).expect("a disk of the pool"));
        }
        hasher.finalize()
    }
}

/// The identities in what `holdfast points` printed.
pub(crate) fn points(outcome: &Outcome) -> Vec<String> {
    let list = outcome.done();
    let list = list["points"].as_array().expect("a list of points");
    let id = |point: &Value| {
        assert_eq!(point["error"], Value::Null, "{point}");
        text(point, "point").to_owned()
    };
    list.iter().map(id).collect()
}

fn locked_on<P: AsRef<Path>>(disks: &[P], words: &[&str]) -> Command {
    let disks: Vec<OsString> = disks.iter().map(|disk| disk.as_ref().into()).collect();
    let options = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
    let (verbs, options) = words.split_at(options);
    let mut command = Command::new(holdfast());
    command.arg("--json").args(verbs).arg("--pool").arg(disks.join(OsStr::new(",")));
    command.args(options);
    command
}
