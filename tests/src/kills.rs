//! Ingests, reclaims and restores that are killed at any moment, one after the other on one pool:
//! the next command needs no help and no time, and everything that was acknowledged comes back.
//!
//! When to kill is told by how much the command has written. A pool is written to by one process
//! at a time, so each has the pool for itself when it is killed.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{MIB, Outcome, Pool, Random, Work, first_seed, number, run, run_with, scaled};

/// Bytes of each image.
const IMAGE: usize = 6 * MIB;

/// What changes of an image from one recovery point to the next changes in pieces of this size, so
/// that segments become half dead when the older one goes.
const PIECE: usize = 128 << 10;

/// Recovery points that stay: older ones go when there is a reclaim.
const KEPT: usize = 4;

/// By then the next commands have answered.
const READY: Duration = Duration::from_secs(5);

#[test]
fn kills_at_any_moment_on_one_disk() {
    kill_again_and_again(1, 13);
}

#[test]
fn kills_at_any_moment_on_a_mirror() {
    kill_again_and_again(2, 12);
}

fn kill_again_and_again(disks: usize, kills: usize) {
    let seed = first_seed();
    let mut scene = Scene::new(disks, seed);
    let kills = scaled(kills);
    for round in 0..kills {
        println!("HOLDFAST_SEED={seed}, {disks} disks, kill {round}");
        scene.kill_something();
    }
    scene.end();
    let Scene { at_work, slowest, .. } = scene;
    println!("R7: {kills} kills, {at_work} of them at work, ready within {slowest:.1?}");
    assert!(at_work * 2 >= kills, "most were done before");
}

/// A pool and what must be in it.
struct Scene {
    pool: Pool,
    random: Random,
    /// What the next image is made from.
    image: Vec<u8>,
    images: usize,
    kept: Vec<(String, Vec<u8>)>,
    /// Kills that hit a command before its end.
    at_work: usize,
    /// Longest time from a kill until the pool had been read and written.
    slowest: Duration,
}

impl Scene {
    fn new(disks: usize, seed: u64) -> Self {
        let mut scene = Self {
            pool: Pool::new(disks, 256),
            random: Random(seed.wrapping_add(disks as u64)),
            image: vec![0; IMAGE],
            images: 0,
            kept: Vec::new(),
            at_work: 0,
            slowest: Duration::ZERO,
        };
        let Self { random, image, .. } = &mut scene;
        random.fill(image);
        for _ in 0..2 {
            scene.take();
        }
        let delay = ["--delay", "0h"];
        run_with(scene.pool.command(&["policy", "set", "--system", "machine"]), &delay).done();
        scene
    }

    /// Changes about half of the image; gives the name of a new file with it.
    fn next_image(&mut self) -> String {
        for piece in self.image.chunks_mut(PIECE) {
            if self.random.below(2) == 0 {
                self.random.fill(piece);
            }
        }
        self.images += 1;
        format!("image{}", self.images)
    }

    fn take(&mut self) {
        let name = self.next_image();
        let id = self.pool.take_bytes(&name, &self.image);
        std::fs::remove_file(self.pool.path(&name)).expect("the image");
        self.kept.push((id, self.image.clone()));
    }

    fn kill_something(&mut self) {
        match self.random.below(3) {
            0 => self.kill_ingest(),
            1 => self.kill_reclaim(),
            _ => self.kill_restore(),
        }
        self.expect_a_whole_point();
    }

    fn kill_ingest(&mut self) {
        let name = self.next_image();
        let path = self.pool.image(&name, &self.image);
        // Half of the image is new.
        let moment = self.moment(IMAGE / 2);
        let mut work = Work::start(&mut self.pool.ingest(&path), &self.pool.disks[0]);
        self.at_work += usize::from(work.has_written(moment));
        let acknowledged = acknowledged(&work.kill());
        let mut points = self.answers();
        // A point may be durable before anybody hears of it; then it is whole.
        if points.len() > self.kept.len() {
            self.kept.push((points[self.kept.len()].clone(), self.image.clone()));
        }
        assert_eq!(points, self.ids());
        assert!(acknowledged.is_none_or(|id| points.pop() == Some(id)));
        std::fs::remove_file(path).expect("the image");
    }

