//! The whole box: agent, receiver, engine and store as they run on machines of their own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use bus::{Fact, JobState, JobView, Object, Place};
use serde_json::Value;

use super::line::Line;
use crate::harness::{Bus, Engine, MIB, Pool, Random, beside, number, run, text};

const PLAN: &str = "format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\n[[system]]\n\
    name = \"mail\"\nclient = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\ninterval = \"4h\"\n\
    retention = { daily = 7 }\nsource = { kind = \"agent\" }\n";

/// Ends a process with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A box with its receiver, and one agent.
struct Whole {
    pool: Pool,
    bus: Bus,
    engine: Engine,
    line: Line,
    _receiver: Ends,
}

impl Whole {
    fn new() -> Self {
        let pool = Pool::new(1, 1024);
        let bus = Bus::start(&pool.path(""));
        let engine = Engine::start(&pool, &bus, "");
        engine.apply(PLAN);
        configure(&pool, "127.0.0.1:1", &"00".repeat(32));
        let enrolled = agent(&pool, "enroll").output().expect("the agent can be started");
        let enrolled: Value = serde_json::from_slice(&enrolled.stdout).expect("JSON");
        let config = pool.path("receiver.toml");
        let text = format!(
            "listen = \"127.0.0.1:0\"\ncertificate = \"box.pem\"\nkey = \"box.key\"\n\
             state = \"receiver\"\nbus = {:?}\n[[agent]]\nsystem = \"mail\"\n\
             fingerprint = {}\nvolumes = [\"root\"]\nmost_bytes = \"1G\"\n",
            bus.address, enrolled["fingerprint"]
        );
        fs::write(&config, text).expect("room for a small file");
        let (receiver, line) = start(config, &pool);
        Self { pool, bus, engine, line, _receiver: receiver }
    }

    /// Does a run to its success; what it says of its volume.
    fn run(&self) -> Value {
        let output = agent(&self.pool, "run").output().expect("the agent can be started");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaints}");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        told["volumes"][0].clone()
    }

    fn jobs(&self) -> Vec<JobView> {
        let objects = self.engine.objects().into_iter();
        let jobs = objects.filter_map(|object| match object {
            Object::Job(job) => Some(job),
            _ => None,
        });
        jobs.collect()
    }

    fn intakes(&self) -> Vec<bus::IntakeView> {
        let objects = self.engine.objects().into_iter();
        let intakes = objects.filter_map(|object| match object {
            Object::Intake(intake) => Some(intake),
            _ => None,
        });
        intakes.collect()
    }

    /// Waits until an agent that runs has sent so many bytes more.
    fn sent(&self, bytes: usize, agent: &mut Child) {
        let until = self.line.passed() + bytes as u64;
        while self.line.passed() < until {
            assert!(agent.try_wait().expect("the agent").is_none(), "it ended before");
            thread::yield_now();
        }
    }
}

/// Starts the receiver, and the line that leads to it.
fn start(config: PathBuf, pool: &Pool) -> (Ends, Line) {
    let fingerprint = Command::new(beside("holdfast-receiver"))
        .arg("--config")
        .arg(&config)
        .arg("fingerprint")
        .output()
        .expect("the receiver can be started");
    let fingerprint = String::from_utf8_lossy(&fingerprint.stdout).trim().to_owned();
    let mut receiver = Command::new(beside("holdfast-receiver"))
        .arg("--config")
        .arg(config)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the receiver can be started");
    let mut lines = BufReader::new(receiver.stderr.take().expect("what it says")).lines();
    let ready = lines.find_map(|line| {
        let line = line.expect("text");
        let (_, rest) = line.split_once(" agents at ")?;
        rest.split_once(';').map(|(address, _)| address.to_owned())
    });
    thread::spawn(move || lines.for_each(|line| println!("receiver: {line:?}")));
    let address = ready.and_then(|address| address.parse().ok());
    let line = Line::new(address.expect("it says where it is ready"), u64::MAX, 0);
    configure(pool, &line.address.to_string(), &fingerprint);
    (Ends(receiver), line)
}

fn configure(pool: &Pool, address: &str, fingerprint: &str) {
    let text = format!(
        "box = {address:?}\nfingerprint = {fingerprint:?}\ncertificate = \"agent.pem\"\n\
         key = \"agent.key\"\nstate = \"agent\"\npatience = \"30s\"\n\
         [[volume]]\nname = \"root\"\npath = \"volume.img\"\n"
    );
    fs::write(pool.path("agent.toml"), text).expect("room for a small file");
}

fn agent(pool: &Pool, word: &str) -> Command {
    let mut command = Command::new(beside("holdfast-agent"));
    command.args(["--json", "--quiet", "--config"]).arg(pool.path("agent.toml")).arg(word);
    command
}

fn text_of(job: &JobView, name: &str) -> String {
    match job.result.get(name) {
        Some(Fact::Text(text)) => text.clone(),
        other => panic!("{other:?} in {job:?}"),
    }
}

