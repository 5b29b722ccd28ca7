//! Machines whose guest has an agent: frozen for the moment at which their disk is pulled, and
//! never for longer.
//!
//! The last test has a real guest: Debian's kernel under emulation, a file system that a program
//! writes to all the time, and QEMU's own agent. `cargo xtask guest` prepares it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{JobState, JobView, Object, Place};
use serde_json::{Value, json};

use crate::harness::{Bus, Engine, Guest, MIB, Machine, Pool, image, run, run_tool, skipped, text};
use crate::pulls::{begin, point, pull};

/// By then everything has happened that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn plan(socket: &Path, agent: Option<&Path>) -> String {
    let agent = agent.map_or(String::new(), |agent| {
        format!("guest-agent = {:?}, ", agent.display().to_string())
    });
    format!(
        "format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\nretry = {{ count = 1, \
         back-off = \"1s\" }}\n[[system]]\nname = \"mail\"\nclient = \"acme\"\nrpo = \"8h\"\n\
         rto = \"1h\"\ninterval = \"4h\"\nretention = {{ daily = 7 }}\n\
         source = {{ kind = \"qmp\", {agent}socket = {:?}, disks = [\"vda\"] }}\n",
        socket.display().to_string()
    )
}

/// What an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Good,
    /// Freezes, and does not say so.
    Withholds,
    Garbage,
}

/// An agent, without a guest.
struct Agent {
    path: PathBuf,
    manner: Arc<Mutex<Manner>>,
    /// Each freeze and thaw that was done.
    did: Receiver<&'static str>,
}

impl Agent {
    fn new(pool: &Pool) -> Self {
        let path = pool.path("qga");
        let listener = UnixListener::bind(&path).expect("a short path");
        let manner = Arc::new(Mutex::new(Manner::Good));
        let (tell, did) = channel();
        let own = manner.clone();
        std::thread::spawn(move || {
            let mut frozen = false;
            for stream in listener.incoming() {
                serve(&stream.expect("a client"), &own, &mut frozen, &tell);
            }
        });
        Self { path, manner, did }
    }

    fn is(&self, manner: Manner) {
        *self.manner.lock().expect("nobody panics here") = manner;
    }

    fn does(&self, what: &str) {
        assert_eq!(self.did.recv_timeout(PATIENCE), Ok(what));
    }
}

fn serve(
    mut stream: &UnixStream,
    manner: &Mutex<Manner>,
    frozen: &mut bool,
    tell: &Sender<&'static str>,
) {
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let manner = *manner.lock().expect("nobody panics here");
        let line = line.strip_prefix(&[0xff]).unwrap_or(&line);
        let asked: Value = serde_json::from_slice(line).expect("JSON");
        let returned = match asked["execute"].as_str().expect("a command") {
            _ if manner == Manner::Garbage => json!("\u{1b}[2J".repeat(100)),
            "guest-sync-delimited" => asked["arguments"]["id"].clone(),
            "guest-fsfreeze-status" if *frozen => json!("frozen"),
            "guest-fsfreeze-status" => json!("thawed"),
            "guest-fsfreeze-freeze" => {
                *frozen = true;
                let _ = tell.send("freeze");
                if manner == Manner::Withholds {
                    continue;
                }
                json!(1)
            }
            "guest-fsfreeze-thaw" => {
                if std::mem::take(frozen) {
                    let _ = tell.send("thaw");
                }
                json!(1)
            }
            other => panic!("{other} is not asked of a guest"),
        };
        let reset: &[u8] = match asked["execute"] == "guest-sync-delimited" {
            true => &[0xff],
            false => &[],
        };
        let answer = format!("{}\n", json!({ "return": returned }));
        if stream.write_all(&[reset, answer.as_bytes()].concat()).is_err() {
            return;
        }
    }
}

/// Of what moment the engine says that the point of a job is.
pub(crate) fn consistency(engine: &Engine, job: &JobView) -> String {
    let place = Place::Point(point(job).parse().expect("an identity"));
    engine.shows(&place);
    match engine.wait(engine.client.object(&place)) {
        Ok(Object::Point(point)) => point.consistency,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_guest_is_frozen_for_the_moment_and_no_agent_keeps_a_pull_from_its_point() {
    let pool = Pool::new(1, 512);
    let bus = Bus::start(&pool.path(""));
    let mut content = image(111, 24 * MIB);
    let mut machine = Machine::start(&pool, &content);
    let agent = Agent::new(&pool);
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&machine.socket, Some(&agent.path)));
    let mut points = Vec::new();
    for (manner, state, kept, says) in [
        (Manner::Good, JobState::Done, "file-system", ""),
        (Manner::Garbage, JobState::Warned, "crash", "not answer in time"),
        (Manner::Withholds, JobState::Warned, "crash", "that was not enough"),
        (Manner::Good, JobState::Done, "file-system", ""),
    ] {
        agent.is(manner);
        let job = pull(&engine, false);
        assert_eq!(job.state, state, "{job:?}");
        assert!(job.cause.contains(says) && !job.cause.contains('\u{1b}'), "{job:?}");
        assert_eq!(consistency(&engine, &job), kept);
        if manner != Manner::Garbage {
            agent.does("freeze");
            agent.does("thaw");
        }
        points.push((point(&job), content.clone(), kept));
        machine.write(points.len() as u8, 0, 65_536);
        content[..65_536].fill(points.len() as u8);
    }
    engine.apply(&plan(&machine.socket, None));
    let job = pull(&engine, false);
    assert_eq!((job.state, consistency(&engine, &job)), (JobState::Done, "crash".to_owned()));
    engine.stop();
    let listed = run(&mut pool.command(&["points"])).done();
    let listed = listed["points"].as_array().expect("a list");
    for (listed, (point, bytes, kept)) in listed.iter().zip(&points) {
        assert_eq!((text(listed, "point"), text(listed, "consistency")), (point.as_str(), *kept));
        assert!(pool.restore(point) == *bytes, "{point}");
    }
}

