//! The command asking a running engine: the same words, outcomes and refusals as on disks.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bus::{JobState, Place};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{
    Asked, Engine, Export, MIB, Pool, Random, Watched, allocated, client, ended, holdfast, image,
    number, points, run, run_tool, run_with, signal, text,
};

fn noise(mib: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; mib * MIB];
    Random(seed).fill(&mut bytes);
    bytes
}

fn fields(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn what_an_engine_answers_has_the_fields_of_what_is_found_on_disks() {
    let mut asked = Asked::start(2, 256);
    let bytes = image(501, 9 * MIB + 512);
    let id = asked.take("image", &bytes);
    let commands: [&[&str]; 7] = [
        &["points"],
        &["verify"],
        &["scrub"],
        &["reclaim"],
        &["expire", "--dry-run"],
        &["expire"],
        &["disk", "status"],
    ];
    let answers: Vec<Value> = commands.iter().map(|words| asked.ask(words).done()).collect();
    assert_eq!(points(&asked.ask(&["points", "--system", "machine"])), [id.as_str()]);
    let to = asked.pool.path("to");
    let restored = run(asked.command(&["restore", "--point", "latest", "--to"]).arg(&to)).done();
    assert!(std::fs::read(&to).expect("the restored file") == bytes);
    assert_eq!(number(&restored, "bytes"), bytes.len() as u64);
    let scrubs = asked.ask(&["scrub", "--history"]).done();
    assert_eq!(scrubs["scrubs"][0]["done"], true, "{scrubs}");
    asked.stop();
    assert_eq!(scrubs, run(&mut asked.pool.locked(&["scrub", "--history"])).done());
    for (words, answer) in commands.iter().zip(&answers) {
        let mut local = match words[0] {
            "disk" => asked.pool.locked(words),
            _ => asked.pool.command(words),
        };
        let local = run(&mut local).done();
        for field in fields(&local) {
            assert!(answer.get(field).is_some(), "{words:?} has no {field}: {answer}");
        }
    }
    assert_eq!(answers[1]["lost"], 0);
    assert_eq!(answers[4]["points"][0]["verdict"], "stays");
    assert_eq!(answers[4]["points"][0]["system"], "machine");
    assert_eq!(answers[0]["points"][0]["bytes_logical"], bytes.len() as u64);
}

#[test]
fn a_volume_comes_back_through_a_pipe_and_to_a_path_of_the_box() {
    let asked = Asked::start(1, 128);
    let bytes = image(502, 5 * MIB + 100);
    let id = asked.take("image", &bytes);
    let streamed = asked.ask(&["restore", "--point", &id[..8], "--to", "-"]);
    assert_eq!(streamed.code, Some(0), "{}", streamed.stderr);
    assert!(streamed.stdout == bytes);
    let to = asked.pool.path("box").display().to_string();
    let words = ["restore", "--point", "latest", "--on-box", "--to", &to];
    asked.ask(&words).done();
    assert!(std::fs::read(&to).expect("the restored file") == bytes);
    asked.ask(&words).refused("is there already", "overwrite");
    let words = ["restore", "--point", "latest", "--to", &to];
    asked.ask(&words).refused("exists already", "name a new file");
    assert!(std::fs::read(&to).expect("the file that was there") == bytes);
    let words = ["restore", "--point", "latest", "--volume", "3", "--to", "/dev/null"];
    asked.ask(&words).refused("no volume 3", "--volume");
    let said = asked.says(&["restore", "--point", "latest", "--to", "/dev/null"]);
    assert!(said.contains("restored to /dev/null"), "{said}");
}

#[test]
fn a_file_that_is_restored_has_room_for_data_only() {
    let asked = Asked::start(1, 128);
    let mut bytes = vec![0; 48 * MIB + 100];
    bytes[20 * MIB..22 * MIB].copy_from_slice(&noise(2, 514));
    bytes[48 * MIB + 7] = 1;
    asked.take("image", &bytes);
    let to = asked.pool.path("to");
    run(asked.command(&["restore", "--point", "latest", "--to"]).arg(&to)).done();
    assert!(std::fs::read(&to).expect("the restored file") == bytes);
    assert!(allocated(&to) <= 3 * MIB as u64, "{} bytes", allocated(&to));
    // What a shell has opened takes writes at its end only, or holds something already.
    for (mode, before) in [(">", 0), (">>", 0), (">>", 3)] {
        std::fs::write(&to, vec![7; before]).expect("room for a small file");
        let program = holdfast().display();
        let restore = format!("{program} restore --point latest --to -");
        let line = format!("({restore} && printf end) {mode} {}", to.display());
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).env(bus::ADDRESS_VARIABLE, &asked.bus.address);
        assert_eq!(run(&mut shell).code, Some(0), "{line}");
        let after = std::fs::read(&to).expect("the restored file");
        let (volume, end) = after[before..].split_at(bytes.len());
        assert!(volume == bytes && end == b"end", "{line}");
    }
}

