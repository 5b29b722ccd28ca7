//! `holdfast disk replace` of a disk that still works: it serves until the new one has everything.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog::{Catalog, Uptime};
use disk::{Access, Backend, Disk};
use futures_executor::block_on;
use ingest::{Compression, FileSource, Ingest, NewVolume, Options, Parent};
use model::{Consistency, PointId, WallTime};
use record::{Progress, TenantAccess};
use serde_json::Value;
use store::{Admission, Pace, Pacer, PacerFuture, Resynced, Store};

use crate::harness::{MIB, Outcome, Pool, Random, Work, image, number, points, run, text};

/// MiB of each disk.
const DISK: usize = 192;

/// `holdfast disk VERB` on some of the disks.
fn disk(pool: &Pool, on: &[&Path], verb: &str, words: &[&str]) -> Command {
    let list: Vec<String> = on.iter().map(|disk| disk.display().to_string()).collect();
    let mut command = pool.bare(&["disk", verb, "--pool", &list.join(",")]);
    command.args(words);
    command
}

fn states(pool: &Pool, on: &[&Path]) -> Vec<String> {
    let status = run(&mut disk(pool, on, "status", &[])).done();
    let disks = status["disks"].as_array().expect("a list of disks");
    disks.iter().map(|disk| text(disk, "state").to_owned()).collect()
}

/// The bytes of a point, from one disk that stands alone.
fn restored(pool: &Pool, on: &Path, point: &str) -> Vec<u8> {
    let to = pool.path("alone");
    let mut restore = pool.on(&[on], &["restore", "--degraded", "--point", point, "--to"]);
    run(restore.arg(&to)).done();
    let bytes = std::fs::read(&to).expect("the restored file");
    std::fs::remove_file(&to).expect("the restored file");
    bytes
}

fn ingest(pool: &Pool, on: &[&Path], words: &[&str], image: &Path) -> Outcome {
    let mut ingest = pool.on(on, &["ingest", "--system", "machine"]);
    run(ingest.args(words).arg(image))
}

/// The command that puts `new` in the place of the second disk of a pool on two.
struct Replacing {
    pool: Pool,
    kept: PathBuf,
    old: PathBuf,
    new: PathBuf,
}

impl Replacing {
    fn of(pool: Pool) -> Self {
        let (kept, old) = (pool.disks[0].clone(), pool.disks[1].clone());
        let new = pool.path("new");
        Self { pool, kept, old, new }
    }

    fn command(&self, words: &[&str]) -> Command {
        let (new, size) = (self.new.display().to_string(), format!("{}MiB", DISK + 64));
        let mut all = vec!["--member", "1", "--size", &size, &new];
        all.extend(words);
        disk(&self.pool, &[&self.kept, &self.old], "replace", &all)
    }

    fn three(&self) -> [&Path; 3] {
        [&self.kept, &self.old, &self.new]
    }

    /// The old disk is none of the pool's any more, and does not pass for it.
    fn has_ended(&self, ids: &[&str]) {
        let (kept, old, new) = (&*self.kept, &*self.old, &*self.new);
        assert_eq!(states(&self.pool, &[kept, new]), ["complete", "complete"]);
        let verified = run(&mut self.pool.on(&[kept, new], &["verify"])).done();
        assert_eq!((number(&verified, "healed"), number(&verified, "lost")), (0, 0), "{verified}");
        let alone = run(&mut self.pool.on(&[new], &["points", "--degraded"]));
        assert_eq!(points(&alone), ids);
        for on in [vec![old], vec![kept, old], vec![old, new], vec![kept, old, new]] {
            let refused = run(&mut self.pool.on(&on, &["points"]));
            refused.refused("was taken out of its pool", "leave it out");
        }
        let written = ingest(&self.pool, &[old], &["--degraded"], &self.pool.path("first"));
        written.refused("was taken out of its pool", "leave it out");
    }
}

