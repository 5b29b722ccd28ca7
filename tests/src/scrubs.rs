//! `holdfast scrub`: a run ends when told, the next goes on where it was, and what it finds is told
//! as `verify` tells it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use format::geometry::Geometry;
use serde_json::Value;
use store::PoolLayout;

use crate::harness::{
    BLOCK, MIB, Pool, Random, Work, flip_between, image, number, run, run_with, text,
};

/// Bytes of the disk that are damaged at a time: a bit or two.
const STEP: usize = 64 << 10;

fn scrub(pool: &Pool, words: &[&str]) -> Value {
    run(pool.command(&["scrub"]).args(words)).done()
}

fn history(pool: &Pool) -> Vec<Value> {
    let list = run(&mut pool.locked(&["scrub", "--history"])).done();
    list["scrubs"].as_array().expect("a list of scrubs").clone()
}

#[test]
fn runs_go_on_where_the_last_one_ended_and_new_segments_come_first() {
    let pool = Pool::new(2, 512);
    assert!(history(&pool).is_empty());
    pool.take_bytes("first", &image(301, 96 * MIB));
    // No time at all, and yet a place.
    let none = scrub(&pool, &["--for", "0s"]);
    assert_eq!((number(&none, "segments"), number(&none, "next")), (0, 1));
    let whole = scrub(&pool, &[]);
    assert_eq!(whole["done"], true, "{whole}");
    assert_eq!(number(&whole, "scrub"), 1);
    let segments = number(&whole, "segments");
    assert!(segments > 2, "{whole}");

    // What is written now is new, and only it is read.
    pool.take_bytes("second", &image(302, 8 * MIB));
    let new = scrub(&pool, &["--new"]);
    assert!(number(&new, "segments") > 0 && number(&new, "segments") < segments, "{new}");
    assert!(number(&new, "verified_below") > number(&whole, "verified_below"), "{new}");
    assert_eq!(number(&scrub(&pool, &["--new"]), "segments"), 0, "read back twice");
    let again = scrub(&pool, &["--duty", "50%"]);
    assert_eq!((number(&again, "scrub"), &again["done"]), (2, &Value::Bool(true)));
    assert!(number(&again, "segments") > segments, "{again}");

    let rows = history(&pool);
    let numbers: Vec<u64> = rows.iter().map(|row| number(row, "scrub")).collect();
    assert_eq!(numbers, [1, 2]);
    let read = number(&whole, "bytes_read") + number(&new, "bytes_read");
    assert!(number(&rows[0], "bytes_read") >= read, "{rows:?}");
    assert_eq!(number(&rows[1], "bytes_read"), number(&again, "bytes_read"));
    assert_eq!(pool.verify(), 0);
}

/// A scrub that has begun and would take long.
fn slow(pool: &Pool) -> Work {
    pool.take_bytes("image", &image(331, 64 * MIB));
    let mut scrub = pool.command(&["scrub"]);
    scrub.args(["--duty", "1%"]);
    let mut work = Work::start(&mut scrub, &pool.disks[0]);
    // The checkpoint at its begin is the first that it writes.
    assert!(work.grown(1), "it ended too early");
    work
}

#[test]
fn a_run_that_is_asked_to_end_keeps_its_place() {
    let pool = Pool::new(2, 256);
    let work = slow(&pool);
    work.interrupt();
    let ended = work.wait().refused("interrupted", "goes on where it was");
    let rows = history(&pool);
    assert_eq!((rows.len(), &rows[0]["done"]), (1, &Value::Bool(false)), "{rows:?}");
    let rest = scrub(&pool, &[]);
    assert_eq!((number(&rest, "scrub"), &rest["done"]), (1, &Value::Bool(true)));
    let both = number(&ended, "segments") + number(&rest, "segments");
    assert_eq!(both, number(&scrub(&pool, &[]), "segments"));
}

#[test]
fn a_run_that_is_killed_leaves_nothing_out() {
    let pool = Pool::new(2, 256);
    slow(&pool).kill();
    assert!(history(&pool).is_empty());
    let next = scrub(&pool, &[]);
    assert_eq!((number(&next, "scrub"), &next["done"]), (1, &Value::Bool(true)));
    assert_eq!(number(&next, "segments"), number(&scrub(&pool, &[]), "segments"));
}

