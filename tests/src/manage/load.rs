//! How fast it answers while the engine works, and what it costs when nobody asks.

use std::time::{Duration, Instant};

use bus::JobState;
use serde_json::Value;

use super::lab::{Lab, ask};
use crate::harness::{MIB, Peer, Random};

#[test]
fn status_is_answered_at_once_while_an_ingest_takes_all_that_there_is() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let mut bytes = vec![0; 160 * MIB];
    Random(77).fill(&mut bytes);
    let path = lab.asked.pool.image("big", &bytes);
    let words = ["ingest", "--system", "big", "--no-wait"];
    crate::harness::run(lab.asked.command(&words).arg(path)).done();
    lab.asked.engine().job_is(3, JobState::Running);
    let mut peer = lab.peer();
    ask(&mut peer, "GET", "/api/v1/status", &owner, &Value::Null);
    let mut times = Vec::new();
    let runs = |peer: &mut Peer| {
        ask(peer, "GET", "/api/v1/jobs/3", &owner, &Value::Null).1["state"] == "running"
    };
    while runs(&mut peer) && times.len() < 5000 {
        for path in ["status", "systems", "jobs", "alerts", "points"] {
            let began = Instant::now();
            let path = format!("/api/v1/{path}");
            assert_eq!(ask(&mut peer, "GET", &path, &owner, &Value::Null).0, 200);
            times.push(began.elapsed());
        }
    }
    times.sort();
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{} calls: median {median:?}, p99 {p99:?}", times.len());
    // Other tests take the processors as well, so the slowest wait for these and not for disks: a
    // bound on them tells only who hangs.
    assert!(median < Duration::from_millis(50), "{median:?}");
    assert!(p99 < Duration::from_secs(1), "{p99:?}");
    let (_, resident) = lab.memory();
    println!("resident: {} KiB", resident / 1024);
}