#[test]
fn a_plan_is_applied_and_its_systems_run_by_name() {
    let asked = Asked::start(1, 256);
    let source = asked.pool.image("mail.img", &image(503, 2 * MIB));
    let plan = asked.pool.path("plan.toml");
    let text_of = |daily: u32, lock: &str| {
        format!(
            "format = 1\n[[client]]\nname = \"acme\"\nzone = \"Europe/Berlin\"\n[[system]]\n\
             name = \"mail\"\nclient = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\ninterval = \"4h\"\n\
             retention = {{ daily = {daily}{lock} }}\n\
             source = {{ kind = \"image\", path = {:?} }}\n",
            source.display().to_string()
        )
    };
    let of_plan = |words: &[&str]| run(asked.command(words).arg(&plan));
    std::fs::write(&plan, text_of(7, "")).expect("room for a small file");
    let difference = of_plan(&["plan", "diff"]).done();
    assert_eq!(difference["applied"], false, "{difference}");
    asked.ask(&["ingest", "--system", "mail"]).refused("no protected system mail", "plan");
    of_plan(&["plan", "apply"]).done();
    let policies = asked.ask(&["policy", "show"]).done();
    assert_eq!(
        (&policies["policies"][0]["system"], &policies["policies"][0]["daily"]),
        (&Value::from("mail"), &Value::from(7))
    );
    asked.ask(&["ingest", "--system", "mial"]).refused("system mial", "`mail` may be meant");
    let taken = asked.ask(&["ingest", "--system", "mail"]).done();
    assert_eq!(points(&asked.ask(&["points"])), [text(&taken, "point")]);
    let systems = asked.ask(&["systems", "list"]).done();
    assert_eq!(systems["systems"][0]["rpo_state"], "met", "{systems}");
    // A lock can never be taken back.
    std::fs::write(&plan, text_of(7, ", lock = \"1d\"")).expect("room for a small file");
    of_plan(&["plan", "apply"]).refused("never be made shorter", "--yes");
    of_plan(&["plan", "apply", "--yes"]).done();
    std::fs::write(&plan, text_of(7, "").replace("daily", "dialy")).expect("room");
    let wrong = of_plan(&["plan", "diff"]).refused("2 things are wrong", "mend the plan");
    assert!(wrong["problems"].to_string().contains("did you mean `daily`"), "{wrong}");
    let written = asked.pool.path("written.toml");
    run(asked.command(&["plan", "export", "--to"]).arg(&written)).done();
    let again = run(asked.command(&["plan", "diff"]).arg(&written)).done();
    assert_eq!(again["lines"], Value::Array(Vec::new()), "{again}");
    asked
        .ask(&["policy", "set", "--all-systems", "--last", "1"])
        .refused("plan says", "plan apply");
}

#[test]
fn points_are_held_removed_and_returned() {
    let asked = Asked::start(1, 128);
    let ids = [504, 505].map(|seed| asked.take(&format!("{seed}"), &image(seed, MIB)));
    let held = asked.ask(&["points", "hold", &ids[0][..8]]).done();
    assert_eq!((number(&held, "changed"), &held["points"][0]["held"]), (1, &Value::from(true)));
    asked.ask(&["points", "remove", &ids[0]]).refused("is held", "points release");
    asked.ask(&["points", "release", &ids[0]]).done();
    let removed = asked.ask(&["points", "remove", &ids[0]]).done();
    assert!(number(&removed["points"][0], "goes_in_seconds") > 0, "{removed}");
    asked.ask(&["points", "remove", &ids[1]]).refused("newest of its system", "--yes");
    let both = asked.ask(&["points", "remove", "--yes", &ids[0], &ids[1]]).done();
    assert_eq!(number(&both, "changed"), 1, "one was removed before: {both}");
    let listed = asked.ask(&["points"]).done();
    assert_eq!(listed["points"][1]["removed"]["by"], "hand", "{listed}");
    asked.ask(&["points", "return", &ids[0], &ids[1]]).done();
    asked.ask(&["points", "clear", &ids[0]]).done();
    let said = asked.says(&["points"]);
    assert!(!said.contains("removed") && said.contains(&ids[1]), "{said}");
    asked.ask(&["points", "hold", "ffffffff"]).refused("no recovery point", "holdfast points");
}

