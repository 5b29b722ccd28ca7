//! Whatever writes to a pool writes down how long machines have run with it, so that locks and
//! delays end when they should.

use std::time::{Duration, Instant};

use crate::harness::{MIB, Pool, flip_between, image, run, run_with};

/// Runs something when at least a second has passed that no commit knows of, and sees to it that
/// the pool knows afterwards.
fn ages(pool: &mut Pool, first: Instant, command: impl FnOnce(&mut Pool)) {
    let wanted = pool.known_age() + 2;
    while first.elapsed() < Duration::from_secs(wanted) {
        pool.points();
    }
    command(pool);
    let age = pool.known_age();
    assert!(age + 1 >= wanted, "{age} seconds, of at least {wanted}");
}

#[test]
fn every_command_that_writes_says_how_old_the_pool_is() {
    let mut pool = Pool::unproved(1, 64);
    // The first commit that says anything of the age: it counts from there.
    let kit = ["--kit-file".into(), pool.path("kit")];
    run_with(pool.locked(&["kit", "prove"]), &kit).done();
    let first = Instant::now();
    pool.take_bytes("image", &image(131, 8 * MIB));
    ages(&mut pool, first, |pool| {
        let new = pool.path("new");
        let mut add = pool.locked(&["disk", "add", "--size", "64MiB", "--no-resync"]);
        run(add.arg(&new)).done();
        pool.disks.push(new);
    });
    ages(&mut pool, first, |pool| {
        run(&mut pool.locked(&["disk", "resync"])).done();
    });
    ages(&mut pool, first, |pool| {
        flip_between(&pool.disks[0], 4 * MIB..8 * MIB, 132);
        assert!(pool.verify() > 0, "nothing was healed");
    });
    ages(&mut pool, first, |pool| {
        let words = ["--kit-out".into(), pool.path("another")];
        run_with(pool.command(&["kit", "add"]), &words).done();
    });
}
