//! Removing, holding, locking and expiring: what goes, when, and that nothing else does.

use serde_json::Value;

use crate::harness::{MIB, Outcome, Pool, image, number, run, run_with, scatter, text};

/// A pool with this many recovery points of the system `machine`, and their images.
fn history(disks: usize, count: u64) -> (Pool, Vec<String>, Vec<Vec<u8>>) {
    let pool = Pool::new(disks, 96);
    let mut bytes = image(61, 3 * MIB);
    let (mut ids, mut images) = (Vec::new(), Vec::new());
    for seed in 0..count {
        scatter(&mut bytes, seed, 100);
        ids.push(pool.take_bytes(&format!("image{seed}"), &bytes));
        images.push(bytes.clone());
    }
    (pool, ids, images)
}

/// `holdfast points VERB ID…`.
fn change(pool: &Pool, verb: &str, ids: &[&str]) -> Outcome {
    run_with(pool.command(&["points", verb]), ids)
}

fn set(pool: &Pool, rules: &[&str]) -> Outcome {
    run_with(pool.command(&["policy", "set", "--system", "machine"]), rules)
}

fn expire(pool: &Pool, more: &[&str]) -> Value {
    run_with(pool.command(&["expire"]), more).done()
}

/// What an expiry made of each point: its id and verdict.
fn verdicts(expired: &Value) -> Vec<(String, String)> {
    let points = expired["points"].as_array().expect("a list of points");
    points.iter().map(|p| (text(p, "point").to_owned(), text(p, "verdict").to_owned())).collect()
}

/// The entry of a point in what `holdfast points` prints.
fn listed(pool: &Pool, id: &str) -> Value {
    let list = run(&mut pool.command(&["points"])).done();
    let points = list["points"].as_array().expect("a list of points");
    points.iter().find(|point| point["point"] == *id).expect("the point is there").clone()
}

#[test]
fn a_removed_point_can_be_restored_and_returned_until_it_is_gone() {
    let (pool, ids, images) = history(2, 3);
    set(&pool, &["--delay", "1h"]).done();
    let removed = change(&pool, "remove", &[&ids[0][..8]]).done();
    assert_eq!(number(&removed, "changed"), 1);
    assert!((3590..=3600).contains(&number(&removed["points"][0], "goes_in_seconds")));
    assert_eq!(listed(&pool, &ids[0])["removed"]["by"], "hand");
    let expired = expire(&pool, &[]);
    assert_eq!(verdicts(&expired)[0].1, "removed", "{expired}");
    assert!(pool.restore(&ids[0]) == images[0]);

    change(&pool, "return", &[&ids[0]]).done();
    assert_eq!(listed(&pool, &ids[0])["removed"], Value::Null);
    // By hand and with a delay of nothing it goes with the next expiry, and no other does.
    set(&pool, &["--delay", "0s"]).done();
    change(&pool, "remove", &[&ids[0]]).done();
    assert!(pool.restore(&ids[0]) == images[0], "until then it is there");
    let expired = expire(&pool, &[]);
    assert_eq!((number(&expired, "gone"), number(&expired, "stay")), (1, 2), "{expired}");
    let gone = run(&mut pool.restore_to(&ids[0], &pool.path("gone")));
    gone.refused("no recovery point", "holdfast points");
    assert!(!pool.path("gone").exists());
    assert_eq!(pool.points(), ids[1..]);
    assert!(pool.restore(&ids[1]) == images[1] && pool.restore("latest") == images[2]);
    pool.verify();
}

#[test]
fn held_and_newest_points_stay() {
    let (pool, ids, _) = history(1, 3);
    set(&pool, &["--last", "1", "--delay", "0d"]).done();
    change(&pool, "hold", &[&ids[0]]).done();
    change(&pool, "remove", &[&ids[0]]).refused("is held", "points release");
    change(&pool, "remove", &[&ids[2]]).refused("newest of its system", "--yes");
    change(&pool, "remove", &[&ids[1], &ids[2]]).refused("newest of its system", "--yes");
    assert_eq!(listed(&pool, &ids[1])["removed"], Value::Null, "all or nothing");
    assert_eq!(listed(&pool, &ids[0])["held"], true);
    assert_eq!(number(&expire(&pool, &[]), "gone"), 1);
    assert_eq!(pool.points(), [&ids[0][..], &ids[2]]);

    change(&pool, "release", &[&ids[0]]).done();
    assert_eq!(number(&expire(&pool, &[]), "gone"), 1);
    let newest = run_with(pool.command(&["points", "remove", "--yes"]), &[&ids[2]]).done();
    assert_eq!(number(&newest, "changed"), 1);
    assert_eq!(number(&expire(&pool, &[]), "gone"), 1);
    assert!(pool.points().is_empty());
}

#[test]
fn a_lock_is_set_once_and_keeps_points_from_everybody() {
    let (pool, ids, _) = history(1, 2);
    set(&pool, &["--last", "1", "--delay", "0", "--lock", "1h"]).refused("never", "--yes");
    let policy = set(&pool, &["--last", "1", "--delay", "0", "--lock", "1h", "--yes"]).done();
    assert_eq!((number(&policy, "lock_seconds"), number(&policy, "last")), (3600, 1));
    change(&pool, "remove", &[&ids[0]]).refused("of running time", "nobody can");
    let expired = expire(&pool, &[]);
    assert_eq!(number(&expired, "stay"), 2, "{expired}");
    let reason = expired["points"][0]["reasons"][0].as_str().unwrap_or_default();
    assert!(reason.starts_with("locked for another"), "{expired}");
    set(&pool, &["--lock", "59min", "--yes"]).refused("never be made shorter", "--lock");
    // What is not named stays as it is.
    let policy = set(&pool, &["--daily", "7"]).done();
    assert_eq!((number(&policy, "lock_seconds"), number(&policy, "last")), (3600, 1));
    let shown = run(&mut pool.command(&["policy", "show"])).done();
    assert_eq!(shown["policies"][0], policy);
}

