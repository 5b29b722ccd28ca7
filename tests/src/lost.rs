//! Damage that no second copy heals: it is told, never given out, and what the systems still have
//! makes it good.

use crate::harness::{MIB, Pool, Random, flip_between, image, run, scatter};

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
    let verified = run(&mut pool.command(&["verify"]));
    assert_eq!(verified.code, Some(1), "{}", verified.stderr);
    assert!(verified.stderr.contains("lost"), "{}", verified.stderr);
    let stdout = String::from_utf8_lossy(&verified.stdout);
    assert!(stdout.contains(id), "the broken point is not named: {stdout}");
}

#[test]
fn damage_is_told_and_never_given_out() {
    let (pool, _, id) = damaged_pool(111);
    let to = pool.path("to");
    run(&mut pool.restore_to(&id, &to)).refused("damaged", "holdfast verify");
    assert!(!to.exists(), "a part of an image is left behind");
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