#[test]
fn what_an_agent_sends_is_what_is_restored_and_an_incremental_costs_what_changed() {
    let whole = Whole::new();
    let mut bytes = vec![0; 24 * MIB + 512];
    Random(31).fill(&mut bytes);
    bytes[4 * MIB..9 * MIB].fill(0);
    let path = whole.pool.image("volume.img", &bytes);
    let full = whole.run();
    assert_eq!(number(&full, "sent_bytes"), 19 * MIB as u64 + 512);
    let first = bytes.clone();

    let file = fs::File::options().write(true).open(&path).expect("the volume");
    for block in [0_usize, 170, 383] {
        bytes[block * 65_536 + 5] ^= 0x55;
    }
    bytes[20 * MIB..21 * MIB].fill(0);
    bytes[24 * MIB + 511] ^= 1;
    file.write_all_at(&bytes, 0).expect("room");
    let second = whole.run();
    assert_eq!(second["incremental"], true);
    assert_eq!(number(&second, "sent_bytes"), 3 * 65_536 + 512);
    let third = whole.run();
    assert_eq!((number(&third, "sent_bytes"), number(&third, "zeroed_bytes")), (0, 0));

    let jobs = whole.jobs();
    assert!(jobs.iter().all(|job| job.state == JobState::Done), "{jobs:?}");
    let points = [&full, &second, &third].map(|run| run["point"].as_str().expect("one").to_owned());
    assert!(points.iter().zip(&jobs).all(|(point, job)| *point == text_of(job, "point")));
    assert!(whole.intakes().is_empty());
    whole.engine.stop();
    for (point, content) in points.iter().zip([&first, &bytes, &bytes]) {
        assert!(whole.pool.restore(point) == *content, "{point} is not what was sent");
    }
}

#[test]
fn agents_and_engines_that_are_killed_leave_no_point_and_the_next_run_is_right() {
    let mut whole = Whole::new();
    let mut bytes = vec![0; 200 * MIB];
    Random(32).fill(&mut bytes);
    let path = whole.pool.image("volume.img", &bytes);
    let begin = |whole: &Whole| agent(&whole.pool, "run").stdout(Stdio::null()).spawn();

    let mut killed = begin(&whole).expect("the agent can be started");
    whole.sent(100 * MIB, &mut killed);
    killed.kill().expect("the agent");
    killed.wait().expect("it ends");
    assert_eq!((whole.jobs().len(), whole.intakes().len()), (0, 1));

    // What it had sent changes, and the engine is killed under the next one.
    let file = fs::File::options().write(true).open(&path).expect("the volume");
    for block in [3_usize, 700, 1500] {
        bytes[block * 65_536] ^= 0xff;
    }
    file.write_all_at(&bytes, 0).expect("room");
    let mut waiting = begin(&whole).expect("the agent can be started");
    whole.sent(20 * MIB, &mut waiting);
    whole.engine.kill();
    whole.engine = Engine::start(&whole.pool, &whole.bus, "");
    assert!(waiting.wait().expect("the agent").success(), "it outlives the engine");
    let jobs = whole.engine.all_over();
    assert_eq!(jobs.iter().map(|job| job.state).collect::<Vec<_>>(), [JobState::Done]);
    let point = text_of(&jobs[0], "point");
    let again = whole.run();
    assert_eq!(number(&again, "sent_bytes"), 0, "the digests are those of the point");
    whole.engine.stop();
    assert!(whole.pool.restore(&point) == bytes);
}

/// A tool that does nothing, in the place of the one that freezes: an image is not mounted.
fn stand_in(pool: &Pool) -> String {
    let tool = pool.path("fsfreeze");
    fs::write(&tool, "#!/bin/sh\n").expect("room for a small file");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("it is ours");
    format!("{}:{}", pool.path("").display(), std::env::var("PATH").unwrap_or_default())
}

#[test]
fn a_point_keeps_of_what_moment_an_agent_says_it_is() {
    let whole = Whole::new();
    let tools = stand_in(&whole.pool);
    whole.pool.image("volume.img", &[7; 3 << 20]);
    let config = whole.pool.path("agent.toml");
    let plain = fs::read_to_string(&config).expect("its configuration");
    let freeze = "hold = \"freeze\"\nmount = \"/\"\n";
    let scripted = plain.replacen("[[volume]]", "[scripts]\npre = [\"true\"]\n[[volume]]", 1);
    let mut points = Vec::new();
    for (text, kept) in [
        (plain.clone(), "unknown"),
        (plain + freeze, "crash"),
        (scripted.clone() + freeze, "application"),
        (scripted, "unknown"),
    ] {
        fs::write(&config, text).expect("room for a small file");
        let mut run = agent(&whole.pool, "run");
        let told = run.env("PATH", &tools).output().expect("the agent can be started");
        let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
        let point = told["volumes"][0]["point"].as_str().expect("a recovery point").to_owned();
        let place = Place::Point(point.parse().expect("an identity"));
        whole.engine.shows(&place);
        let shown = whole.engine.wait(whole.engine.client.object(&place));
        let Ok(Object::Point(shown)) = shown else { panic!("{shown:?}") };
        assert_eq!(shown.consistency, kept, "{told}");
        points.push(kept);
    }
    whole.engine.stop();
    let listed = run(&mut whole.pool.command(&["points"])).done();
    let listed = listed["points"].as_array().expect("a list").iter();
    let listed: Vec<&str> = listed.map(|point| text(point, "consistency")).collect();
    assert_eq!(listed, points);
}
