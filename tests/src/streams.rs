//! What programs write becomes recovery points: dumps and archives, with and without an engine. A
//! stream that did not end as it should leaves none.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bus::JobState;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{
    Asked, MIB, Outcome, Pool, Random, ended, flip_between, image, number, points, run, signal,
    text,
};

/// Words in front of what is to be run.
const STREAM: [&str; 5] = ["ingest", "--system", "db", "--stream", "--"];

/// A dump of a table: rows of text, each with something of its own.
fn dump(rows: u64) -> Vec<u8> {
    let mut random = Random(71);
    let row = |number| format!("INSERT INTO parts VALUES ({number}, '{:016x}');\n", random.next());
    (0..rows).map(row).collect::<String>().into_bytes()
}

/// A stream as a program writes it, in a file that `cat` gives out.
fn take(pool: &Pool, name: &str, bytes: &[u8]) -> Value {
    let path = pool.image(name, bytes);
    run(pool.command(&STREAM).arg("cat").arg(path)).done()
}

fn restored(pool: &Pool, point: &str) -> Vec<u8> {
    let outcome = run(&mut pool.command(&["restore", "--point", point, "--to", "-"]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome.stdout
}

#[test]
fn a_row_that_comes_in_front_costs_little_and_both_dumps_come_back() {
    let pool = Pool::new(2, 256);
    let first = dump(400_000);
    let taken = take(&pool, "first", &first);
    assert_eq!(number(&taken, "bytes_logical"), first.len() as u64);
    let second = [b"-- one line more\n", &first[..]].concat();
    let again = take(&pool, "second", &second);
    assert_eq!(again["parent"], taken["point"]);
    // One chunk or two of 256 KiB at most, and a leaf of the manifest.
    assert!(number(&again, "bytes_new") <= 512 << 10, "{again}");
    assert!(restored(&pool, text(&taken, "point")) == first);
    assert!(pool.restore(text(&again, "point")) == second, "to a file");
    let part = pool.image("to.part", b"somebody's own");
    run(&mut pool.restore_to("latest", &pool.path("to"))).refused("to.part is there", "delete it");
    assert_eq!(fs::read(part).expect("it was there"), b"somebody's own");
    let unchanged = take(&pool, "again", &second);
    assert_eq!(number(&unchanged, "bytes_new"), 0);
    assert!(number(&unchanged, "bytes_added") < 1024, "{unchanged}");
    let listed = run(&mut pool.command(&["points"])).done();
    assert_eq!(listed["points"][0]["content"], "stream");
    assert_eq!(pool.verify(), 0);
    run(&mut pool.command(&["verify", "--deep"])).done();
}

#[test]
fn a_real_archive_comes_back_to_the_program_that_reads_it() {
    let pool = Pool::new(1, 128);
    let folder = pool.path("folder");
    fs::create_dir_all(folder.join("deep")).expect("room for folders");
    fs::write(folder.join("one"), image(72, 3 * MIB + 5)).expect("room for a file");
    fs::write(folder.join("deep/two"), dump(1000)).expect("room for a file");
    let mut tar = pool.command(&STREAM);
    run(tar.args(["tar", "-C"]).arg(&folder).args(["-cf", "-", "."])).done();
    let back = pool.path("back");
    fs::create_dir(&back).expect("room for a folder");
    let mut untar = Command::new("tar").arg("-xC").arg(&back).stdin(Stdio::piped()).spawn();
    let untar = untar.as_mut().expect("tar can be started");
    untar.stdin.take().expect("a pipe").write_all(&restored(&pool, "latest")).expect("tar reads");
    assert!(untar.wait().expect("a child of this process").success());
    for file in ["one", "deep/two"] {
        let read = |folder: &Path| fs::read(folder.join(file)).expect("a file");
        assert!(read(&folder) == read(&back), "{file}");
    }
}

#[test]
fn streams_that_do_not_end_as_they_should_leave_no_recovery_point() {
    let pool = Pool::new(1, 128);
    let cases = [
        ("head -c 3000000 /dev/urandom; exit 3", "exit status: 3"),
        ("head -c 3000000 /dev/urandom; kill -9 $$", "signal: 9"),
        ("true", "nothing came"),
    ];
    for (script, what) in cases {
        let failed = run(pool.command(&STREAM).args(["sh", "-c", script]));
        failed.refused(what, "");
        assert!(pool.points().is_empty(), "{script}");
    }
    run(pool.command(&STREAM).arg("no-such-program")).refused("No such file", "name");
}

#[test]
fn a_stream_is_no_disk_and_a_system_is_of_one_kind() {
    let pool = Pool::new(1, 128);
    let disk = image(73, 2 * MIB);
    let path = pool.image("image", &disk);
    pool.take(&path);
    let dump = pool.image("dump", &dump(30_000));
    let words = ["ingest", "--system", "machine", "--stream", "--"];
    let refused = run(pool.command(&words).arg("cat").arg(&dump));
    refused.refused("of kind volumes, not stream", "machine-stream");
    run(pool.command(&STREAM).arg("cat").arg(&dump)).done();
    let mut ingest = pool.command(&["ingest", "--system", "db"]);
    run(ingest.arg(&path)).refused("of kind stream, not volumes", "db-volumes");
    let socket = pool.path("socket").display().to_string();
    let words = ["export", "--point", "latest", "--socket", &socket];
    run(&mut pool.command(&words)).refused("is a stream", "restore it");
    let none = run(&mut pool.command(&STREAM[..4]));
    assert_eq!(none.code, Some(2), "a command is needed: {}", none.stderr);
}

#[test]
fn a_stream_that_is_interrupted_leaves_no_recovery_point_however_its_command_ends() {
    let pool = Pool::new(1, 128);
    for script in ["cat /dev/urandom; true", "trap '' INT; exec sleep 1000"] {
        let mut ingest = pool.command(&STREAM);
        ingest.args(["sh", "-c", &format!("echo $$ > {}; {script}", pool.path("pid").display())]);
        ingest.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A terminal sends its signal to all of them.
        let child = ingest.process_group(0).spawn().expect("the command can be started");
        while !fs::read_to_string(pool.path("pid")).is_ok_and(|pid| pid.ends_with('\n')) {
            std::thread::yield_now();
        }
        fs::remove_file(pool.path("pid")).expect("it was there");
        let group = Pid::from_raw(i32::try_from(child.id()).expect("a process"));
        killpg(group, Signal::SIGINT).expect("it runs");
        let outcome = ended(child);
        assert_ne!(outcome.code, Some(0), "{script}: {}", outcome.stderr);
        assert!(pool.points().is_empty(), "{script}");
    }
}

#[test]
fn what_damage_took_from_a_stream_is_told_and_never_given_back_as_something_else() {
    let pool = Pool::new(1, 128);
    let mut noise = vec![0; 12 * MIB];
    Random(74).fill(&mut noise);
    take(&pool, "noise", &noise);
    let length = fs::metadata(&pool.disks[0]).expect("the disk").len() as usize;
    assert!(flip_between(&pool.disks[0], length / 8..length / 4, 75) > 0);
    let damaged = run(&mut pool.command(&["verify"]));
    let object = damaged.refused("are lost", "");
    let missing = &object["broken"][0]["missing"][0];
    assert!(number(missing, "bytes") > 0, "{object}");
    let part = run(&mut pool.command(&["restore", "--point", "latest", "--to", "-"]));
    assert_eq!(part.code, Some(1), "{}", part.stderr);
    assert!(noise.starts_with(&part.stdout), "what a program got by then is the beginning");
    let to = pool.path("to");
    let failed = run(&mut pool.restore_to("latest", &to));
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert!(!to.exists(), "a part does not pass for all");
}

/// A command that hands a stream over to an engine and does not end by itself.
fn endless(asked: &Asked) -> Child {
    let mut ingest = asked.command(&STREAM);
    let pid = asked.pool.path("pid");
    let script = format!("echo $$ > {}; head -c 5000000 /dev/urandom", pid.display());
    ingest.args(["sh", "-c", &format!("{script}; exec sleep 1000")]);
    ingest.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ingest.spawn().expect("the command can be started")
}

#[test]
fn an_engine_takes_streams_and_whoever_vanishes_leaves_no_recovery_point() {
    let mut asked = Asked::start(1, 128);
    let bytes = dump(100_000);
    let path = asked.pool.image("dump", &bytes).display().to_string();
    let taken = asked.ask(&[&STREAM[..], &["cat", &path]].concat()).done();
    let back = asked.ask(&["restore", "--point", text(&taken, "point"), "--to", "-"]);
    assert!(back.stdout == bytes, "{}", back.stderr);
    let to = asked.pool.path("to").display().to_string();
    asked.ask(&["restore", "--point", "latest", "--on-box", "--to", &to]).done();
    assert!(fs::read(&to).expect("the restored file") == bytes);

    let script = ["sh", "-c", "head -c 3000000 /dev/urandom; exit 3"];
    let failed = asked.ask(&[&STREAM[..], &script].concat());
    failed.refused("exit status: 3", "nothing became");
    let job = asked.engine().until(4, |job| job.state.is_ended());
    assert_eq!(job.state, JobState::Failed, "{}", job.cause);

    // The command is killed amid the stream; its program dies of it, or goes on for nothing.
    let mut killed = endless(&asked);
    asked.engine().until(5, |job| job.bytes_done >= 4 << 20);
    signal(&killed, Signal::SIGKILL);
    killed.wait().expect("a child of this process");
    let job = asked.engine().until(5, |job| job.state.is_ended());
    assert_eq!(job.state, JobState::Failed, "{}", job.cause);
    assert!(job.cause.contains("went away before its end"), "{}", job.cause);
    let left = fs::read_to_string(asked.pool.path("pid")).expect("a number");
    let left = Pid::from_raw(left.trim().parse().expect("a number"));
    kill(left, Signal::SIGKILL).expect("the program of the command that was killed");

    // Somebody changes his mind.
    let cancelled = endless(&asked);
    asked.engine().until(6, |job| job.bytes_done >= 4 << 20);
    signal(&cancelled, Signal::SIGINT);
    let outcome: Outcome = ended(cancelled);
    assert_ne!(outcome.code, Some(0));
    asked.engine().job_is(6, JobState::Cancelled);

    // The engine is killed: the stream is lost, and says so.
    let lost = endless(&asked);
    asked.engine().until(7, |job| job.bytes_done >= 4 << 20);
    asked.engine.take().expect("it runs").kill();
    let outcome = ended(lost);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("went away"), "{}", outcome.stderr);
    assert_eq!(points(&run(&mut asked.pool.command(&["points"]))), [text(&taken, "point")]);
}