#[test]
fn a_disk_that_works_is_replaced_and_only_read_from_then_on() {
    let pool = Pool::new(2, DISK);
    let first = image(81, 24 * MIB);
    let one = pool.take_bytes("first", &first);
    let replacing = Replacing::of(pool);
    let pool = &replacing.pool;
    let new = replacing.new.display().to_string();
    let unsaid = ["--size", "192MiB", &new];
    let refused = run(&mut disk(pool, &[&replacing.kept, &replacing.old], "replace", &unsaid));
    refused.refused("no disk of the pool is missing", "--member");

    let done = run(&mut replacing.command(&[])).done();
    assert!(text(&done, "left").ends_with("disk1"), "{done}");
    assert!(number(&done, "copied") > 5 && done["complete"] == true, "{done}");
    assert_eq!(done["disks"].as_array().map(Vec::len), Some(2), "{done}");
    replacing.has_ended(&[&one]);
    assert!(restored(pool, &replacing.new, &one) == first);
    // Whoever finds it in a drawer when all else is lost can still read it.
    let before = std::fs::read(&replacing.old).expect("the old disk");
    assert!(restored(pool, &replacing.old, &one) == first);
    assert!(std::fs::read(&replacing.old).expect("the old disk") == before);

    // The same command again finds nothing to do.
    let again = run(&mut replacing.command(&[])).done();
    assert_eq!((number(&again, "copied"), &again["left"]), (0, &Value::Null), "{again}");
    // A pool of two takes no third for good.
    let third = replacing.old.display().to_string();
    let mut add = disk(pool, &[&replacing.kept, &replacing.new], "add", &["--yes", &third]);
    run(&mut add).refused("takes no more", "disk replace");
}

#[test]
fn a_replacement_that_is_killed_or_interrupted_goes_on() {
    let pool = Pool::new(2, DISK);
    let mut bytes = vec![0; 120 * MIB];
    Random(82).fill(&mut bytes);
    let one = pool.take_bytes("first", &bytes);
    let replacing = Replacing::of(pool);
    let pool = &replacing.pool;
    let begun = run(&mut replacing.command(&["--no-resync"])).done();
    assert_eq!(text(&begun, "state"), "syncing");
    // It counts as a disk of the pool, and the old one is a full copy as before.
    let two = [&*replacing.kept, &*replacing.old];
    run(&mut pool.on(&two, &["points"])).refused("is missing", "--degraded");
    assert_eq!(states(pool, &replacing.three()), ["complete", "complete", "syncing"]);
    let fourth = pool.path("fourth").display().to_string();
    let more = ["--member", "0", "--size", "192MiB", &fourth];
    let refused = run(&mut disk(pool, &replacing.three(), "replace", &more));
    refused.refused("takes no more", "disk remove");
    assert!(!Path::new(&fourth).exists(), "something is left behind");

    let mut work = Work::start(&mut replacing.command(&[]), &replacing.new);
    assert!(work.grown(24 * MIB as u64), "too fast to be killed");
    work.kill();
    assert_eq!(states(pool, &replacing.three()), ["complete", "complete", "syncing"]);
    // What is written meanwhile is on all three, the old one among them.
    let between = image(83, 4 * MIB);
    let path = pool.image("between", &between);
    let two = text(&ingest(pool, &replacing.three(), &[], &path).done(), "point").to_owned();
    assert!(restored(pool, &replacing.old, &two) == between);

    let mut work = Work::start(&mut replacing.command(&[]), &replacing.new);
    assert!(work.grown(24 * MIB as u64), "too fast to be interrupted");
    work.interrupt();
    work.wait().refused("interrupted", "the same command again");
    assert_eq!(states(pool, &replacing.three()), ["complete", "complete", "syncing"]);
    let done = run(&mut replacing.command(&[])).done();
    assert!(number(&done, "bytes_done") < 100 * MIB as u64, "{done}");
    replacing.has_ended(&[&one, &two]);
    assert!(restored(pool, &replacing.new, &one) == bytes);
    assert!(restored(pool, &replacing.new, &two) == between);
}

#[test]
fn the_old_disk_may_be_lost_while_the_new_one_is_filled() {
    let pool = Pool::new(2, DISK);
    let first = image(84, 24 * MIB);
    let one = pool.take_bytes("first", &first);
    let replacing = Replacing::of(pool);
    let pool = &replacing.pool;
    run(&mut replacing.command(&["--no-resync"])).done();
    std::fs::remove_file(&replacing.old).expect("a disk of the pool");
    let new = replacing.new.display().to_string();
    let words = ["--degraded", "--member", "1", &new];
    let done = run(&mut disk(pool, &[&replacing.kept], "replace", &words)).done();
    assert_eq!(done["disks"].as_array().map(Vec::len), Some(2), "{done}");
    assert_eq!(states(pool, &[&replacing.kept, &replacing.new]), ["complete", "complete"]);
    assert!(restored(pool, &replacing.new, &one) == first);
}

