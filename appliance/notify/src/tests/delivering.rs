//! Everything together: told, kept, sent, and not lost.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::make::{Clock, event, settings};
use super::peers::{Identity, OK, https, say};
use super::webhooks::hooking;
use crate::{CHANNEL_DEAD, Event, EventKind, Notifier, NotifyError, Settings};

fn open(folder: &TempDir, settings: Settings, clock: &Clock) -> Arc<Notifier> {
    let most_time = Duration::from_secs(20);
    Arc::new(Notifier::open_with(folder.path(), settings, clock.tells(), most_time).unwrap())
}

/// Delivers until the sender is used or dropped.
fn running(notifier: &Arc<Notifier>) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let notifier = notifier.clone();
    let task = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        notifier.run(stopped).await;
    });
    (stop, task)
}

#[tokio::test]
async fn what_was_sent_and_not_noted_is_sent_again_under_the_same_name() {
    let (identity, folder, clock) = (Identity::new(), tempfile::tempdir().unwrap(), Clock::new());
    // The first answer never comes: whether it was taken is not known.
    let (port, mut requests) = https(&identity, |stream, number| async move {
        if number == 0 {
            let _held = stream;
            pending::<()>().await;
        } else {
            say(stream, OK).await;
        }
    })
    .await;
    let notifier = open(&folder, hooking(&identity, port), &clock);
    notifier.tell(event("x", "one", 7)).unwrap();
    let (stop, task) = running(&notifier);
    let first = requests.recv().await.unwrap();
    stop.send(()).unwrap();
    task.await.unwrap();
    drop(notifier);
    let notifier = open(&folder, hooking(&identity, port), &clock);
    notifier.shown(vec![event("x", "one", 7), event("x", "two", 7)]).unwrap();
    let (_stop, _task) = running(&notifier);
    let second = requests.recv().await.unwrap();
    assert_eq!(first.header("Idempotency-Key"), second.header("Idempotency-Key"));
    assert_eq!(first.body, second.body);
    let third = requests.recv().await.unwrap();
    assert!(third.body.contains("\"subject\":\"two\""), "one is not told anew: {}", third.body);
}

#[tokio::test]
async fn a_channel_that_dies_is_told_by_the_other_and_so_is_its_recovery() {
    let (identity, folder, clock) = (Identity::new(), tempfile::tempdir().unwrap(), Clock::new());
    let (bad, _) = https(&identity, |stream, number| async move {
        let answer = if number < 5 { "HTTP/1.1 500 No\r\n\r\n" } else { OK };
        say(stream, answer).await;
    })
    .await;
    let (good, mut requests) = https(&identity, |stream, _| say(stream, OK)).await;
    let channel = |name: &str, port| {
        format!(
            "[[channel]]\nname = \"{name}\"\nkind = \"webhook\"\nsecret = \"s\"\n\
             url = \"https://localhost:{port}/\"\nca = \"{}\"\n",
            identity.ca.display()
        )
    };
    let text = channel("bad", bad)
        + &channel("good", good)
        + "[[route]]\nchannels = [\"bad\", \"good\"]\n";
    let notifier = open(&folder, settings(&text), &clock);
    let (_stop, _task) = running(&notifier);
    notifier.tell(event("x", "one", 7)).unwrap();
    let mut next =
        async || -> Value { serde_json::from_str(&requests.recv().await.unwrap().body).unwrap() };
    assert_eq!(next().await["alerts"][0]["code"], "x");
    for fails in 1..=5 {
        until(&notifier, |status| status[0].state.last_failure.is_some()).await;
        until(&notifier, |status| {
            status[0].dead_since.is_some() == (fails == 5) && status[0].state.waiting >= 1
        })
        .await;
        if fails < 5 {
            let settings = notifier.settings();
            // What waits is tried at once when settings are applied.
            notifier.apply(settings).unwrap();
            wait_for_attempt(&folder, fails + 1).await;
        }
    }
    notifier.apply(notifier.settings()).unwrap();
    let dead = next().await;
    assert_eq!(
        (&dead["event"], &dead["alerts"][0]["code"]),
        (&"raised".into(), &CHANNEL_DEAD.into())
    );
    assert_eq!(dead["alerts"][0]["subject"], "bad");
    let over = next().await;
    assert_eq!(
        (&over["event"], &over["alerts"][0]["code"]),
        (&"cleared".into(), &CHANNEL_DEAD.into())
    );
    let status = notifier.status().unwrap();
    assert_eq!((status[0].dead_since, status[0].state.waiting), (None, 0));
    assert!(status[0].state.cause.contains("500") && status[0].state.last_success.is_some());
}

