//! A day's work on pools whose disks the host logs: what was acknowledged when.

use serde_json::json;

use crate::command::Pool;
use crate::host::Host;
use crate::shapes::{device, devices};

/// Disks before the images: one of a pool of its own, two of a mirror, two of a pool that grows.
const POOL_DISKS: usize = 5;

pub(crate) fn run(host: &mut Host) {
    for (name, disks) in [("single", devices(0, 1)), ("mirror", devices(1, 2))] {
        let mut day = Day { pool: Pool::new(name, &disks), host };
        day.create();
        let first = day.take(0);
        day.take(1);
        day.let_go(&first);
        day.work("reclaim", &["reclaim", "--least-dead", "1"]);
        day.take(2);
        day.work("scrub", &["scrub"]);
        day.work("release", &["reclaim", "--release-after", "0h"]);
        day.take(0);
        day.work("verify", &["verify"]);
    }
    grow(host);
}

/// A pool of one disk becomes a mirror, and then a pool of the other disk.
fn grow(host: &mut Host) {
    let disks = devices(3, 2);
    let mut day = Day { pool: Pool::new("grown", &disks[..1]), host };
    day.create();
    day.take(0);
    day.work("add", &["disk", "add", "--yes", &disks[1]]);
    day.pool.disks.clone_from(&disks);
    day.take(1);
    day.work("remove", &["disk", "remove", "--yes", "--member", "0"]);
    day.pool.disks = disks[1..].to_vec();
    day.take(2);
}

struct Day<'a> {
    pool: Pool,
    host: &'a mut Host,
}

impl Day<'_> {
    fn create(&mut self) {
        self.begin("create");
        self.pool.create();
        self.host.tell(&json!({
            "event": "end", "pool": self.pool.name, "what": "create", "kit": self.pool.kit(),
        }));
    }

    /// Takes image number `image` in and returns the identity of its recovery point.
    fn take(&mut self, image: usize) -> String {
        self.begin("take");
        let source = device(POOL_DISKS + image);
        let taken = self.pool.run(&["ingest", "--system", "machine", &source]);
        let point = taken.text("point");
        self.host.tell(&json!({
            "event": "end", "pool": self.pool.name, "what": "take", "image": image, "point": point,
        }));
        point
    }

    /// Removes a recovery point for good.
    fn let_go(&mut self, point: &str) {
        self.work("policy", &["policy", "set", "--system", "machine", "--delay", "0h"]);
        self.begin("let go");
        self.pool.run(&["points", "remove", "--yes", point]).done();
        let expired = self.pool.run(&["expire"]).done();
        assert_eq!(expired["gone"], 1, "{expired}");
        self.host.tell(&json!({
            "event": "end", "pool": self.pool.name, "what": "let go", "point": point,
        }));
    }

    /// Does what changes no recovery point.
    fn work(&mut self, what: &str, words: &[&str]) {
        self.begin(what);
        let printed = self.pool.run(words).done();
        self.host.tell(&json!({
            "event": "end", "pool": self.pool.name, "what": what, "printed": printed,
        }));
    }

    fn begin(&mut self, what: &str) {
        self.host.tell(&json!({ "event": "begin", "pool": self.pool.name, "what": what }));
    }
}