#[test]
fn an_export_is_read_by_other_peoples_clients_until_it_is_stopped() {
    let asked = Asked::start(1, 128);
    let bytes = image(506, 3 * MIB);
    asked.take("image", &bytes);
    let started = asked.ask(&["export", "start", "--point", "latest"]).done();
    reads(&asked.pool, text(&started, "socket"), &bytes);
    let listed = asked.ask(&["export", "list"]).done();
    assert_eq!(listed["exports"][0]["export"], started["export"]);
    asked.ask(&["export", "stop", &started["export"].to_string()]).done();
    asked.ask(&["export", "stop", "99"]).refused("no export 99", "export list");
    assert_eq!(asked.ask(&["export", "list"]).done()["exports"], Value::Array(Vec::new()));
    // As on disks, it serves until somebody ends it.
    let export = Export::listen(asked.command(&["export", "--point", "latest"]));
    reads(&asked.pool, text(&export.ready, "socket"), &bytes);
    export.stop();
    assert_eq!(asked.ask(&["export", "list"]).done()["exports"], Value::Array(Vec::new()));
    let words = ["export", "--point", "latest", "--socket", "/run/own.sock"];
    asked.ask(&words).refused("chooses the socket itself", "leave --socket out");
}

/// What a client of somebody else reads from a socket.
fn reads(pool: &Pool, socket: &str, bytes: &[u8]) {
    let to = pool.path("read");
    let uri = format!("nbd+unix:///?socket={socket}");
    if client("nbdcopy", &[&uri, &to.display().to_string()]).is_some() {
        assert!(std::fs::read(&to).expect("what it read") == bytes);
        std::fs::remove_file(&to).expect("what it read");
    }
}

#[test]
fn ctrl_c_cancels_the_job_and_says_so() {
    let asked = Asked::start(1, 256);
    asked.take("image", &noise(24, 507));
    let scrub = asked.begin_slow_scrub(2);
    signal(&scrub, Signal::SIGINT);
    let said = ended(scrub);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(said.stderr.contains("job 2 is being cancelled"), "{}", said.stderr);
    assert!(said.stderr.contains("job 2 was cancelled; run it again"), "{}", said.stderr);
    assert_eq!(asked.engine().job_is(2, JobState::Cancelled).number, 2);
    let shown = asked.ask(&["jobs", "show", "2"]).done();
    assert_eq!(shown["state"], "cancelled", "{shown}");
}

#[test]
fn who_ends_this_command_leaves_the_job_to_the_engine() {
    let asked = Asked::start(1, 256);
    asked.take("image", &noise(24, 508));
    let scrub = asked.begin_slow_scrub(2);
    signal(&scrub, Signal::SIGTERM);
    let said = ended(scrub);
    said.refused("job 2 is left to the engine", "holdfast jobs show 2");
    asked.engine().job_is(2, JobState::Running);
    let listed = asked.ask(&["jobs", "list"]).done();
    assert_eq!(listed["jobs"][0]["state"], "running", "{listed}");
    asked.ask(&["jobs", "cancel", "2"]).done();
    asked.engine().job_is(2, JobState::Cancelled);
    asked.ask(&["jobs", "cancel", "2"]).refused("job 2 is over", "jobs");
    asked.ask(&["jobs", "cancel", "77"]).refused("no job 77", "jobs list");
    let begun = asked.ask(&["jobs", "retry", "--no-wait", "2"]).done();
    assert_eq!(number(&begun, "job"), 3);
    asked.engine().job_is(3, JobState::Running);
}

#[test]
fn an_engine_that_dies_meanwhile_is_told_with_what_to_do() {
    let mut asked = Asked::start(1, 256);
    asked.take("image", &noise(24, 509));
    let mut scrub = Watched::begin(asked.slow_scrub());
    scrub.shows("scrub   0 %");
    asked.engine.take().expect("it runs").kill();
    let said = scrub.ended();
    let told = said.refused("went away while job 2", "goes on with the job by itself");
    assert_eq!(number(&told, "job"), 2);
    let words = ["points", "--engine"];
    asked.ask(&words).refused("no engine runs on this bus", "--pool");
    asked.engine = Some(Engine::start(&asked.pool, &asked.bus, ""));
    asked.engine().job_is(2, JobState::Running);
}

