//! Disks that are added, replaced, taken back and removed, by the command.

use std::path::PathBuf;

use crate::harness::{MIB, Outcome, Pool, Work, image, number, points, run, run_with, text};

/// MiB of each disk.
const DISK: usize = 192;

/// What `holdfast disk` does on some of the disks; `words` come behind `--pool`.
fn disk(pool: &Pool, on: &[PathBuf], verb: &str, words: &[&str]) -> Outcome {
    let command = disk_command(pool, on, verb, words);
    run_with::<&str>(command, &[])
}

fn disk_command(pool: &Pool, on: &[PathBuf], verb: &str, words: &[&str]) -> std::process::Command {
    let list: Vec<String> = on.iter().map(|disk| disk.display().to_string()).collect();
    let mut command = pool.bare(&["disk", verb, "--pool", &list.join(",")]);
    command.args(words);
    command
}

/// Takes an image in on some of the disks.
fn ingest(pool: &Pool, on: &[PathBuf], words: &[&str], name: &str, bytes: &[u8]) -> String {
    let mut ingest = pool.on(on, &["ingest", "--system", "machine"]);
    ingest.args(words).arg(pool.image(name, bytes));
    text(&run(&mut ingest).done(), "point").to_owned()
}

/// The bytes of a point, from one disk that stands alone.
fn restored(pool: &Pool, on: &PathBuf, words: &[&str], point: &str) -> Vec<u8> {
    let to = pool.path("alone");
    let mut restore = pool.on(&[on], &["restore", "--point", point]);
    run(restore.args(words).arg("--to").arg(&to)).done();
    let bytes = std::fs::read(&to).expect("the restored file");
    std::fs::remove_file(&to).expect("the restored file");
    bytes
}

fn states(outcome: &serde_json::Value) -> Vec<String> {
    let disks = outcome["disks"].as_array().expect("a list of disks");
    disks.iter().map(|disk| text(disk, "state").to_owned()).collect()
}

#[test]
fn a_lost_disk_is_replaced_and_the_new_one_stands_alone() {
    let pool = Pool::new(2, DISK);
    let (old, lost) = (pool.disks[..1].to_vec(), &pool.disks[1]);
    let first = image(71, 24 * MIB);
    let one = pool.take_bytes("first", &first);
    std::fs::remove_file(lost).expect("a disk of the pool");
    let second = image(72, 12 * MIB);
    let two = ingest(&pool, &old, &["--degraded"], "second", &second);
    let status = disk(&pool, &old, "status", &[]).done();
    assert_eq!(states(&status), ["complete", "missing"]);

    // An empty and bigger one takes its place.
    let new = pool.path("new");
    let path = new.display().to_string();
    let refused = disk(&pool, &old, "replace", &[&path]);
    refused.refused("has no size", "--size");
    let size = format!("{}MiB", DISK + 64);
    let done = disk(&pool, &old, "replace", &[&path, "--size", &size]).done();
    assert_eq!(states(&done), ["complete", "complete"]);
    assert!(number(&done, "copied") > 10 && number(&done, "kept") == 0, "{done}");
    let both = vec![old[0].clone(), new.clone()];
    let verified = run(&mut pool.on(&both, &["verify"])).done();
    assert_eq!((number(&verified, "healed"), number(&verified, "lost")), (0, 0), "{verified}");

    // The first leaves; what stays is the pool.
    let remove = disk(&pool, &both, "remove", &["--member", "0"]);
    remove.refused("would leave the pool", "--yes");
    let left = disk(&pool, &both, "remove", &["--member", "0", "--yes"]).done();
    assert_eq!(states(&left), ["complete"]);
    assert!(restored(&pool, &new, &[], &one) == first);
    assert!(restored(&pool, &new, &[], &two) == second);
    disk(&pool, std::slice::from_ref(&new), "remove", &["--member", "1", "--yes"])
        .refused("no other disk", "disk resync");
    run(&mut pool.on(&both, &["points"])).refused("was taken out of its pool", "leave it out");

    // And comes back as a new one, with what it still has.
    let own = old[0].display().to_string();
    let unasked = disk(&pool, std::slice::from_ref(&new), "add", &[&own]);
    unasked.refused("would be lost", "--yes");
    let added = disk(&pool, std::slice::from_ref(&new), "add", &[&own, "--yes"]).done();
    assert_eq!(states(&added), ["complete", "complete"]);
    assert!(number(&added, "kept") > 10, "{added}");
    assert!(restored(&pool, &old[0], &["--degraded"], &two) == second);
}

