//! Reclaim over the real command: room comes back, and nothing that is needed goes.

use serde_json::Value;

use crate::harness::{MIB, Outcome, Pool, image, number, run, run_with};

fn reclaim(pool: &Pool, more: &[&str]) -> Outcome {
    run_with(pool.command(&["reclaim"]), more)
}

/// Removes a point of `machine` for good.
fn let_go(pool: &Pool, id: &str) {
    run_with(pool.command(&["policy", "set", "--system", "machine"]), &["--delay", "0h"]).done();
    run_with(pool.command(&["points", "remove"]), &[id, "--yes"]).done();
    let expired = run(&mut pool.command(&["expire"])).done();
    assert_eq!(number(&expired, "gone"), 1);
}

fn free(pool: &Pool) -> u64 {
    number(&run_with(pool.command(&["reclaim"]), &["--dry-run"]).done(), "free_bytes")
}

/// Points of one system whose images share one half: `count` of them.
fn history(pool: &Pool, count: u64) -> (Vec<String>, Vec<Vec<u8>>) {
    let shared = image(7, 6 * MIB);
    let images: Vec<Vec<u8>> =
        (0..count).map(|seed| [shared.clone(), image(100 + seed, 6 * MIB)].concat()).collect();
    let take = |(at, bytes): (usize, &Vec<u8>)| pool.take_bytes(&format!("image{at}"), bytes);
    (images.iter().enumerate().map(take).collect(), images)
}

#[test]
fn the_room_of_a_point_that_is_gone_comes_back_and_the_others_stay() {
    for disks in [1, 2] {
        let pool = Pool::new(disks, 160);
        let (ids, images) = history(&pool, 3);
        let before = reclaim(&pool, &[]).done();
        assert_eq!(number(&before, "retired_segments"), 0, "all is needed: {before}");
        let_go(&pool, &ids[0]);
        let tried = reclaim(&pool, &["--dry-run"]).done();
        assert!(number(&tried, "would_free_bytes") > 0, "{tried}");
        let full = free(&pool);
        let waiting = reclaim(&pool, &["--least-dead", "1"]).done();
        assert!(number(&waiting, "retired_segments") > 0, "{waiting}");
        assert_eq!(number(&waiting, "released_segments"), 0, "retired a moment ago");
        let done = reclaim(&pool, &["--release-after", "0h"]).done();
        assert!(number(&done, "released_segments") > 0, "{done}");
        assert!(free(&pool) > full);
        for at in 1..3 {
            assert!(pool.restore(&ids[at]) == images[at], "point {at} on {disks} disks");
        }
        let verified = run(&mut pool.command(&["verify"])).done();
        assert_eq!(verified["broken"], Value::Array(Vec::new()));
        // What is gone can come again, into room that was used before.
        let again = pool.take_bytes("again", &images[0]);
        assert!(pool.restore(&again) == images[0]);
    }
}
