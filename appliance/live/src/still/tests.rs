//! Agents of every kind, on a socket: whatever one does, the guest is thawed and the pull goes on.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::*;

const SHORT: Bounds = Bounds {
    greeting: Duration::from_millis(400),
    frozen: Duration::from_millis(500),
    thaw: Duration::from_millis(400),
    told: Duration::from_millis(300),
    tried: Duration::from_secs(20),
    pause: Duration::from_millis(10),
};

/// By then everything has happened that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is answered to a command; `None` hangs up.
type Answers = fn(command: &str, id: &Value, guest: &Mutex<State>) -> Option<Vec<u8>>;

#[derive(Debug, Default)]
struct State {
    frozen: bool,
    /// Commands that came, in order.
    asked: Vec<String>,
}

/// A guest with an agent.
struct Fake {
    _folder: tempfile::TempDir,
    path: PathBuf,
    state: Arc<Mutex<State>>,
    /// Each thaw of what was frozen.
    thawed: Receiver<()>,
}

impl Fake {
    fn new(answers: Answers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qga");
        let listener = UnixListener::bind(&path).unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let (thaws, thawed) = mpsc::channel();
        let own = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), answers, &own, &thaws);
            }
        });
        Self { _folder: folder, path, state, thawed }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Has it stand still for a moment in which `during` happens.
    fn take(&self, during: impl FnOnce()) -> Outcome {
        let guest = Guest { agent: &self.path, stopped: &|| false };
        let still = Stillness::bounded(guest, SHORT);
        during();
        still.end()
    }

    /// Waits until the guest runs.
    fn runs(&self) {
        self.thawed.recv_timeout(PATIENCE).expect("it is thawed");
        assert!(!self.state().frozen);
    }
}