#[test]
fn a_disk_that_was_left_behind_is_taken_back() {
    let pool = Pool::new(2, DISK);
    let (old, stale) = (pool.disks[..1].to_vec(), &pool.disks[1]);
    let first = image(73, 24 * MIB);
    let one = pool.take_bytes("first", &first);
    let second = image(74, 6 * MIB);
    let two = ingest(&pool, &old, &["--degraded"], "second", &second);
    let path = stale.display().to_string();
    disk(&pool, &old, "replace", &[&path, "--yes"]).refused("is a disk of this pool", "return");
    let done = disk(&pool, &old, "return", &[&path]).done();
    assert_eq!(states(&done), ["complete", "complete"]);
    let (kept, copied) = (number(&done, "kept"), number(&done, "copied"));
    assert!(copied > 0 && kept > copied, "{done}");
    assert_eq!(pool.verify(), 0);
    assert!(restored(&pool, stale, &["--degraded"], &one) == first);
    assert!(restored(&pool, stale, &["--degraded"], &two) == second);
}

#[test]
fn a_resync_that_is_killed_or_interrupted_goes_on() {
    let pool = Pool::new(1, 2 * DISK);
    let mut bytes = vec![0; 160 * MIB];
    crate::harness::Random(75).fill(&mut bytes);
    let one = pool.take_bytes("image", &bytes);
    let new = pool.path("new");
    let size = format!("{}MiB", 2 * DISK);
    let path = new.display().to_string();
    let words = ["--size", &size, "--no-resync", &path];
    let added = disk(&pool, &pool.disks, "add", &words).done();
    assert_eq!(text(&added, "state"), "syncing");
    let both = vec![pool.disks[0].clone(), new.clone()];
    // It is no copy yet.
    let alone = run(&mut pool.on(&[&new], &["points", "--degraded"]));
    alone.refused("still being filled", "has everything");

    let mut work = Work::start(&mut disk_command(&pool, &both, "resync", &[]), &new);
    assert!(work.grown(24 * MIB as u64), "too fast to be killed");
    work.kill();
    let status = disk(&pool, &both, "status", &[]).done();
    assert_eq!(states(&status), ["complete", "syncing"]);
    let lacking = number(&status["disks"][1], "lacking_bytes");
    assert!(lacking < 150 * MIB as u64, "{status}");

    let mut work = Work::start(&mut disk_command(&pool, &both, "resync", &[]), &new);
    assert!(work.grown(24 * MIB as u64), "too fast to be interrupted");
    work.interrupt();
    work.wait().refused("interrupted", "disk resync");
    // A recovery point is made and read in the meantime.
    let between = image(76, 4 * MIB);
    let two = ingest(&pool, &both, &[], "between", &between);
    let done = disk(&pool, &both, "resync", &[]).done();
    assert_eq!(states(&done), ["complete", "complete"]);
    assert!(number(&done, "bytes_done") < lacking, "{done}");
    let alone = run(&mut pool.on(&[&new], &["points", "--degraded"]));
    assert_eq!(points(&alone), [one.as_str(), two.as_str()]);
    assert!(restored(&pool, &new, &["--degraded"], &one) == bytes);
    assert!(restored(&pool, &new, &["--degraded"], &two) == between);
}
