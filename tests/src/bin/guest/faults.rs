//! Disks that fail, hang, lie or are slow under the real command, at each of some moments of its
//! work, for a moment or for good; and how the pool is afterwards, on disks that work again.
//!
//! Nothing is judged here: the host gets what every command said.

use std::thread;
use std::time::Duration;

use disk::sim::SimRng;
use serde_json::{Value, json};

use crate::command::{self, Outcome, Pool, Work};
use crate::host::Host;
use crate::mapper::{Behaviour, Mapped};
use crate::saved::Saved;
use crate::shapes::device;

/// Disks before the images.
const POOL_DISKS: usize = 2;

/// Parts of each work, by the requests that it makes: in each of them one moment is tried.
const PARTS: u64 = 2;

/// How long what happens once lasts. Guest time goes with the instructions that are executed, so
/// it meets about as many requests on any host.
const ONCE: Duration = Duration::from_millis(60);

/// How long a disk hangs before it goes on, or before somebody loses patience.
const HANG: Duration = Duration::from_secs(5);

/// For the work of a case, in guest time: many times what a slow disk takes.
const LIMIT: Duration = Duration::from_secs(120);

/// What a disk does; `None` is to answer nothing.
const KINDS: [(&str, Option<Behaviour>); 6] = [
    ("errors", Some(Behaviour::Errors)),
    ("bad region", Some(Behaviour::BadRegion)),
    ("write errors", Some(Behaviour::WriteErrors)),
    ("lost writes", Some(Behaviour::LostWrites)),
    ("slow", Some(Behaviour::Slow)),
    ("hang", None),
];

const WORKS: [&str; 4] = ["take", "restore", "reclaim", "verify"];

/// Goes through all cases of a pool on so many disks. Another seed tries other moments.
pub(crate) fn run(host: &mut Host, disks: usize, seed: u64) {
    let mut rng = SimRng::new(seed);
    let disks: Vec<Mapped> =
        (0..disks).map(|number| Mapped::create(number, &device(number))).collect();
    let bench = Bench::new(&disks);
    for work in WORKS {
        let requests = bench.undisturbed(work, host);
        // A restore writes nothing.
        let matters = |kind: &str| work != "restore" || !kind.contains("write");
        for (kind, behaviour) in KINDS.into_iter().filter(|(kind, _)| matters(kind)) {
            for once in [true, false] {
                for part in 0..PARTS {
                    let at = requests * part / PARTS + rng.below(requests / PARTS);
                    let case = Case { work, kind, behaviour, once, at };
                    host.tell(&bench.go_through(&case));
                }
            }
        }
    }
}

/// One thing that happens to one disk at one moment of one work.
#[derive(Debug)]
struct Case {
    work: &'static str,
    kind: &'static str,
    behaviour: Option<Behaviour>,
    once: bool,
    /// Requests to the disk before it happens.
    at: u64,
}

/// A pool with a past: one recovery point that stays, one that went, whose room is to be had.
struct Bench<'a> {
    disks: &'a [Mapped],
    pool: Pool,
    saved: Saved,
    images: Vec<Vec<u8>>,
    kept: String,
    /// Requests to the first disk until a pool is open, or a few more.
    opening: u64,
}

impl<'a> Bench<'a> {
    fn new(disks: &'a [Mapped]) -> Self {
        let paths: Vec<String> = disks.iter().map(Mapped::path).collect();
        let pool = Pool::new(&format!("pool{}", disks.len()), &paths);
        pool.create();
        let kept = pool.run(&take(0)).text("point");
        let gone = pool.run(&take(1)).text("point");
        pool.run(&["policy", "set", "--system", "machine", "--delay", "0h"]).done();
        pool.run(&["points", "remove", "--yes", &gone]).done();
        pool.run(&["expire"]).done();
        let read = |number| std::fs::read(device(POOL_DISKS + number)).expect("an image");
        let images = (0..3).map(read).collect();
        let before = disks[0].requests();
        pool.run(&["points"]).done();
        let opening = disks[0].requests() - before;
        Self { disks, pool, saved: Saved::of(&paths), images, kept, opening }
    }

    /// Requests that the work makes to the first disk when nothing happens.
    fn undisturbed(&self, work: &str, host: &mut Host) -> u64 {
        self.saved.put_back();
        let before = self.disks[0].requests();
        let outcome = command::run(&self.words(work));
        assert_eq!(outcome.code, Some(0), "{work}: {}", outcome.stderr);
        let requests = self.disks[0].requests() - before;
        host.tell(&json!({
            "event": "undisturbed",
            "disks": self.disks.len(),
            "work": work,
            "requests": requests,
            "after": self.afterwards(),
        }));
        requests
    }

