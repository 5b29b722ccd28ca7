//! Runs of the agent: what travels, and what is there after whatever ended one.

use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::thread;

use super::lab::Lab;
use super::line::Line;
use crate::harness::{MIB, Random, number};

fn random(bytes: usize, seed: u64) -> Vec<u8> {
    let mut image = vec![0; bytes];
    Random(seed).fill(&mut image);
    image
}

/// Writes a byte into each of some blocks, as a machine that runs does.
fn change(lab: &Lab, system: &str, bytes: &mut [u8], blocks: &[usize]) {
    let file = fs::File::options().write(true).open(lab.volume(system)).expect("the volume");
    for block in blocks {
        let at = block * 65_536 + 77;
        bytes[at] ^= 1;
        file.write_all_at(&bytes[at..=at], at as u64).expect("room");
    }
}

#[test]
fn a_first_run_sends_what_there_is_and_the_next_what_changed() {
    let lab = Lab::new(&["mail"]);
    let _server = lab.serve("127.0.0.1:0");
    let mut bytes = random(20 * MIB + 512, 1);
    bytes[5 * MIB..12 * MIB].fill(0);
    fs::write(lab.volume("mail"), &bytes).expect("room");

    let first = lab.run("mail");
    assert_eq!(lab.newest_is("mail", &bytes), 1);
    assert_eq!(number(&first, "sent_bytes"), 13 * MIB as u64 + 512, "zeroes do not travel");
    change(&lab, "mail", &mut bytes, &[0, 1, 17, 300, 319]);
    let zeroed = 13 * MIB..14 * MIB;
    bytes[zeroed.clone()].fill(0);
    let file = fs::File::options().write(true).open(lab.volume("mail")).expect("the volume");
    file.write_all_at(&bytes[zeroed], 13 * MIB as u64).expect("room");

    let second = lab.run("mail");
    assert_eq!(lab.newest_is("mail", &bytes), 2);
    assert_eq!(second["incremental"], true);
    assert_eq!(number(&second, "sent_bytes"), 5 * 65_536);
    assert_eq!(number(&second, "zeroed_bytes"), MIB as u64);
    let third = lab.run("mail");
    assert_eq!((number(&third, "sent_bytes"), lab.newest_is("mail", &bytes)), (0, 3));
}

#[test]
fn a_number_that_the_box_gave_anew_is_not_taken_for_the_intake_that_had_it() {
    let lab = Lab::new(&["mail"]);
    let server = lab.serve("127.0.0.1:0");
    let bytes = random(MIB, 5);
    fs::write(lab.volume("mail"), &bytes).expect("room");
    lab.run("mail");
    // As if zeroes had been sent whole, before the box lost its state, to an intake 1 of then.
    let header = serde_json::json!({
        "format": 1, "appliance": server.fingerprint, "bytes": MIB, "point": "",
        "intake": { "number": 1, "since": 5, "boot": "then", "sealed": true },
    });
    let mut file = header.to_string().into_bytes();
    file.resize(4096, 0);
    fs::write(lab.state("mail").join("root.intake"), file).expect("room");
    let zeroes = vec![0; MIB];
    fs::write(lab.volume("mail"), &zeroes).expect("room");
    lab.run("mail");
    assert_eq!(lab.newest_is("mail", &zeroes), 2);
}

#[test]
fn an_agent_that_lost_its_state_sends_all_and_nothing_is_wrong() {
    let lab = Lab::new(&["mail"]);
    let _server = lab.serve("127.0.0.1:0");
    let mut bytes = random(9 * MIB, 2);
    fs::write(lab.volume("mail"), &bytes).expect("room");
    lab.run("mail");
    fs::remove_dir_all(lab.state("mail")).expect("its state");
    bytes[MIB..3 * MIB].fill(0);
    fs::write(lab.volume("mail"), &bytes).expect("room");
    let again = lab.run("mail");
    assert_eq!(lab.newest_is("mail", &bytes), 2);
    assert_eq!(
        (again["incremental"].clone(), number(&again, "sent_bytes")),
        (false.into(), 7 << 20)
    );
}

#[test]
fn a_line_that_is_cut_again_and_again_costs_little_more_than_the_volume() {
    let lab = Lab::new(&["mail"]);
    let server = lab.serve("127.0.0.1:0");
    let line = Line::new(server.address, 7 * MIB as u64, 4);
    lab.configure("mail", &line.address.to_string(), &server.fingerprint, "");
    let bytes = random(40 * MIB, 3);
    fs::write(lab.volume("mail"), &bytes).expect("room");
    lab.run("mail");
    assert_eq!(lab.newest_is("mail", &bytes), 1);
    let passed = line.passed();
    assert!(passed < 60 * MIB as u64, "{passed} bytes for 40 MiB and four cuts");
}

#[test]
fn an_agent_killed_at_any_moment_goes_on_and_no_point_is_half_new() {
    let lab = Lab::new(&["mail"]);
    let server = lab.serve("127.0.0.1:0");
    let mut bytes = random(160 * MIB, 4);
    fs::write(lab.volume("mail"), &bytes).expect("room");
    let mut points = 0;
    let mut resumed = 0;
    for kill_after in [20, 70, 100, 130, 150] {
        let line = Line::new(server.address, u64::MAX, 0);
        lab.configure("mail", &line.address.to_string(), &server.fingerprint, "");
        let mut agent =
            lab.agent("mail", &["run"]).stdout(Stdio::null()).spawn().expect("the agent");
        while line.passed() < kill_after * MIB as u64 {
            thread::yield_now();
            if agent.try_wait().expect("the agent").is_some() {
                break;
            }
        }
        agent.kill().expect("the agent");
        agent.wait().expect("it ends");
        // What it had sent of these is not what they are now.
        change(&lab, "mail", &mut bytes, &[1, 200, 500, 900, 1300, 1700, 2100, 2500]);
        let before = lab.files().points("mail", "root").len();
        assert!(before <= points + 1, "a killed run leaves at most the point that it had finished");
        let done = lab.run("mail");
        resumed += u64::from(done["resumed"] == true);
        points = lab.newest_is("mail", &bytes);
        assert!(number(&done, "sent_bytes") < 165 * MIB as u64);
        assert_eq!(lab.files().open_intakes(), 0);
        // The next one has everything to send again.
        Random(kill_after).fill(&mut bytes);
        fs::write(lab.volume("mail"), &bytes).expect("room");
    }
    assert!(resumed >= 3, "{resumed} of 5 runs went on with what was sent");
}