fn serve(mut stream: &UnixStream, answers: Answers, state: &Mutex<State>, thaws: &Sender<()>) {
    for line in BufReader::new(stream).split(b'\n') {
        let Ok(line) = line else { return };
        let line = line.strip_prefix(&[0xff]).unwrap_or(&line);
        let asked: Value = serde_json::from_slice(line).expect("JSON");
        let command = asked["execute"].as_str().expect("a command");
        let before = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.asked.push(command.to_owned());
            state.frozen
        };
        let answer = answers(command, &asked["arguments"]["id"], state);
        if before && !state.lock().unwrap().frozen {
            let _ = thaws.send(());
        }
        let Some(answer) = answer else { return };
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

fn returned(value: &Value) -> Option<Vec<u8>> {
    Some(format!("{}\n", json!({ "return": value })).into_bytes())
}

/// As QEMU's own does.
fn good(command: &str, id: &Value, guest: &Mutex<State>) -> Option<Vec<u8>> {
    let mut state = guest.lock().unwrap();
    match command {
        "guest-sync-delimited" => returned(id).map(|answer| [b"\n\xff".to_vec(), answer].concat()),
        "guest-fsfreeze-status" => returned(&if state.frozen { "frozen" } else { "thawed" }.into()),
        "guest-fsfreeze-freeze" => {
            state.frozen = true;
            returned(&2.into())
        }
        "guest-fsfreeze-thaw" => {
            let count = if state.frozen { 2 } else { 0 };
            state.frozen = false;
            returned(&count.into())
        }
        other => panic!("{other} is not asked of a guest"),
    }
}

#[test]
fn a_guest_stands_still_for_the_moment_and_goes_on() {
    let fake = Fake::new(good);
    let outcome = fake.take(|| assert!(fake.state().frozen));
    assert_eq!(outcome, Outcome { still: true, warning: None });
    fake.runs();
    let [sync, status] = ["guest-sync-delimited", "guest-fsfreeze-status"];
    let [freeze, thaw] = ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw"];
    let expected = [sync, status, freeze, status, sync, thaw, status];
    assert_eq!(fake.state().asked, expected);
}

#[test]
fn agents_that_give_no_sensible_answer_cost_a_moment_and_freeze_nothing() {
    let silent: Answers = |_, _, _| Some(Vec::new());
    let hangs_up: Answers = |_, _, _| None;
    let garbage: Answers = |_, _, _| Some(b"\xff\xff\x00{{{[[[\n\xff{\"return\": {}}\n".to_vec());
    let other: Answers = |_, _, _| Some(b"\xff{\"return\": 1}\n".to_vec());
    let endless: Answers = |_, _, _| Some(b"no end ".repeat(1 << 20));
    let long: Answers = |command, id, guest| match command {
        "guest-fsfreeze-status" => {
            Some([b"{\"return\": \"".to_vec(), vec![b'f'; 1 << 20]].concat())
        }
        command => good(command, id, guest),
    };
    for (answers, says) in [
        (silent, "not answer in time"),
        (hangs_up, "hangs up"),
        (garbage, "not answer in time"),
        (other, "not answer in time"),
        (endless, "more than an answer"),
        (long, "more than an answer"),
    ] {
        let (fake, began) = (Fake::new(answers), Instant::now());
        let outcome = fake.take(|| ());
        assert!(!outcome.still, "{says}");
        assert!(
            outcome.warning.as_ref().is_some_and(|warning| warning.contains(says)),
            "{outcome:?}"
        );
        assert!(began.elapsed() < PATIENCE);
        assert!(!fake.state().asked.iter().any(|asked| asked == "guest-fsfreeze-freeze"));
    }
    let nobody = Guest { agent: Path::new("/nowhere/qga"), stopped: &|| false };
    assert!(!Stillness::bounded(nobody, SHORT).end().still);
}

#[test]
fn a_freeze_that_goes_wrong_is_undone() {
    let error: Answers = |command, id, guest| match command {
        "guest-fsfreeze-freeze" => {
            guest.lock().unwrap().frozen = true;
            Some(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no /srv\"}}\n".to_vec())
        }
        command => good(command, id, guest),
    };
    let silent: Answers = |command, id, guest| match command {
        "guest-fsfreeze-freeze" => {
            guest.lock().unwrap().frozen = true;
            Some(Vec::new())
        }
        command => good(command, id, guest),
    };
    let hangs_up: Answers = |command, id, guest| match command {
        "guest-fsfreeze-freeze" => {
            guest.lock().unwrap().frozen = true;
            None
        }
        command => good(command, id, guest),
    };
    let nothing: Answers = |command, id, guest| match command {
        "guest-fsfreeze-freeze" => {
            guest.lock().unwrap().frozen = true;
            returned(&0.into())
        }
        command => good(command, id, guest),
    };
    for (answers, says) in [
        (error, "no /srv"),
        (silent, "not enough"),
        (hangs_up, "hangs up"),
        (nothing, "no file system"),
    ] {
        let fake = Fake::new(answers);
        let outcome = fake.take(|| ());
        assert!(!outcome.still);
        assert!(
            outcome.warning.as_ref().is_some_and(|warning| warning.contains(says)),
            "{outcome:?}"
        );
        fake.runs();
    }
}

#[test]
fn who_takes_too_long_or_vanishes_finds_the_guest_thawed() {
    let fake = Fake::new(good);
    let outcome = fake.take(|| fake.runs());
    assert!(outcome.warning.is_some_and(|warning| warning.contains("not enough")));
    assert!(!outcome.still);

    let guest = Guest { agent: &fake.path, stopped: &|| false };
    drop(Stillness::bounded(guest, SHORT));
    fake.runs();

    // Cancelled while the agent freezes and says nothing.
    let slow = Fake::new(|command, id, guest| match command {
        "guest-fsfreeze-freeze" => {
            guest.lock().unwrap().frozen = true;
            Some(Vec::new())
        }
        command => good(command, id, guest),
    });
    let freezes = || slow.state().frozen;
    let began = Instant::now();
    let guest = Guest { agent: &slow.path, stopped: &freezes };
    let bounds = Bounds { frozen: PATIENCE, ..SHORT };
    assert!(!Stillness::bounded(guest, bounds).end().still);
    slow.runs();
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
}

#[test]
fn a_guest_that_thaws_by_itself_did_not_stand_still() {
    let fake = Fake::new(good);
    let outcome = fake.take(|| fake.state().frozen = false);
    assert!(!outcome.still);
    assert!(outcome.warning.is_some_and(|warning| warning.contains("before it was told")));
    // An agent that has to be told so by an error, as Windows' has.
    let fake = Fake::new(|command, id, guest| match command {
        "guest-fsfreeze-thaw" => {
            guest.lock().unwrap().frozen = false;
            Some(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"timed out\"}}\n".to_vec())
        }
        command => good(command, id, guest),
    });
    let outcome = fake.take(|| ());
    assert!(!outcome.still);
    assert!(outcome.warning.is_some_and(|warning| warning.contains("timed out")));
}

#[test]
fn an_agent_that_does_not_thaw_at_once_is_told_again_until_it_does() {
    let fake = Fake::new(|command, id, guest| {
        let tries = {
            let state = guest.lock().unwrap();
            state.asked.iter().filter(|asked| *asked == "guest-fsfreeze-thaw").count()
        };
        match command {
            // It hangs up, says nothing, says that it is done and is not, and does it at last.
            "guest-fsfreeze-thaw" if tries < 2 => None,
            "guest-fsfreeze-thaw" if tries < 3 => Some(Vec::new()),
            "guest-fsfreeze-thaw" if tries < 5 => returned(&2.into()),
            command => good(command, id, guest),
        }
    });
    let outcome = fake.take(|| ());
    assert!(outcome.still, "it stood still at the moment, and long after");
    assert!(outcome.warning.is_some_and(|warning| warning.contains("may still be frozen")));
    fake.runs();
}

#[test]
fn what_was_left_frozen_is_thawed_first() {
    let fake = Fake::new(good);
    fake.state().frozen = true;
    assert!(fake.take(|| ()).still);
    fake.runs();
    fake.runs();
    fake.state().frozen = true;
    thaw(&fake.path);
    fake.runs();
    // Also by one that hangs up at first.
    let unwilling = Fake::new(|command, id, guest| match command {
        "guest-fsfreeze-thaw"
            if !guest.lock().unwrap().asked.iter().rev().skip(1).any(|asked| asked == command) =>
        {
            None
        }
        command => good(command, id, guest),
    });
    unwilling.state().frozen = true;
    assert!(unwilling.take(|| ()).still);
    unwilling.runs();
    unwilling.runs();
    fake.state().asked.clear();
    thaw(&fake.path);
    let harmless = ["guest-sync-delimited", "guest-fsfreeze-thaw", "guest-fsfreeze-status"];
    assert_eq!(fake.state().asked, harmless);
}