    fn go_through(&self, case: &Case) -> Value {
        self.saved.put_back();
        let victim = case.at as usize % self.disks.len();
        let disk = &self.disks[victim];
        if let Some(behaviour) = case.behaviour {
            disk.prepare(behaviour);
        }
        let before = disk.requests();
        let mut work = Work::start(&self.words(case.work));
        let reached = work.until(|| disk.requests() - before >= case.at);
        if reached {
            happen(case, disk, &mut work);
        } else {
            disk.stay();
        }
        let outcome = work.end(LIMIT);
        json!({
            "event": "case",
            "disks": self.disks.len(),
            "work": case.work,
            "kind": case.kind,
            "once": case.once,
            "moment": case.at,
            "victim": disk.path(),
            "reached": reached,
            "opening": case.at <= self.opening,
            "outcome": outcome.to_json(),
            "restored": (case.work == "restore").then(|| outcome.stdout == self.images[0]),
            "after": self.afterwards(),
        })
    }

    /// How the pool is on disks that all work.
    fn afterwards(&self) -> Value {
        let (disks, points) = self.open();
        let listed = points.object()["points"].as_array().cloned().unwrap_or_default();
        let ids = listed.iter().filter_map(|point| point["point"].as_str());
        let restored = ids.map(|id| self.restored(&disks, id)).collect::<Vec<_>>();
        let verify = command::run(&self.words_on(&disks, &["verify"]));
        // A disk that was left behind is taken back, and then both have everything.
        let stale = self.pool.disks.iter().filter(|disk| points.stderr.contains(*disk));
        let returned = stale.map(|stale| self.take_back(stale)).collect::<Vec<_>>();
        json!({
            "kept": self.kept,
            "opened": disks,
            "points": points.to_json(),
            "restored": restored,
            "verify": verify.to_json(),
            "returned": returned,
        })
    }

    /// Lists the points with all disks; when that is refused, with the one that is not named as
    /// what is in the way.
    fn open(&self) -> (Vec<String>, Outcome) {
        let all = self.pool.run(&["points"]);
        let disks = &self.pool.disks;
        let in_the_way = |disk: &&String| all.stderr.contains(disk.as_str());
        let one_is = disks.len() == 2 && disks.iter().filter(in_the_way).count() == 1;
        if all.code == Some(0) || !one_is {
            return (disks.clone(), all);
        }
        let others: Vec<String> = disks.iter().filter(|disk| !in_the_way(disk)).cloned().collect();
        let points = command::run(&self.words_on(&others, &["points"]));
        (others, points)
    }

    /// The words of a command on some of the disks, and that this is meant.
    fn words_on(&self, disks: &[String], words: &[&str]) -> Vec<String> {
        let mut words = self.pool.words_on(disks, words);
        if disks.len() < self.disks.len() {
            words.push("--degraded".to_owned());
        }
        words
    }

    fn restored(&self, disks: &[String], id: &str) -> Value {
        let restore = ["restore", "--point", id, "--to", "-"];
        let outcome = command::run(&self.words_on(disks, &restore));
        let image = if id == self.kept { 0 } else { 2 };
        json!({
            "point": id,
            "same": outcome.stdout == self.images[image],
            "code": outcome.code,
            "stderr": outcome.stderr,
        })
    }

    fn take_back(&self, stale: &str) -> Value {
        let others: Vec<String> =
            self.pool.disks.iter().filter(|disk| *disk != stale).cloned().collect();
        let back = command::run(&self.pool.words_on(&others, &["disk", "return", stale]));
        let verify = self.pool.run(&["verify"]);
        json!({ "disk": stale, "outcome": back.to_json(), "verify": verify.to_json() })
    }

    fn words(&self, work: &str) -> Vec<String> {
        match work {
            "take" => self.pool.words(&take(2)),
            "restore" => self.pool.words(&["restore", "--point", &self.kept, "--to", "-"]),
            "reclaim" => self.pool.words(&["reclaim", "--least-dead", "1"]),
            _ => self.pool.words(&["verify"]),
        }
    }
}

/// Takes image number `image` in.
fn take(image: usize) -> [&'static str; 4] {
    const SOURCES: [&str; 3] = ["/dev/vdc", "/dev/vdd", "/dev/vde"];
    ["ingest", "--system", "machine", SOURCES[image]]
}

/// Does to the disk what the case says, until it is over or the command has ended.
fn happen(case: &Case, disk: &Mapped, work: &mut Work) {
    if case.behaviour.is_some() {
        // Prepared already, so that it comes at the moment that is meant.
        work.while_stopped(|| disk.go_on());
        if case.once {
            thread::sleep(ONCE);
        } else {
            work.until(|| false);
        }
        disk.prepare(Behaviour::Healthy);
    } else {
        work.while_stopped(|| disk.hold());
        thread::sleep(HANG);
        if !case.once {
            work.kill();
        }
    }
    disk.go_on();
}