#[test]
fn a_receiver_that_is_killed_loses_nothing_that_counts() {
    let lab = Lab::new(&["mail"]);
    let server = lab.serve("127.0.0.1:0");
    let at = server.address;
    let line = Line::new(at, u64::MAX, 0);
    lab.configure("mail", &line.address.to_string(), &server.fingerprint, "");
    let bytes = random(120 * MIB, 5);
    fs::write(lab.volume("mail"), &bytes).expect("room");
    let agent = lab.agent("mail", &["run"]).stdout(Stdio::piped()).spawn().expect("the agent");
    while line.passed() < 30 * MIB as u64 {
        thread::yield_now();
    }
    drop(server);
    let server = lab.serve(&at.to_string());
    let output = agent.wait_with_output().expect("the agent");
    let done = &Lab::json(&output)["volumes"][0];
    assert_eq!(lab.newest_is("mail", &bytes), 1);
    // The window that was lost is sent again, and found missing by reading the volume again.
    assert!(number(done, "sent_bytes") <= 200 * MIB as u64, "{done}");
    drop(server);
}

#[test]
fn scripts_run_around_it_and_post_always_does() {
    let lab = Lab::new(&["mail"]);
    let server = lab.serve("127.0.0.1:0");
    fs::write(lab.volume("mail"), random(MIB, 6)).expect("room");
    let told = lab.path("told");
    let says = |word: &str| format!("[\"/bin/sh\", \"-c\", \"echo {word} >> {}\"]", told.display());
    let scripts = |pre: &str| {
        let more = format!("[scripts]\npre = {pre}\npost = {}\npre_timeout = \"1s\"", says("post"));
        lab.configure("mail", &server.address.to_string(), &server.fingerprint, &more);
    };
    let run = || lab.agent("mail", &["run"]).output().expect("the agent");
    let heard = || fs::read_to_string(&told).unwrap_or_default();

    scripts(&says("pre"));
    lab.run("mail");
    assert_eq!(heard(), "pre\npost\n");
    for failing in ["[\"/bin/false\"]", "[\"/bin/sleep\", \"60\"]"] {
        fs::remove_file(&told).expect("what was told");
        scripts(failing);
        let output = run();
        assert!(!output.status.success());
        assert_eq!(heard(), "post\n", "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(lab.files().points("mail", "root").len(), 1, "no run without its script");

    // Killed between the two, the next run makes up for it.
    fs::remove_file(&told).expect("what was told");
    let more = format!(
        "[scripts]\npre = [\"/bin/sh\", \"-c\", \"echo pre >> {}; sleep 60\"]\npost = {}",
        told.display(),
        says("post")
    );
    lab.configure("mail", &server.address.to_string(), &server.fingerprint, &more);
    let mut agent = lab.agent("mail", &["run"]).spawn().expect("the agent");
    while heard() != "pre\n" {
        thread::yield_now();
    }
    agent.kill().expect("the agent");
    agent.wait().expect("it ends");
    scripts(&says("pre"));
    lab.run("mail");
    assert_eq!(heard(), "pre\npost\npre\npost\n");
}

#[test]
fn two_runs_of_one_agent_exclude_each_other() {
    let lab = Lab::new(&["mail"]);
    let _server = lab.serve("127.0.0.1:0");
    fs::write(lab.volume("mail"), random(MIB, 7)).expect("room");
    fs::create_dir_all(lab.state("mail")).expect("its state");
    let lock = fs::File::create(lab.state("mail").join("lock")).expect("a file");
    lock.lock().expect("the lock");
    let output = lab.agent("mail", &["run"]).output().expect("the agent");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && complaint.contains("another run"), "{complaint}");
}

#[test]
fn what_is_wrong_before_a_run_is_said_with_what_to_do() {
    let lab = Lab::new(&["mail", "files"]);
    let server = lab.serve("127.0.0.1:0");
    let check =
        |lab: &Lab, system: &str| lab.agent(system, &["check"]).output().expect("the agent");
    assert_eq!(Lab::json(&check(&lab, "mail"))["system"], "mail");
    let complains = |says: &str| {
        let output = check(&lab, "mail");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && complaint.contains(says), "{says}: {complaint}");
    };

    lab.configure("mail", &server.address.to_string(), &"ab".repeat(32), "");
    complains("shows another certificate");
    lab.configure("mail", "127.0.0.1:1", &server.fingerprint, "");
    complains("see that the box runs");
    lab.configure("mail", &server.address.to_string(), &server.fingerprint, "");
    let (certificate, key) = lab.identity("mail");
    fs::remove_file(certificate).expect("the certificate");
    complains("enroll");
    fs::remove_file(key).expect("the key");
    assert!(lab.agent("mail", &["enroll"]).status().expect("the agent").success());
    complains("does not know the certificate");
    assert_eq!(Lab::json(&check(&lab, "files"))["system"], "files");
}