/// Looks until something holds of the channels, as nobody tells of a change of theirs.
async fn until(notifier: &Notifier, holds: impl Fn(&[crate::ChannelStatus]) -> bool) {
    let looking = async {
        while !holds(&notifier.status().unwrap()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.unwrap();
}

/// Looks until a channel has failed so often.
async fn wait_for_attempt(folder: &TempDir, fails: i64) {
    let file = rusqlite::Connection::open(folder.path().join("notify.sqlite")).unwrap();
    let failed = || -> i64 {
        let query = "SELECT fails FROM channels WHERE name = 'bad'";
        file.query_row(query, [], |row| row.get(0)).unwrap_or(0)
    };
    let looking = async {
        while failed() < fails {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.unwrap();
}

#[tokio::test]
async fn a_test_says_what_is_wrong_and_what_to_do() {
    let (identity, folder, clock) = (Identity::new(), tempfile::tempdir().unwrap(), Clock::new());
    let (port, mut requests) = https(&identity, |stream, number| async move {
        say(stream, if number == 0 { OK } else { "HTTP/1.1 404 No\r\n\r\n" }).await;
    })
    .await;
    let notifier = open(&folder, hooking(&identity, port), &clock);
    notifier.test("hook", "box17").await.unwrap();
    assert_eq!(requests.recv().await.unwrap().header("Holdfast-Event"), "test");
    let error = notifier.test("hook", "box17").await.unwrap_err();
    assert!(error.to_string().contains("404") && error.to_string().contains("correct `url`"));
    let error = notifier.test("hok", "box17").await.unwrap_err();
    assert!(matches!(&error, NotifyError::NoChannel { known, .. } if known == "hook"), "{error}");
}

#[tokio::test]
async fn messages_of_a_channel_arrive_one_at_a_time_in_their_order() {
    let (identity, folder, clock) = (Identity::new(), tempfile::tempdir().unwrap(), Clock::new());
    let (port, mut requests) = https(&identity, |stream, _| say(stream, OK)).await;
    let notifier = open(&folder, hooking(&identity, port), &clock);
    for number in 0..6 {
        notifier.tell(event("x", &number.to_string(), 7)).unwrap();
    }
    let over = Event { kind: EventKind::Cleared, ..event("x", "0", 7) };
    notifier.tell(over).unwrap();
    let (_stop, _task) = running(&notifier);
    let mut told = Vec::new();
    while told.len() < 7 {
        let request = requests.recv().await.unwrap();
        let body: Value = serde_json::from_str(&request.body).unwrap();
        told.push(format!("{} {}", body["event"], body["alerts"][0]["subject"]).replace('"', ""));
    }
    let raised: Vec<String> = (0..6).map(|number| format!("raised {number}")).collect();
    assert_eq!(told[..6], raised);
    assert_eq!(told[6], "cleared 0");
}

#[tokio::test]
async fn secrets_are_in_nothing_that_is_kept_or_shown() {
    let (identity, folder, clock) = (Identity::new(), tempfile::tempdir().unwrap(), Clock::new());
    let (port, _requests) = https(&identity, |stream, _| {
        say(stream, "HTTP/1.1 500 No\r\nContent-Length: 13\r\n\r\ncanary-secret")
    })
    .await;
    let notifier = open(&folder, hooking(&identity, port), &clock);
    notifier.tell(event("x", "one", 7)).unwrap();
    let (stop, task) = running(&notifier);
    until(&notifier, |status| status[0].state.last_failure.is_some()).await;
    let error = notifier.test("hook", "box17").await.unwrap_err();
    let status = notifier.status().unwrap();
    for text in [
        format!("{error} {error:?} {notifier:?} {status:?} {:?}", notifier.settings()),
        serde_json::to_string(&status).unwrap(),
        notifier.settings().shown(),
    ] {
        assert!(!text.contains("canary"), "{text}");
    }
    stop.send(()).unwrap();
    task.await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|bytes| bytes == b"canary"));
    }
    clock.forward(1);
}
