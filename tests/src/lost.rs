//! Damage that no second copy heals: it is told, never given out, and what the systems still have
//! makes it good.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{
    Export, MIB, Pool, Random, flip_between, holdfast, image, number, run, scatter, text,
};

/// A pool on one disk with a recovery point most of whose chunks are damaged, the noise in it, and
/// its identity.
fn damaged_pool(seed: u64) -> (Pool, Vec<u8>, String) {
    let pool = Pool::new(1, 64);
    let mut bytes = vec![0; 12 * MIB];
    Random(seed).fill(&mut bytes);
    let id = pool.take_bytes("image", &bytes);
    // Chunks lie there; what was written last, the manifest and checkpoints, lies behind.
    let flips = flip_between(&pool.disks[0], 4 * MIB..11 * MIB, seed);
    assert!(flips > 100, "{flips} flips are too few");
    (pool, bytes, id)
}

/// Verifies, which must fail and name the recovery point.
fn tell(pool: &Pool, id: &str) {
    let verified = run(&mut pool.command(&["verify"])).refused("are lost", "ingest these systems");
    assert!(number(&verified, "lost") > 0 && number(&verified, "bytes_read") > 0, "{verified}");
    assert_eq!(text(&verified["broken"][0], "point"), id);
}

#[test]
fn a_verify_that_heals_nothing_says_what_it_found_and_then_that_it_failed() {
    let (pool, _, id) = damaged_pool(116);
    let before = pool.fingerprint();
    let mut verify = Command::new(holdfast());
    verify.args(["verify", "--no-heal", "--kit-file"]).arg(pool.path("kit"));
    let verified = run(verify.arg("--pool").arg(&pool.disks[0]));
    assert_eq!(verified.code, Some(1));
    let printed = String::from_utf8(verified.stdout).expect("text");
    assert!(printed.contains(&format!("broken: {id} of machine")), "{printed}");
    assert!(verified.stderr.contains("are lost, 1 recovery points broken"), "{}", verified.stderr);
    assert_eq!(pool.fingerprint(), before, "--no-heal wrote to the disks");
}

#[test]
fn damage_is_told_and_never_given_out() {
    let (pool, bytes, id) = damaged_pool(111);
    let to = pool.path("to");
    run(&mut pool.restore_to(&id, &to)).refused("damaged", "holdfast verify");
    assert!(!to.exists(), "a part of an image is left behind");
    let streamed = run(&mut pool.restore_to(&id, Path::new("-")));
    assert_eq!(streamed.code, Some(1));
    let said = streamed.stderr.lines().last().expect("what went wrong");
    let said: Value = serde_json::from_str(said).expect("an object beside the data");
    assert!(text(&said, "error").contains("damaged"), "{said}");
    assert!(bytes.starts_with(&streamed.stdout), "something else than the image was given out");
    tell(&pool, &id);
    // It is no reason to refuse what is new.
    let other = image(112, MIB);
    assert!(pool.restore(&pool.take_bytes("other", &other)) == other);
}

#[test]
fn the_next_ingest_after_verify_makes_lost_chunks_good() {
    let (pool, bytes, id) = damaged_pool(113);
    tell(&pool, &id);
    let next = pool.take(&pool.path("image"));
    assert!(pool.restore(&next) == bytes);
    assert!(pool.restore(&id) == bytes);
    pool.verify();
}

#[test]
fn a_damaged_parent_does_not_stop_the_next_ingest() {
    let (pool, mut bytes, id) = damaged_pool(114);
    tell(&pool, &id);
    scatter(&mut bytes, 115, 20);
    let next = pool.take_bytes("changed", &bytes);
    assert!(pool.restore(&next) == bytes);
}

#[test]
fn what_lies_before_and_behind_a_lost_chunk_can_be_read_in_order() {
    let pool = Pool::new(1, 64);
    let mut bytes = vec![0; 12 * MIB];
    Random(117).fill(&mut bytes);
    pool.take(&pool.image("image", &bytes));
    // A byte that happens to be zero is not flipped.
    let flip = |seed| flip_between(&pool.disks[0], 7 * MIB..7 * MIB + 1, seed) == 1;
    assert!((117..125).any(flip));
    let places = || (0..bytes.len()).step_by(REQUEST);
    // Backwards nothing is read ahead: what fails then is what is lost.
    let Some(single) = readable(&pool, places().rev()) else { return };
    assert!(single.len() < places().count(), "nothing is lost");
    assert_eq!(readable(&pool, places()), Some(single));
}

/// Bytes that one request asks for.
const REQUEST: usize = 64 << 10;

/// Which of some requests to an export, in this order, are answered with data.
fn readable(pool: &Pool, places: impl Iterator<Item = usize>) -> Option<BTreeSet<usize>> {
    let export = pool.command(&["export", "--point", "latest"]);
    let export = Export::start(export, pool.path("socket"));
    let mut reads = Command::new("qemu-io");
    reads.args(["-r", "-f", "raw"]);
    for at in places {
        reads.arg("-c").arg(format!("read {at} {REQUEST}"));
    }
    let answers = reads.arg(export.uri()).output().ok()?;
    export.stop();
    let answers = String::from_utf8_lossy(&answers.stdout).into_owned();
    let read =
        answers.lines().filter_map(|line| line.split_once("bytes at offset ")?.1.parse().ok());
    Some(read.collect())
}