#[test]
fn an_engine_that_is_killed_or_told_to_stop_amid_a_freeze_leaves_no_guest_frozen() {
    let pool = Pool::new(1, 512);
    let bus = Bus::start(&pool.path(""));
    let machine = Machine::start(&pool, &image(112, 24 * MIB));
    let agent = Agent::new(&pool);
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&machine.socket, Some(&agent.path)));
    agent.is(Manner::Withholds);
    let job = begin(&engine, false);
    agent.does("freeze");
    engine.kill();
    agent.is(Manner::Good);
    let engine = Engine::start(&pool, &bus, "");
    agent.does("thaw");
    let job = engine.until(job, |job| job.state.is_ended());
    assert_eq!(job.state, JobState::Done, "{job:?}");
    assert_eq!(consistency(&engine, &job), "file-system");
    agent.does("freeze");
    agent.does("thaw");

    agent.is(Manner::Withholds);
    let job = begin(&engine, false);
    agent.does("freeze");
    let asked = std::time::Instant::now();
    engine.wait(async {
        let path = Place::Job(job).path();
        let proxy = bus::JobProxy::builder(engine.client.connection()).path(path);
        proxy.build().await.unwrap().cancel().await.expect("it runs");
    });
    let job = engine.until(job, |job| job.state.is_ended());
    let took = asked.elapsed();
    agent.does("thaw");
    assert_eq!(job.state, JobState::Cancelled, "{job:?}");
    assert!(took < Duration::from_secs(3), "it took {took:?}");
    engine.stop();
}

/// What `dumpe2fs` says of a disk with a file system.
pub(crate) fn features(disk: &Path) -> String {
    let told = Command::new("dumpe2fs").arg("-h").arg(disk).output().expect("e2fsprogs");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let line = told.lines().find(|line| line.starts_with("Filesystem features:"));
    line.expect("a file system").to_owned()
}

#[test]
fn a_real_guest_writes_on_and_its_file_system_needs_no_recovery_in_the_point() {
    let Some(prepared) = Guest::prepared() else {
        return skipped("there is no guest: `cargo xtask guest` prepares it");
    };
    let pool = Pool::new(1, 1024);
    let bus = Bus::start(&pool.path(""));
    let (raw, disk) = (pool.path("content"), pool.path("machine.qcow2"));
    let file = std::fs::File::create(&raw).expect("a new file");
    file.set_len(64 * MIB as u64).expect("a sparse file");
    run_tool(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&raw));
    run_tool(Command::new("qemu-img").args(["convert", "-O", "qcow2"]).args([&raw, &disk]));
    let mut guest = Guest::start(&prepared, &pool, &disk);
    guest.writes_on();
    let engine = Engine::start(&pool, &bus, "");
    let mut points = Vec::new();
    for (agent, kept) in [(Some(guest.agent.clone()), "file-system"), (None, "crash")] {
        engine.apply(&plan(&guest.socket, agent.as_deref()));
        for left_frozen in [false, true] {
            guest.writes_on();
            if left_frozen && agent.is_some() {
                guest.freeze();
            }
            let job = pull(&engine, false);
            assert_eq!(job.state, JobState::Done, "{job:?}");
            assert_eq!(consistency(&engine, &job), kept);
            guest.writes_on();
            points.push((point(&job), kept));
        }
    }
    engine.stop();
    drop(guest);
    let restored = pool.path("restored");
    for (point, kept) in points {
        run(&mut pool.restore_to(&point, &restored)).done();
        let recovers = features(&restored).contains("needs_recovery");
        assert_eq!(recovers, kept == "crash", "{}", features(&restored));
        if !recovers {
            run_tool(Command::new("e2fsck").args(["-f", "-n"]).arg(&restored));
        }
        std::fs::remove_file(&restored).expect("the restored file");
    }
}
