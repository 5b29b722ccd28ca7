//! Ingests that are killed lose nothing that was acknowledged, and need no help afterwards.

use serde_json::Value;

use crate::harness::{MIB, Outcome, Pool, Random, Work, first_seed, run, scaled};

/// Bytes of each image; nothing in it can be left out.
const IMAGE: usize = 8 * MIB;

/// Kills in each test.
const KILLS: usize = 10;

/// More recovery points would fill the pool.
const MOST_KILLS: usize = 15;

#[test]
fn ten_kills_on_one_disk() {
    kill_ingests(21, 1);
}

#[test]
fn ten_kills_on_a_mirror() {
    kill_ingests(22, 2);
}

fn kill_ingests(seed: u64, disks: usize) {
    let pool = Pool::new(disks, 384);
    let mut random = Random(first_seed().wrapping_add(seed));
    let mut kept: Vec<(String, Vec<u8>)> = Vec::new();
    let (mut killed, kills) = (0, scaled(KILLS).min(MOST_KILLS));
    for round in 0..kills {
        let mut bytes = vec![0; IMAGE];
        random.fill(&mut bytes);
        let path = pool.image(&round.to_string(), &bytes);
        let progress = random.below(IMAGE) as u64;
        let mut work = Work::start(&mut pool.ingest(&path), &pool.disks[0]);
        killed += usize::from(work.grown(progress));
        let acknowledged = acknowledged(&work.kill());

        let mut points = pool.points();
        // A point may be durable before anybody hears of it; then it is whole.
        if points.len() > kept.len() {
            kept.push((points[kept.len()].clone(), bytes.clone()));
        }
        let expected: Vec<&str> = kept.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(points, expected, "round {round}, killed after {progress} bytes");
        assert!(acknowledged.is_none_or(|id| points.pop() == Some(id)));

        kept.push((pool.take(&path), bytes));
    }
    println!("R7: {kills} kills of ingests from HOLDFAST_SEED={}", first_seed());
    assert!(killed >= kills * 3 / 4, "only {killed} were still at work");
    assert_eq!(pool.verify(), 0);
    for (id, bytes) in &kept {
        assert!(pool.restore(id) == *bytes, "{id} differs");
    }
}

/// The recovery point that was reported before the end.
fn acknowledged(outcome: &Outcome) -> Option<String> {
    let done: Value = serde_json::from_slice(&outcome.stdout).ok()?;
    Some(done["point"].as_str()?.to_owned())
}

#[test]
fn an_interrupted_ingest_says_so_and_makes_the_next_one_shorter() {
    let pool = Pool::new(1, 256);
    let mut bytes = vec![0; 96 * MIB];
    Random(23).fill(&mut bytes);
    let path = pool.image("image", &bytes);
    let mut work = Work::start(&mut pool.ingest(&path), &pool.disks[0]);
    assert!(work.grown(24 * MIB as u64), "too fast to be interrupted");
    work.interrupt();
    work.wait().refused("interrupted", "run the command again");
    assert!(pool.points().is_empty());
    let next = run(&mut pool.ingest(&path)).done();
    assert!(next["bytes_new"].as_u64() < Some(80 * MIB as u64), "{next}");
    assert!(pool.restore("latest") == bytes);
}