    fn kill_reclaim(&mut self) {
        while self.kept.len() < KEPT {
            self.take();
        }
        // Half of an image changes at once: that looks as if somebody had encrypted it.
        run_with(self.pool.command(&["points", "clear"]), &self.ids()).done();
        let (oldest, _) = self.kept.remove(0);
        run_with(self.pool.command(&["points", "remove"]), &[&oldest, "--yes"]).done();
        let expired = run(&mut self.pool.command(&["expire"])).done();
        assert_eq!(number(&expired, "gone"), 1, "{expired}");
        let moment = self.moment(RECLAIM_WRITES);
        let mut work = Work::start(&mut self.reclaim(), &self.pool.disks[0]);
        self.at_work += usize::from(work.has_written(moment));
        work.kill();
        assert_eq!(self.answers(), self.ids());
    }

    fn kill_restore(&mut self) {
        let (id, bytes) = self.kept[self.random.below(self.kept.len())].clone();
        let (to, part) = (self.pool.path("to"), self.pool.path("to.part"));
        let moment = self.random.below(IMAGE) as u64;
        let mut work = Work::start(&mut self.pool.restore_to(&id, &to), &part);
        self.at_work += usize::from(work.has_written(moment));
        work.kill();
        assert_eq!(self.answers(), self.ids());
        if let Ok(whole) = std::fs::read(&to) {
            assert!(whole == bytes, "what has the name is whole");
            std::fs::remove_file(&to).expect("the image");
        }
        if part.exists() {
            std::fs::remove_file(&part).expect("a part of an image");
        }
    }

    /// Bytes after which to kill what writes so many to each disk.
    fn moment(&mut self, writes: usize) -> u64 {
        self.random.below(writes * self.pool.disks.len()) as u64
    }

    fn reclaim(&self) -> Command {
        let words = ["reclaim", "--least-dead", "1", "--release-after", "0h"];
        self.pool.command(&words)
    }

    /// The points, once a pool whose process was killed has been read and written; that is soon.
    fn answers(&mut self) -> Vec<String> {
        let killed = Instant::now();
        let points = self.pool.points();
        run(&mut self.pool.command(&["expire"])).done();
        let ready = killed.elapsed();
        assert!(ready < READY, "ready again after {ready:?}");
        self.slowest = self.slowest.max(ready);
        points
    }

    fn ids(&self) -> Vec<String> {
        self.kept.iter().map(|(id, _)| id.clone()).collect()
    }

    fn expect_a_whole_point(&mut self) {
        let (id, bytes) = &self.kept[self.random.below(self.kept.len())];
        assert!(self.pool.restore(id) == *bytes, "{id} differs");
    }

    /// What was left half-done can be done, and nothing is lost or broken.
    fn end(&mut self) {
        run(&mut self.reclaim()).done();
        self.take();
        for (id, bytes) in &self.kept {
            assert!(self.pool.restore(id) == *bytes, "{id} differs");
        }
        let verified = run(&mut self.pool.command(&["verify"])).done();
        assert_eq!(number(&verified, "lost"), 0);
        assert_eq!(verified["broken"], Value::Array(Vec::new()));
    }
}

/// About what a reclaim of one point writes to a disk, with its checkpoints.
const RECLAIM_WRITES: usize = 2 * MIB;

/// The recovery point that was reported before the end.
fn acknowledged(outcome: &Outcome) -> Option<String> {
    let done: Value = serde_json::from_slice(&outcome.stdout).ok()?;
    Some(done["point"].as_str()?.to_owned())
}