#[test]
fn a_dry_run_says_exactly_what_then_happens() {
    let (pool, ids, images) = history(2, 6);
    let everything = expire(&pool, &["--dry-run"]);
    assert_eq!(number(&everything, "stay"), 6, "without a policy all is kept: {everything}");
    set(&pool, &["--last", "3", "--delay", "30d"]).done();
    change(&pool, "hold", &[&ids[1]]).done();

    let before = pool.fingerprint();
    let planned = expire(&pool, &["--dry-run"]);
    assert_eq!(pool.fingerprint(), before, "a dry run writes nothing");
    assert_eq!((number(&planned, "stay"), number(&planned, "go")), (4, 2), "{planned}");
    let done = expire(&pool, &[]);
    assert_eq!(verdicts(&done), verdicts(&planned));
    let planned: Vec<&Value> = planned["points"].as_array().into_iter().flatten().collect();
    let expected = ["goes", "stays", "goes", "stays", "stays", "stays"];
    for ((point, id), expected) in planned.iter().zip(&ids).zip(expected) {
        assert_eq!((text(point, "point"), text(point, "verdict")), (id.as_str(), expected));
        assert_eq!(point["reasons"] == Value::Array(Vec::new()), expected == "goes", "{point}");
        assert_eq!(listed(&pool, id)["removed"].is_null(), expected == "stays");
        assert_eq!(text(point, "system"), "machine");
    }
    // Removed points are there until their time has come, and count for no policy meanwhile.
    let again = expire(&pool, &[]);
    assert_eq!((number(&again, "removed"), number(&again, "go")), (2, 0), "{again}");
    for (id, bytes) in ids.iter().zip(&images) {
        assert!(pool.restore(id) == *bytes, "{id}");
    }
}

#[test]
fn policies_of_one_system_and_of_all_others_are_told_apart() {
    let (pool, _, _) = history(1, 2);
    let path = pool.path("image0");
    for _ in 0..3 {
        run_with(pool.command(&["ingest", "--system", "other"]), &[&path]).done();
    }
    run(&mut pool.command(&["policy", "set", "--all-systems", "--last", "1", "--delay", "0"]))
        .done();
    set(&pool, &["--last", "0"]).done();
    let only = expire(&pool, &["--system", "other", "--dry-run"]);
    assert_eq!((number(&only, "gone"), number(&only, "stay")), (2, 1), "{only}");
    assert_eq!(number(&expire(&pool, &[]), "gone"), 2);
    assert_eq!(pool.points().len(), 3);
    let shown = run(&mut pool.command(&["policy", "show"])).done();
    assert_eq!(shown["policies"][0]["system"], Value::Null);
    assert_eq!(shown["policies"][1]["system"], "machine");
    assert_eq!(shown["policies"][1]["keeps_everything"], true);
    run(&mut pool.command(&["expire", "--system", "nobody"])).refused("nobody", "holdfast points");
}

#[test]
fn what_is_gone_is_stored_anew_when_it_comes_again() {
    let (pool, ids, images) = history(1, 2);
    set(&pool, &["--last", "1", "--delay", "0"]).done();
    assert_eq!(number(&expire(&pool, &[]), "gone"), 1);
    let again = pool.take(&pool.path("image0"));
    assert_ne!(again, ids[0]);
    assert!(pool.restore(&again) == images[0] && pool.restore(&ids[1]) == images[1]);
}

#[test]
fn a_policy_that_is_dropped_gives_way_to_that_of_all_but_for_its_lock() {
    let (pool, ids, _) = history(1, 3);
    let all = |rules: &[&str]| {
        run_with(pool.command(&["policy", "set", "--all-systems"]), rules).done();
    };
    let drop = || run_with(pool.command(&["policy", "drop"]), &["--system", "machine"]);
    all(&["--last", "1", "--delay", "0h"]);
    let none = drop();
    assert!(none.stderr.contains("has no policy of its own"), "{}", none.stderr);
    assert_eq!(number(&none.done(), "last"), 1);
    set(&pool, &["--last", "2", "--lock", "30d", "--yes"]).done();
    assert!(verdicts(&expire(&pool, &[])).iter().all(|(_, verdict)| verdict == "stays"));

    let dropped = drop().done();
    assert_eq!((number(&dropped, "last"), number(&dropped, "lock_seconds")), (1, 30 * 86_400));
    // What the lock kept stays.
    assert!(verdicts(&expire(&pool, &[])).iter().all(|(_, verdict)| verdict == "stays"));
    assert_eq!(pool.points(), ids);
    set(&pool, &["--lock", "29d"]).refused("never be made shorter", "longer one");
    let shown = run(&mut pool.command(&["policy", "show"])).done();
    assert_eq!(shown["policies"].as_array().map(Vec::len), Some(2), "{shown}");
}
