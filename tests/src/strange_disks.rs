//! Disks that come back where they do not belong: exchanged, too small, of another pool, or after
//! they went on alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{
    Loop, MIB, Outcome, Pool, Random, image, number, points, run, run_with, text,
};

/// `holdfast disk VERB` on some of the disks.
fn disk(pool: &Pool, on: &[&Path], verb: &str, words: &[&str]) -> Outcome {
    let list: Vec<String> = on.iter().map(|disk| disk.display().to_string()).collect();
    run_with(pool.bare(&["disk", verb, "--pool", &list.join(",")]), words)
}

fn ingest_alone(pool: &Pool, on: &Path, image: &Path) -> String {
    let ingest = pool.on(&[on], &["ingest", "--degraded", "--system", "machine"]);
    text(&run_with(ingest, &[image]).done(), "point").to_owned()
}

fn bytes_of(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a disk")
}

fn swapped(mut pool: Pool, swap: impl FnOnce(&mut Pool)) {
    let bytes = image(101, 6 * MIB);
    let one = pool.take_bytes("first", &bytes);
    swap(&mut pool);
    assert_eq!(pool.points(), [one.as_str()]);
    let two = pool.take_bytes("second", &image(102, 3 * MIB));
    assert_eq!(pool.verify(), 0, "exchanged disks were taken for damaged ones");
    assert!(pool.restore(&one) == bytes);
    for disk in &pool.disks {
        let alone = run(&mut pool.on(&[disk], &["points", "--degraded"]));
        assert_eq!(points(&alone), [one.as_str(), two.as_str()]);
    }
}

#[test]
fn disks_whose_paths_are_exchanged_are_the_same_pool() {
    swapped(Pool::new(2, 64), |pool| {
        let aside = pool.path("aside");
        let rename = |from: &Path, to: &Path| std::fs::rename(from, to).expect("a disk");
        rename(&pool.disks[0], &aside);
        rename(&pool.disks[1], &pool.disks[0]);
        rename(&aside, &pool.disks[1]);
    });
}

#[test]
fn devices_that_are_exchanged_are_the_same_pool() {
    let files = tempfile::tempdir().expect("a folder for the test");
    let device = |name: &str| Loop::new(&files.path().join(name), 64 * MIB);
    let (Some(one), Some(other)) = (device("one"), device("other")) else { return };
    let pool = Pool::on_devices(vec![one.device.clone(), other.device.clone()]);
    swapped(pool, |pool| pool.disks.reverse());
}

#[test]
fn a_disk_on_which_the_pool_does_not_fit_is_refused() {
    let pool = Pool::new(2, 192);
    // What does not shrink, however much time there is to compress it.
    let mut bytes = vec![0; 80 * MIB];
    Random(103).fill(&mut bytes);
    let id = pool.take_bytes("first", &bytes);
    let (kept, lost) = (pool.disks[0].clone(), pool.disks[1].clone());
    let small = pool.path("small");
    let path = small.display().to_string();
    // In the place of one that works, and of one that is lost.
    let works = ["--member", "1", "--size", "48MiB", &path];
    let refused = disk(&pool, &[&kept, &lost], "replace", &works);
    refused.refused("too small", "bigger disk");
    std::fs::remove_file(&lost).expect("a disk of the pool");
    let refused = disk(&pool, &[&kept], "replace", &["--degraded", "--size", "48MiB", &path]);
    refused.refused("too small", "bigger disk");
    // One that was there before is left as it was.
    std::fs::write(&small, vec![7; 48 * MIB]).expect("room for a file");
    let refused = disk(&pool, &[&kept], "replace", &["--degraded", "--yes", &path]);
    refused.refused("too small", "bigger disk");
    assert!(bytes_of(&small).iter().all(|byte| *byte == 7), "something was written");
    let alone = run(&mut pool.on(&[&kept], &["points", "--degraded"]));
    assert_eq!(points(&alone), [id.as_str()]);
}

#[test]
fn a_disk_of_another_pool_is_overwritten_only_when_that_is_said() {
    let (pool, other) = (Pool::new(2, 64), Pool::new(1, 64));
    let bytes = image(104, 4 * MIB);
    let id = pool.take_bytes("first", &bytes);
    let theirs = other.take_bytes("theirs", &image(105, 2 * MIB));
    let (kept, foreign) = (pool.disks[0].clone(), other.disks[0].clone());
    let path = foreign.display().to_string();
    let before = other.fingerprint();
    let both: Vec<&Path> = pool.disks.iter().map(PathBuf::as_path).collect();
    disk(&pool, &both, "replace", &["--member", "1", &path]).refused("would be lost", "--yes");
    disk(&pool, &[&kept], "return", &["--degraded", "--yes", &path])
        .refused("no disk that this pool left behind", "disk replace");
    disk(&pool, &[&kept, &foreign], "resync", &["--degraded"])
        .refused("belongs to pool", "disks of one pool");
    std::fs::remove_file(&pool.disks[1]).expect("a disk of the pool");
    disk(&pool, &[&kept], "replace", &["--degraded", &path]).refused("would be lost", "--yes");
    assert_eq!(other.fingerprint(), before, "a foreign disk was written to");
    assert_eq!(other.points(), [theirs]);

    let done = disk(&pool, &[&kept], "replace", &["--degraded", "--yes", &path]).done();
    assert_eq!(done["complete"], true);
    let mut restore = pool.on(&[&foreign], &["restore", "--degraded", "--point", &id, "--to"]);
    run(restore.arg(pool.path("to"))).done();
    assert!(bytes_of(&pool.path("to")) == bytes);
}

