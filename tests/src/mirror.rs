//! Two disks: either may be missing, stale or damaged.

use std::path::{Path, PathBuf};

use crate::harness::{MIB, Pool, flip_between, image, points, run, run_with, text};

#[test]
fn one_disk_alone_is_used_only_when_that_is_meant() {
    let pool = Pool::new(2, 64);
    let bytes = image(91, 4 * MIB);
    let id = pool.take_bytes("image", &bytes);
    for disk in &pool.disks {
        run(&mut pool.on(&[disk], &["points"])).refused("is missing", "--degraded");
        let alone = run(&mut pool.on(&[disk], &["points", "--degraded"]));
        assert_eq!(points(&alone), [id.as_str()]);
        let to = pool.path("to");
        let mut restore = pool.on(&[disk], &["restore", "--degraded", "--point", &id]);
        run(restore.arg("--to").arg(&to)).done();
        assert!(std::fs::read(&to).expect("the restored file") == bytes);
        std::fs::remove_file(&to).expect("the restored file");
    }
    // Reading left no mark: both still go together.
    assert_eq!(pool.points(), [id]);
}

#[test]
fn a_disk_that_was_left_behind_is_not_believed() {
    let pool = Pool::new(2, 64);
    let first = pool.take_bytes("first", &image(92, 2 * MIB));
    let bytes = image(93, 3 * MIB);
    let second = ingest_on(&pool, &pool.disks[..1], &pool.image("second", &bytes));

    // The stale disk is named, left out, and what went on has everything.
    let both = run(&mut pool.command(&["points"]));
    assert_eq!(points(&both), [first.as_str(), second.as_str()]);
    assert!(both.stderr.contains("stale") && both.stderr.contains("disk1"), "{}", both.stderr);
    assert!(pool.restore(&second) == bytes);
    let stale = &pool.disks[1..];
    run(&mut pool.on(stale, &["points"])).refused("is missing", "--degraded");

    // When it goes on alone too, nobody can say which of them is right.
    ingest_on(&pool, stale, &pool.path("first"));
    run(&mut pool.command(&["points"])).refused("without each other", "disk return");
    let ingest = run(&mut pool.ingest(&pool.path("first")));
    ingest.refused("without each other", "disk return");
    let alone = run(&mut pool.on(&pool.disks[..1], &["points", "--degraded"]));
    assert_eq!(points(&alone), [first, second]);
}

fn ingest_on(pool: &Pool, disks: &[PathBuf], image: &Path) -> String {
    let ingest = pool.on(disks, &["ingest", "--degraded", "--system", "machine"]);
    text(&run_with(ingest, &[image]).done(), "point").to_owned()
}

#[test]
fn damage_on_the_first_disk_is_healed() {
    damage_and_heal(0);
}

#[test]
fn damage_on_the_second_disk_is_healed() {
    damage_and_heal(1);
}

fn damage_and_heal(damaged: usize) {
    let pool = Pool::new(2, 64);
    let bytes = image(94, 12 * MIB + 3);
    let id = pool.take_bytes("image", &bytes);
    let flips = flip(&pool.disks[damaged], 95);
    assert!(flips > 20, "{flips} flips are too few");

    assert!(pool.restore(&id) == bytes, "damage came through");
    let looked = run(&mut pool.command(&["verify", "--no-heal"]));
    looked.refused("damaged and were left so", "without --no-heal");
    assert!(pool.verify() > 0, "nothing was healed");
    assert_eq!(pool.verify(), 0, "something was healed twice");
    // The damaged disk is as good as the other now.
    let alone = &pool.disks[damaged..=damaged];
    let to = pool.path("to");
    let mut restore = pool.on(alone, &["restore", "--degraded", "--point", &id]);
    run(restore.arg("--to").arg(&to)).done();
    assert!(std::fs::read(&to).expect("the restored file") == bytes);
}

/// Flips one bit in about every 32 KiB of a disk that holds something, away from its ends, where
/// superblocks are. Returns how many.
fn flip(disk: &Path, seed: u64) -> usize {
    let bytes = std::fs::metadata(disk).expect("the disk").len() as usize;
    flip_between(disk, 4 * MIB..bytes - MIB, seed)
}