#[test]
fn what_one_disk_has_wrong_is_healed_and_counted() {
    let pool = Pool::new(2, 128);
    let bytes = image(311, 24 * MIB);
    let id = pool.take_bytes("image", &bytes);
    let size = std::fs::metadata(&pool.disks[1]).expect("the disk").len() as usize;
    let flips = flip_between(&pool.disks[1], 4 * MIB..size - MIB, 312);
    assert!(flips > 100, "{flips} flips are too few");
    let scrubbed = scrub(&pool, &[]);
    assert!(number(&scrubbed, "healed") > 0, "{scrubbed}");
    assert_eq!((number(&scrubbed, "damaged"), number(&scrubbed, "lost")), (0, 0), "{scrubbed}");
    assert_eq!(number(&history(&pool)[0], "healed"), number(&scrubbed, "healed"));
    assert_eq!(pool.verify(), 0, "something was left");
    assert!(pool.restore(&id) == bytes);
}

#[test]
fn what_is_lost_is_told_by_recovery_point_system_and_range_by_scrub_and_verify_alike() {
    let damaged = || {
        let pool = Pool::new(1, 64);
        let bytes = image(321, 12 * MIB);
        // One worker, so that all of the image lies in front of all of the other.
        let alone = |name: &str, bytes: &[u8]| {
            let ingest = pool.ingest(&pool.image(name, bytes));
            text(&run_with(ingest, &["--workers", "1"]).done(), "point").to_owned()
        };
        let id = alone("image", &bytes);
        alone("other", &image(322, MIB));
        // A byte that is zero is not flipped, so there are several places.
        let places = (3 * MIB..5 * MIB).step_by(STEP);
        let flip = |from: usize| flip_between(&pool.disks[0], from..from + STEP, 321);
        assert!(places.into_iter().any(|from| flip(from) > 0));
        (pool, id)
    };
    let (pool, id) = damaged();
    let verified = run(&mut pool.command(&["verify", "--no-heal"]));
    let verified = verified.refused("are lost, 1 recovery points", "ingest these systems");
    let scrubbed = run(&mut pool.command(&["scrub"]));
    let scrubbed = scrubbed.refused("are lost, 1 recovery points", "ingest these systems");
    assert_eq!(scrubbed["broken"], verified["broken"]);
    let broken = &scrubbed["broken"][0];
    assert_eq!((text(broken, "point"), text(broken, "system")), (id.as_str(), "machine"));
    let missing = broken["missing"].as_array().expect("a list of ranges");
    let bytes: u64 = missing.iter().map(|range| number(range, "bytes")).sum();
    assert!((1..=512 << 10).contains(&bytes), "{broken}");
    assert!(number(&history(&pool)[0], "lost") > 0);

    // What the system still has heals it.
    let end = missing.last().map(|range| number(range, "start") + number(range, "bytes"));
    assert!(end.is_some_and(|end| end <= 12 * MIB as u64), "{broken}");
    pool.take(&pool.path("image"));
    assert_eq!(scrub(&pool, &[])["broken"], Value::Array(Vec::new()));
}

#[test]
fn a_share_and_a_time_that_make_no_sense_are_refused() {
    let pool = Pool::new(1, 64);
    for words in [["--duty", "0%"], ["--duty", "101%"], ["--duty", "half"], ["--for", "6"]] {
        let refused = run(pool.command(&["scrub"]).args(words));
        assert_eq!(refused.code, Some(2), "{words:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("is expected"), "{}", refused.stderr);
    }
}

#[test]
fn a_segment_whose_list_is_lost_is_told_by_name_at_once() {
    let pool = Pool::new(1, 64);
    let mut bytes = vec![0; 12 * MIB];
    Random(351).fill(&mut bytes);
    let id = pool.take_bytes("image", &bytes);
    let size = 64 * MIB as u64;
    let PoolLayout { segment_bytes, log_bytes } = PoolLayout::for_disk(size);
    let geometry = Geometry::new(size, log_bytes, segment_bytes).expect("the pool's geometry");
    // The last block of a segment says where its list is. Among so many are segments with chunks.
    let disk = File::options().write(true).open(&pool.disks[0]).expect("the disk");
    for slot in 3..6 {
        let last = geometry.slot_offset(slot + 1) - BLOCK as u64;
        disk.write_all_at(&[0; 16], last).expect("room for what was there");
    }
    // What is new is only a part of a scrub, and yet the point is named.
    let found = run(pool.command(&["scrub"]).arg("--new"));
    let found = found.refused("1 recovery points broken", "ingest these systems");
    assert_eq!(text(&found["broken"][0], "point"), id, "{found}");
    assert!(!found["broken"][0]["missing"].as_array().expect("ranges").is_empty(), "{found}");
    let next = pool.take(&pool.path("image"));
    assert!(pool.restore(&next) == bytes && pool.restore(&id) == bytes);
}
