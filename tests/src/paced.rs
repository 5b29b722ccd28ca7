//! Disks that are filled as fast as somebody wants it, by an engine that is asked over the bus.

use bus::JobState;

use crate::harness::{Asked, Engine, MIB, Random, number, run};

/// What a disk lacks that comes in: more than is copied in one piece.
const BYTES: usize = 24 * MIB;

fn noise(seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; BYTES];
    Random(seed).fill(&mut bytes);
    bytes
}

#[test]
fn copies_that_would_never_end_go_on_faster_as_the_same_job() {
    let mut asked = Asked::start(1, 256);
    let bytes = noise(901);
    let point = asked.take("image", &bytes);
    asked.stop();
    let new = asked.pool.path("new").display().to_string();
    run(&mut asked.pool.locked(&["disk", "add", "--no-resync", "--size", "256MiB", &new])).done();
    asked.pool.disks.push(new.into());
    asked.engine = Some(Engine::start(&asked.pool, &asked.bus, ""));
    let slow = asked.ask(&["disk", "resync", "--rate", "1", "--no-wait"]).done();
    let job = number(&slow, "job");
    asked.engine().job_is(job, JobState::Running);
    let shown = asked.ask(&["jobs", "show", &job.to_string()]).done();
    assert_eq!(number(&shown, "bytes_per_second_limit"), 1, "{shown}");
    // What is to hold for a job holds for the next engine, too.
    asked.engine.take().expect("it runs").kill();
    asked.engine = Some(Engine::start(&asked.pool, &asked.bus, ""));
    asked.engine().job_is(job, JobState::Running);
    let slower = asked.ask(&["disk", "resync", "--rate", "1", "--no-wait"]).done();
    assert_eq!(number(&slower, "job"), job);
    let status = asked.ask(&["disk", "status"]).done();
    assert_eq!(status["disks"][1]["state"], "syncing", "{status}");

    let done = asked.ask(&["disk", "resync"]).done();
    assert_eq!((number(&done, "job"), &done["complete"]), (job, &true.into()), "{done}");
    let status = asked.ask(&["disk", "status"]).done();
    assert_eq!(status["disks"][1]["state"], "complete", "{status}");
    asked.stop();
    asked.pool.disks.remove(0);
    let words = ["restore", "--degraded", "--point", &point, "--to", "-"];
    assert!(run(&mut asked.pool.command(&words)).stdout == bytes);
}

#[test]
fn a_disk_comes_in_at_a_rate_and_filling_it_is_not_put_off() {
    let asked = Asked::start(1, 256);
    asked.take("image", &noise(902));
    let path = |name: &str| asked.pool.path(name).display().to_string();
    let (second, third) = (path("second"), path("third"));
    let words = ["disk", "add", "--size", "256MiB", "--no-resync", &second];
    asked.ask(&words).refused("an engine fills a disk at once", "--rate");
    assert!(!asked.pool.path("second").exists());
    let words = ["disk", "add", "--size", "256MiB", "--rate", "64M", &second];
    let added = asked.ask(&words).done();
    assert_eq!(
        (&added["complete"], &added["disks"][1]["state"]),
        (&true.into(), &"complete".into())
    );
    let words = ["disk", "replace", "--member", "1", "--size", "256MiB", "--rate", "64M", &third];
    let replaced = asked.ask(&words).done();
    assert_eq!(replaced["disks"].as_array().map(Vec::len), Some(2), "{replaced}");
    assert!(replaced.to_string().contains(&third), "{replaced}");
}

#[test]
fn a_rate_of_nothing_is_refused_and_having_nothing_to_copy_is_not() {
    let asked = Asked::start(1, 128);
    asked.engine().wait(async {
        let proxy = asked.engine().client.pool().await.expect("a pool");
        let options = bus::ResyncOptions { bytes_per_second: Some(0) };
        let error = proxy.resync(&options.arguments()).await.expect_err("it would never end");
        let refusal = bus::Refusal::of(&error).expect("a refusal");
        assert!(refusal.to_string().contains("bytes_per_second"), "{refusal}");
    });
    let idle = asked.ask(&["disk", "resync"]).done();
    assert_eq!((&idle["complete"], number(&idle, "bytes_done")), (&true.into(), 0));
}
