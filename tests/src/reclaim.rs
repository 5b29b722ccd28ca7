//! Reclaim over the real command: room comes back, nothing that is needed goes, the newest point
//! comes to lie in reading order, and what is old takes less room.

use serde_json::Value;

use crate::harness::{MIB, Outcome, Pool, Random, image, number, run, run_with, scatter, text};

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
        assert_eq!(number(&before, "would_free_bytes"), 0, "all is needed: {before}");
        // Which of the threads wrote how much decides whether any are left short.
        let short = number(&before, "would_merge_segments");
        assert_eq!(number(&before, "retired_segments"), short, "{before}");
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

/// The score of the newest point of `machine`, before and after.
fn scores(reclaimed: &Value) -> (f64, f64) {
    let points = reclaimed["newest_points"].as_array().expect("a list");
    assert_eq!(points.len(), 1, "{reclaimed}");
    assert_eq!(points[0]["system"], "machine");
    let score = |field| points[0][field].as_f64().expect("a score");
    (score("score_before"), score("score_after"))
}

/// Demands that reclaims which follow find nothing to do, but for what a run has left short itself:
/// with what was short before, that may be worth putting together. Each run that moves anything
/// gives room back, so there is an end; how many there are depends on which of the threads of each
/// ingest wrote how much.
fn comes_to_rest(pool: &Pool, mut score: f64) {
    for _ in 0..3 {
        let again = reclaim(pool, &[]).done();
        let (before, after) = scores(&again);
        assert!(before == score && after <= 1.25, "{again}");
        let moved = number(&again, "moved_bytes");
        if moved == 0 {
            assert_eq!(after, before, "{again}");
            return;
        }
        assert_eq!(number(&again, "would_rewrite_segments"), 0, "{again}");
        assert!(moved <= 2 * number(&again, "would_merge_bytes"), "{again}");
        score = after;
    }
    panic!("a fourth reclaim would move something again");
}

#[test]
fn the_newest_of_many_points_comes_to_lie_in_reading_order() {
    let pool = Pool::new(1, 300);
    let mut bytes = image(9, 24 * MIB);
    let mut ids = Vec::new();
    for day in 0..40 {
        let name = format!("day{day}");
        ids.push((pool.take_bytes(&name, &bytes), blake3::hash(&bytes)));
        std::fs::remove_file(pool.path(&name)).expect("the image");
        scatter(&mut bytes, 1000 + day, 1);
    }
    let tried = reclaim(&pool, &["--dry-run"]).done();
    let (before, expected) = scores(&tried);
    assert!(before > 1.25 && expected <= 1.25, "{tried}");
    // Each day's ingest left its segments short: those go together, in order, and others with them
    // where that is worth it.
    let moves = number(&tried, "would_rewrite_segments") + number(&tried, "would_merge_segments");
    assert!(moves > 0, "{tried}");
    let done = reclaim(&pool, &["--release-after", "0h"]).done();
    let (_, after) = scores(&done);
    assert!(after <= 1.25, "{done}");
    comes_to_rest(&pool, after);
    for (id, hash) in [&ids[0], &ids[20], &ids[39]] {
        assert_eq!(blake3::hash(&pool.restore(id)), *hash);
    }
    pool.verify();
}

/// Numbers in writing: LZ4 finds nothing in them, Zstandard that they are digits.
fn digits(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut digits = String::new();
    while digits.len() < length {
        digits.push_str(&random.next().to_string());
    }
    digits.truncate(length);
    digits.into_bytes()
}

#[test]
fn what_only_older_points_need_is_recompressed_once() {
    let pool = Pool::new(1, 160);
    let ingest = |name: &str, bytes: &[u8]| {
        let path = pool.image(name, bytes);
        let more = ["--compression", "lz4"];
        text(&run_with(pool.ingest(&path), &more).done(), "point").to_owned()
    };
    let images = [digits(31, 12 * MIB), digits(32, 12 * MIB)];
    let ids = [ingest("old", &images[0]), ingest("new", &images[1])];
    let usual = reclaim(&pool, &[]).done();
    assert_eq!(number(&usual, "recompressed_chunks"), 0, "only when asked to: {usual}");
    let done = reclaim(&pool, &["--recompress", "--release-after", "0h"]).done();
    assert!(number(&done, "recompressed_chunks") > 0, "{done}");
    let (from, to) =
        (number(&done, "recompressed_from_bytes"), number(&done, "recompressed_to_bytes"));
    assert!(to * 10 <= from * 9, "{done}");
    assert!(number(&done, "free_bytes") > number(&usual, "free_bytes"), "{done}");
    let again = reclaim(&pool, &["--recompress"]).done();
    assert_eq!(number(&again, "moved_bytes"), 0, "{again}");
    for (id, bytes) in ids.iter().zip(&images) {
        assert!(pool.restore(id) == *bytes);
    }
    pool.verify();
}