#[test]
fn of_two_halves_that_went_on_alone_one_is_kept_by_name() {
    let pool = Pool::new(2, 64);
    let first = pool.take_bytes("first", &image(106, 4 * MIB));
    let (kept, other) = (pool.disks[0].clone(), pool.disks[1].clone());
    let ours = image(107, 3 * MIB);
    let second = ingest_alone(&pool, &kept, &pool.image("ours", &ours));
    let theirs = ingest_alone(&pool, &other, &pool.image("theirs", &image(108, 3 * MIB)));
    run(&mut pool.command(&["points"])).refused("without each other", "disk return");
    let before = bytes_of(&other);
    let path = other.display().to_string();
    let refused = disk(&pool, &[&kept], "return", &["--degraded", &path]);
    refused.refused("went on alone", "--yes");
    assert!(bytes_of(&other) == before, "a half was given up unasked");
    let alone = run(&mut pool.on(&[&other], &["points", "--degraded"]));
    assert_eq!(points(&alone), [first.as_str(), theirs.as_str()]);

    let done = disk(&pool, &[&kept], "return", &["--degraded", "--yes", &path]).done();
    assert!(done["complete"] == true && number(&done, "kept") > 0, "{done}");
    assert_eq!(pool.points(), [first.as_str(), second.as_str()]);
    assert_eq!(pool.verify(), 0);
    let mut restore = pool.on(&[&other], &["restore", "--degraded", "--point", &second, "--to"]);
    run(restore.arg(pool.path("to"))).done();
    assert!(bytes_of(&pool.path("to")) == ours);
}

/// A file system in memory of a bounded size; unmounted at the end.
struct Tight(PathBuf);

impl Tight {
    fn new(at: PathBuf, mib: usize) -> Option<Self> {
        std::fs::create_dir(&at).expect("a new folder");
        let size = format!("size={mib}m");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "none"]).arg(&at).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(at));
        }
        crate::harness::skipped("a file system cannot be mounted");
        None
    }

    /// Takes all room that is left: writes to what has none yet fail from here on.
    fn fill(&self) {
        let mut filler = std::fs::File::create(self.0.join("filler")).expect("a new file");
        let zeroes = vec![0; MIB];
        while std::io::Write::write_all(&mut filler, &zeroes).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("the filler");
    }
}

impl Drop for Tight {
    fn drop(&mut self) {
        crate::harness::client("umount", &["--lazy", &self.0.to_string_lossy()]);
    }
}

#[test]
fn a_device_that_fails_in_the_middle_is_left_behind_and_comes_back() {
    let files = tempfile::tempdir().expect("a folder for the test");
    let Some(tight) = Tight::new(files.path().join("tight"), 256) else { return };
    let backing = files.path().join("well");
    let Some(well) = Loop::new(&backing, 192 * MIB) else { return };
    let Some(pulled) = Loop::new(&tight.0.join("pulled"), 192 * MIB) else { return };
    let pool = Pool::on_devices(vec![well.device.clone(), pulled.device.clone()]);
    let first = pool.take_bytes("first", &image(109, 16 * MIB));
    let mut bytes = vec![0; 100 * MIB];
    Random(110).fill(&mut bytes);
    let mut ingest = pool.ingest(&pool.image("second", &bytes));
    let mut work = crate::harness::Work::start(&mut ingest, &backing);
    assert!(work.grown(16 * MIB as u64), "too fast");
    work.while_stopped(|| tight.fill());
    let second = text(&work.wait().done(), "point").to_owned();

    // The disk that failed is stale, and its mirror has everything.
    let both = run(&mut pool.command(&["points"]));
    assert_eq!(points(&both), [first.as_str(), second.as_str()]);
    assert!(both.stderr.contains("stale"), "{}", both.stderr);
    assert!(pool.restore(&second) == bytes);
    tight.empty();
    let path = pulled.device.display().to_string();
    let done = disk(&pool, &[&well.device], "return", &["--degraded", &path]).done();
    assert!(number(&done, "kept") > 0 && number(&done, "copied") > 0, "{done}");
    assert_eq!(pool.verify(), 0);
    let mut restore = pool.on(&[&pulled.device], &["restore", "--degraded", "--point", &second]);
    run(restore.arg("--to").arg(pool.path("to"))).done();
    assert!(bytes_of(&pool.path("to")) == bytes);
}