#[test]
fn a_restore_that_nobody_reads_is_given_up_at_once() {
    let asked = Asked::start(1, 512);
    let image = asked.take("image", &noise(64, 515));
    let path = asked.pool.path("image").display().to_string();
    let send = ["ingest", "--system", "noise", "--stream", "--", "cat", &path];
    let stream = text(&asked.ask(&send).done(), "point").to_owned();
    for (id, number) in [(image, 3), (stream, 4)] {
        let mut restore = asked.command(&["restore", "--point", &id, "--to", "-"]);
        restore.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let held_up = restore.spawn().expect("the command can be started");
        asked.engine().job_is(number, JobState::Running);
        let began = Instant::now();
        asked.ask(&["jobs", "cancel", &number.to_string()]).done();
        asked.engine().job_is(number, JobState::Cancelled);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_ne!(ended(held_up).code, Some(0));
    }
}

#[test]
fn a_restore_whose_engine_dies_is_told_as_not_whole() {
    let mut asked = Asked::start(1, 512);
    let bytes = noise(64, 510);
    asked.take("image", &bytes);
    // A pipe that nobody reads holds it up.
    let restore = asked.command(&["restore", "--point", "latest", "--to", "-"]);
    let mut held_up = Watched::begin(restore);
    held_up.shows("restore  ");
    asked.engine.take().expect("it runs").kill();
    let said = held_up.ended();
    assert!(said.stderr.contains("restore once more"), "{}", said.stderr);
    assert_eq!(said.code, Some(1));
    asked.engine = Some(Engine::start(&asked.pool, &asked.bus, ""));
    asked.engine().job_is(2, JobState::Interrupted);
    asked.ask(&["jobs", "retry", "2"]).refused("job 2 was to write to is gone", "again");
    let to = asked.pool.path("to");
    run(asked.command(&["restore", "--point", "latest", "--to"]).arg(&to)).done();
    assert!(std::fs::read(&to).expect("the restored file") == bytes);
    let missing = asked.pool.path("no/such/folder").display().to_string();
    asked.ask(&["restore", "--point", "latest", "--to", &missing]).refused("No such file", "path");
}

#[test]
fn a_locked_pool_says_so_and_opens_with_passphrase_or_kit() {
    let asked = Asked::start(1, 128);
    asked.take("image", &image(511, MIB));
    let secrets = [("--passphrase-file", "passphrase"), ("--kit-file", "kit")];
    for (option, file) in secrets {
        asked.ask(&["lock"]).done();
        asked.ask(&["verify"]).refused("locked", "holdfast unlock");
        let status = asked.says(&["pool", "status"]);
        assert!(status.contains("is locked"), "{status}");
        let wrong = asked.pool.path("wrong");
        std::fs::write(&wrong, "not the words of it").expect("room for a small file");
        let refused = run(asked.command(&["unlock", "--passphrase-file"]).arg(&wrong));
        refused.refused("no slot opens", "check the passphrase");
        run(asked.command(&["unlock", option]).arg(asked.pool.path(file))).done();
        asked.ask(&["verify"]).done();
    }
}

#[test]
fn which_of_both_is_asked_is_never_a_guess() {
    let mut asked = Asked::start(2, 128);
    let mut local = asked.pool.command(&["points"]);
    local.env(bus::ADDRESS_VARIABLE, &asked.bus.address);
    run(&mut local).refused("a running engine has", "leave --pool out");
    let mut scrub = asked.pool.command(&["scrub"]);
    scrub.env(bus::ADDRESS_VARIABLE, &asked.bus.address);
    run(&mut scrub).refused("a running engine has", "asks the engine");
    let both = run_with(asked.pool.command(&["points"]), &["--engine"]);
    assert_eq!(both.code, Some(2), "{}", both.stderr);
    // An address that is typed goes before that of the environment.
    let mut typed = asked.pool.bare(&["points", "--bus", &asked.bus.address]);
    run(typed.env(bus::ADDRESS_VARIABLE, "unix:path=/nowhere")).done();
    asked.stop();
    asked.ask(&["points"]).refused("no disks of a pool were named", "--pool");
    asked.ask(&["points", "--engine"]).refused("no engine runs", "systemctl start");
    asked.ask(&["jobs", "list"]).refused("no engine runs", "systemctl start");
    asked.ask(&["kit", "list"]).refused("needs the disks", "--pool");
    let mut gone = asked.pool.bare(&["verify", "--bus", "unix:path=/nowhere"]);
    run(&mut gone).refused("bus cannot be reached", "HOLDFAST_BUS_ADDRESS");
    run(&mut local).done();
}

