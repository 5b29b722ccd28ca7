//! The console of the box on a terminal of 80 columns and 25 lines, with a real engine behind it.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use bus::{ADDRESS_VARIABLE, JobState, Object, Place};
use nix::sys::signal::Signal;

use crate::harness::{Asked, MIB, Others, Terminal, beside, image, signal};

const LOGIND: &str = "org.freedesktop.login1";
const SYSTEMD: &str = "org.freedesktop.systemd1";
const NETWORKD: &str = "org.freedesktop.network1";

/// The console on this box, which looks for everything in the folder of the test.
fn command(asked: &Asked) -> Command {
    let folder = |name: &str| format!("{:?}", asked.pool.path(name).display().to_string());
    for name in ["interfaces/zz0", "network", "manage"] {
        fs::create_dir_all(asked.pool.path(name)).expect("a folder");
    }
    let text = format!(
        "system_bus = {:?}\nquit = true\nclaim = {}\nreset = {}\nnetwork = {}\ninterfaces = {}\n",
        asked.bus.address,
        folder("manage/claim.json"),
        folder("manage/reset"),
        folder("network"),
        folder("interfaces"),
    );
    let config = asked.pool.path("console.toml");
    fs::write(&config, text).expect("room for a small file");
    let mut command = Command::new(beside("holdfast-console"));
    command.arg("--config").arg(config).env(ADDRESS_VARIABLE, &asked.bus.address);
    command.env("TERM", "linux").env("LC_ALL", "C.UTF-8");
    command
}

fn on_terminal(asked: &Asked) -> Terminal {
    Terminal::begin(&command(asked), 80, 25)
}

const OPEN: &str = r#"{"format":1,"claimed":false,"locked":false,"code":"AB12-CD34-EF56",
    "addresses":["https://192.0.2.7:8443/"],
    "fingerprint":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}"#;

#[test]
fn the_console_shows_the_box_claims_it_restores_and_ends_as_it_began() {
    let asked = Asked::start(2, 64);
    let bytes = image(811, 3 * MIB);
    asked.take("image", &bytes);
    let mut terminal = on_terminal(&asked);
    terminal.until("a recovery point", |shown| {
        let words = ["ready, ", "complete,", "machine", "newest"];
        let keys = shown.lines().last().is_some_and(|line| line.contains("Left/Right screens"));
        keys && words.iter().all(|word| shown.contains(word))
    });
    terminal.picture("console-status");

    fs::write(asked.pool.path("manage/claim.json"), OPEN).expect("room for a small file");
    terminal.press("c");
    terminal.until("the claim with its picture", |shown| {
        let words = ["A B 1 2 - C D 3 4 - E F 5 6", "https://192.0.2.7:8443/", "89ab cdef"];
        let picture = shown.lines().filter(|line| line.contains('█')).count() > 15;
        picture && words.iter().all(|word| shown.contains(word))
    });
    terminal.picture("console-claim");
    fs::write(asked.pool.path("manage/claim.json"), &OPEN[..40]).expect("room for a small file");
    terminal.shows("makes no sense");

    let to = asked.pool.path("restored.img");
    terminal.press("r");
    terminal.shows("> machine");
    terminal.press("\r");
    terminal.shows("Recovery points of machine");
    terminal.press("\r");
    terminal.shows("w write it back");
    terminal.press("w");
    terminal.shows("from the root");
    terminal.press(&format!("{}\r", to.display()));
    terminal.shows("It goes to");
    terminal.press("y");
    terminal.shows("The restore is job ");
    asked.engine().all_over();
    assert!(fs::read(to).expect("the restored file") == bytes);

    terminal.resize(60, 20);
    terminal.press("s");
    terminal.until("a smaller screen", |shown| {
        let lines: Vec<&str> = shown.lines().collect();
        lines.len() == 20 && lines[19].contains("Left/Right") && shown.contains("machine")
    });
    terminal.press("q");
    assert_eq!(terminal.ended().0, Some(0));
}

#[test]
fn a_static_address_becomes_a_file_and_networkd_is_told_if_it_is_there() {
    let asked = Asked::start(1, 64);
    let mut terminal = on_terminal(&asked);
    let file = asked.pool.path("network/10-holdfast-zz0.network");
    terminal.press("t");
    terminal.shows("> zz0");
    terminal.press("\r");
    terminal.shows("(*) DHCP");
    terminal.press("\r");
    terminal.shows("no networkd");
    assert!(fs::read_to_string(&file).expect("the file").ends_with("[Network]\nDHCP=yes\n"));

    let others = Others::start(&asked.bus, &[NETWORKD]);
    terminal.press("\r");
    terminal.shows("(*) DHCP");
    terminal.press(" \t192.0.2.10\r");
    terminal.shows("the prefix is missing");
    // What the resolver of this machine has is in the last field.
    let erase = "\x7f".repeat(70);
    terminal.press(&format!("/24\t192.0.2.1\t{erase}192.0.2.53\r"));
    terminal.shows("is written and in force");
    assert_eq!(others.hear(), "org.freedesktop.network1.Manager.Reload()");
    let written = fs::read_to_string(&file).expect("the file");
    let wanted = "Address=192.0.2.10/24\nGateway=192.0.2.1\nDNS=192.0.2.53\n";
    assert!(written.ends_with(wanted), "{written}");
    let left = fs::read_dir(asked.pool.path("network")).expect("the folder").count();
    assert_eq!(left, 1, "no part of it");
}