#[test]
fn the_last_good_disk_does_not_go_unasked() {
    let pool = Pool::new(2, DISK);
    let first = image(88, 24 * MIB);
    let one = pool.take_bytes("first", &first);
    let replacing = Replacing::of(pool);
    let pool = &replacing.pool;
    run(&mut replacing.command(&["--no-resync"])).done();
    std::fs::remove_file(&replacing.kept).expect("a disk of the pool");
    let new = replacing.new.display().to_string();
    let words = ["--degraded", "--member", "1", &new];
    let refused = run(&mut disk(pool, &[&replacing.old], "replace", &words));
    refused.refused("would be the pool's only disk", "--yes");
    // The two that are left are a mirror as good as any.
    let both: [&Path; 2] = [&replacing.old, &replacing.new];
    run(&mut disk(pool, &both, "resync", &["--degraded"])).done();
    run(&mut disk(pool, &both, "remove", &["--member", "0", "--yes"])).done();
    assert_eq!(states(pool, &both), ["complete", "complete"]);
    for on in both {
        assert!(restored(pool, on, &one) == first);
    }
}

#[test]
fn copies_are_made_no_faster_than_asked_for() {
    let pool = Pool::new(1, 64);
    let mut bytes = vec![0; 8 * MIB];
    Random(85).fill(&mut bytes);
    pool.take_bytes("first", &bytes);
    let new = pool.path("new").display().to_string();
    let words = ["--size", "64MiB", "--no-resync", &new];
    let own: &Path = &pool.disks[0];
    run(&mut disk(&pool, &[own], "add", &words)).done();
    let both = [own, Path::new(&new)];
    let refused = run(&mut disk(&pool, &both, "resync", &["--rate", "0"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let began = Instant::now();
    let done = run(&mut disk(&pool, &both, "resync", &["--rate", "4M"])).done();
    let least = number(&done, "bytes_done") as f64 / (4 * MIB) as f64;
    assert!(least > 1.9 && done["complete"] == true, "{done}");
    assert!(began.elapsed() >= Duration::from_secs_f64(least), "{:?}", began.elapsed());
}

/// Real time, for a thread of its own.
struct Clock(Instant);

impl Pacer for Clock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) -> PacerFuture<'_> {
        std::thread::sleep(time);
        Box::pin(std::future::ready(()))
    }
}

/// Lets the new disk take over, in a pool that others work with.
fn relieve(store: &Store, new: Arc<dyn Disk>) -> Resynced {
    let clock = Clock(Instant::now());
    block_on(async {
        let number = store.admit(new, Admission::Relieve { member: 1 }, false).await?;
        let resynced = store.resync(Pace::gentle(&clock), |_| true).await?;
        store.relieve(1, number).await?;
        Ok::<_, store::StoreError>(resynced)
    })
    .expect("a disk with enough room")
}

fn take_in(access: &Arc<TenantAccess>, catalog: &Catalog, image: &Path) -> PointId {
    let point = PointId([9; 16]);
    let options = Options {
        system: "machine".to_owned(),
        compression: Compression::default(),
        workers: 2,
        parent: Parent::None,
        point,
        consistency: Consistency::default(),
        now: WallTime(1),
        uptime: Uptime { boot: [1; 16], seconds: 9, proven: None },
    };
    let source = FileSource::open(image).expect("an image");
    let progress = Progress::default();
    let volumes = vec![NewVolume { name: "disk".to_owned(), source: &source, hint: None }];
    let ingest = Ingest { access, catalog, volumes, options, progress: &progress };
    ingest.run().expect("room for the image");
    point
}

#[test]
fn an_ingest_goes_on_while_a_disk_takes_over() {
    let pool = Pool::new(2, DISK);
    let first = image(86, 32 * MIB);
    let one = pool.take_bytes("first", &first);
    let second = image(87, 32 * MIB);
    let path = pool.image("second", &second);
    let (store, catalog) = pool.inside(Access::ReadWrite);
    let access = pool.unlock(&store);
    let replacing = Replacing::of(pool);
    disk::create_file(&replacing.new, (DISK * MIB) as u64).expect("room for a disk");
    let new = disk::open(&replacing.new, Access::ReadWrite, Backend::Threads).expect("a disk");
    let (resynced, two) = std::thread::scope(|scope| {
        let resync = scope.spawn(|| relieve(&store, new));
        let two = take_in(&access, &catalog, &path);
        (resync.join().expect("no panic"), two)
    });
    assert!(resynced.complete && resynced.lost.is_empty(), "{resynced:?}");
    drop(access);
    block_on(store.close()).expect("a sound pool");
    let two = two.to_string();
    replacing.has_ended(&[&one, &two]);
    assert!(restored(&replacing.pool, &replacing.new, &one) == first);
    assert!(restored(&replacing.pool, &replacing.new, &two) == second);
    assert!(restored(&replacing.pool, &replacing.kept, &two) == second);
}