#[test]
fn disks_come_and_go() {
    let asked = Asked::start(1, 128);
    asked.take("image", &noise(4, 512));
    let path = |name: &str| asked.pool.path(name).display().to_string();
    let (second, third) = (path("second"), path("third"));
    asked.ask(&["disk", "add", &second]).refused("has no size", "--size");
    let added = asked.ask(&["disk", "add", "--size", "128MiB", &second]).done();
    assert_eq!(
        (&added["complete"], &added["disks"][1]["name"]),
        (&Value::from(true), &Value::from(second.as_str()))
    );
    let words = ["disk", "replace", "--member", "1", "--size", "128MiB", &third];
    assert_eq!(asked.ask(&words).done()["left"], second.as_str());
    asked.ask(&["disk", "remove", "--member", "7", "--yes"]).refused("7", "disk status");
    asked.ask(&["disk", "remove", "--member", "0"]).refused("would leave the pool", "--yes");
    let removed = asked.ask(&["disk", "remove", "--member", "0", "--yes"]).done();
    assert_eq!(removed["disks"].as_array().map(Vec::len), Some(1), "{removed}");
    let status = asked.says(&["disk", "status"]);
    assert!(status.contains(&third) && status.contains("in service"), "{status}");
    // What cannot be taken leaves no file behind.
    let small = path("small");
    let refused = asked.ask(&["disk", "add", "--size", "8MiB", &small]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(!Path::new(&small).exists());
}

#[test]
fn what_people_read_fits_a_terminal() {
    let asked = Asked::start(1, 128);
    asked.take("image", &image(513, MIB));
    asked.ask(&["ingest", "--system", "machine", "/nowhere.img"]).refused("No such file", "path");
    let empty = asked.pool.image("empty", &[]);
    let mut ingest = asked.command(&["ingest", "--system", "machine"]);
    run(ingest.arg(empty)).refused("is empty", "copied whole");
    for words in [
        &["jobs", "list"][..],
        &["jobs", "show", "1"],
        &["alerts", "list"],
        &["systems", "list"],
        &["export", "list"],
        &["plan", "show"],
    ] {
        let said = asked.says(words);
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{words:?}: {said}");
    }
    let jobs = asked.says(&["jobs", "list"]);
    assert!(jobs.contains("failed") && jobs.contains("is empty"), "{jobs}");
    asked.ask(&["alerts", "acknowledge", "4711", "--by", "me"]).refused("no alert 4711", "list");
}

#[test]
fn a_disk_is_received_finished_and_discarded_by_number() {
    let asked = Asked::start(1, 128);
    asked.engine().apply(
        "format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\n[[system]]\nname = \"mail\"\n\
         client = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\ninterval = \"4h\"\n\
         retention = { daily = 7 }\nsource = { kind = \"push\" }\n",
    );
    let start = ["receive", "start", "mail", "--size", "8MiB", "--explicit"];
    let begun = asked.ask(&start).done();
    let bytes = noise(8, 520);
    let source = asked.pool.image("source", &bytes);
    let uri = format!("nbd+unix:///?socket={}", text(&begun, "socket"));
    let mut write = Command::new("qemu-img");
    write.args(["convert", "-n", "-f", "raw", "-O", "raw"]).arg(&source).arg(&uri);
    run_tool(&mut write);
    asked.ask(&start).refused("there already", "discard it");
    asked.ask(&["receive", "start", "mial", "--size", "8MiB"]).refused("mial", "mail");
    assert!(asked.says(&["receive", "list"]).contains("mail disk"));
    let intake = number(&begun, "intake").to_string();
    let done = asked.ask(&["receive", "finish", &intake]).done();
    let to = asked.pool.path("to");
    let point = text(&done, "point");
    asked.engine().shows(&Place::Point(point.parse().expect("an identity")));
    run(asked.command(&["restore", "--point", point, "--to"]).arg(&to)).done();
    assert!(std::fs::read(&to).expect("the restored file") == bytes);
    let second = asked.ask(&["receive", "start", "mail", "--size", "8MiB", "--incremental"]).done();
    assert_eq!(text(&second, "base"), point);
    let intake = number(&second, "intake").to_string();
    asked.ask(&["receive", "discard", &intake]).refused("would be lost", "--yes");
    asked.ask(&["receive", "discard", &intake, "--yes"]).done();
    asked.ask(&["receive", "finish", &intake]).refused("no intake", "receive list");
    assert_eq!(asked.says(&["receive", "list"]).trim(), "nobody writes a disk");
}