#[test]
fn a_restart_amid_a_restore_wants_the_word_and_a_reset_leaves_no_settings() {
    let asked = Asked::start(1, 64);
    let id = asked.take("image", &image(812, 8 * MIB));
    let others = Others::start(&asked.bus, &[LOGIND, SYSTEMD]);
    let mut terminal = on_terminal(&asked);
    terminal.press("p");
    terminal.shows("Nothing would be cut off");
    // A restore that nobody reads the end of is under way until somebody does.
    let (mut reader, writer) = UnixStream::pair().expect("a pair of sockets");
    let point = Place::Point(id.parse().expect("an id"));
    let engine = asked.engine();
    let target = zbus::Fd::from(OwnedFd::from(writer));
    let body = (target, "");
    let begun = engine.wait(engine.client.begin(&point, "RestoreTo", &body));
    drop(body);
    let Ok(Place::Job(job)) = begun else { panic!("{begun:?}") };
    engine.job_is(job, JobState::Running);
    terminal.shows(&format!("job {job}: restore"));
    terminal.press("b");
    terminal.shows("Type `restart`");
    terminal.press("y\r\x7f");
    terminal.press("restart");
    terminal.shows("> restart_");
    assert!(others.heard_nothing(), "only the word is a yes");
    terminal.press("\r");
    assert_eq!(others.hear(), "org.freedesktop.login1.Manager.Reboot(false)");
    terminal.shows("The box restarts");

    let mut all = Vec::new();
    reader.read_to_end(&mut all).expect("the rest of the restore");
    engine.job_is(job, JobState::Done);
    terminal.shows("Nothing would be cut off");
    terminal.press("o");
    terminal.shows("y or n?");
    terminal.press("y");
    assert_eq!(others.hear(), "org.freedesktop.login1.Manager.PowerOff(false)");

    fs::write(asked.pool.path("network/10-holdfast-zz0.network"), "").expect("a file");
    terminal.press("f");
    terminal.shows("What goes: the owner");
    terminal.press("factory reset\r");
    let manage = "org.freedesktop.systemd1.Manager.RestartUnit(holdfast-manage.service replace)";
    assert_eq!(others.hear(), manage);
    terminal.shows("1 network files are removed");
    assert_eq!(fs::read(asked.pool.path("manage/reset")).expect("the wish"), b"");
    assert!(!asked.pool.path("network/10-holdfast-zz0.network").exists());
}

#[test]
fn an_export_is_shown_with_its_socket_and_counts_while_somebody_uses_it() {
    let asked = Asked::start(1, 64);
    asked.take("image", &image(813, MIB));
    let mut terminal = on_terminal(&asked);
    terminal.press("r");
    terminal.shows("> machine");
    terminal.press("\r");
    terminal.shows("Recovery points of machine");
    terminal.press("\r");
    terminal.shows("w write it back");
    terminal.press("e");
    terminal.shows("Export 1 is at ");
    let socket = asked.engine().objects().into_iter().find_map(|object| match object {
        Object::Export(export) => Some(export.socket),
        _ => None,
    });
    let client = UnixStream::connect(socket.expect("an export")).expect("it serves");
    terminal.press("p");
    terminal.shows("export 1: 1 clients");
    drop(client);
    terminal.shows("Nothing would be cut off");
    terminal.press("r");
    terminal.shows("export 1: ");
    terminal.press("\x1b[Bx");
    terminal.shows("Stop export 1");
    terminal.press("y");
    terminal.shows("Export 1 has ended");
}

#[test]
fn an_engine_that_ends_is_missed_and_a_signal_gives_the_terminal_back() {
    let mut asked = Asked::start(1, 64);
    let mut terminal = on_terminal(&asked);
    terminal.shows("ready, ");
    asked.stop();
    terminal.until("what was known, and that it is old", |shown| {
        shown.contains("does not answer: last seen") && shown.contains("ready, ")
    });
    assert!(!terminal.is_as_it_was());
    signal(terminal.child(), Signal::SIGTERM);
    let (code, left) = terminal.ended();
    assert_eq!(code, Some(0));
    assert!(!left.contains("[S]tatus"), "{left}");
    assert!(terminal.is_as_it_was());
}

#[test]
fn without_a_terminal_it_says_so() {
    let asked = Asked::start(1, 64);
    let mut command = command(&asked);
    let output = command.stdin(Stdio::null()).output().expect("the console can be started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("this is no terminal; start the console on one"), "{told}");
}
