//! What waits is kept, in order, for as long and as much as was said.

use tempfile::TempDir;

use super::make::{FRIDAY, HOUR, at, event};
use crate::{
    Audience, Content, Delivery, Failed, MAX_WAITING, Notice, Outbox, Queued, SendError, State,
};

fn open(folder: &TempDir) -> Outbox {
    Outbox::open(&folder.path().join("notify.sqlite")).unwrap()
}

fn delivery(channel: &str, subject: &str, severity: u8) -> Delivery {
    let notice = Notice::one(event("x", subject, severity));
    Delivery { channel: channel.into(), notice }
}

fn keep(outbox: &mut Outbox, deliveries: &[Delivery]) {
    outbox.keep(deliveries, &State::default(), at(FRIDAY)).unwrap();
}

fn passing() -> SendError {
    SendError { what: "refused".into(), next_step: "wait", is_final: false }
}

fn told(queued: &Queued) -> &str {
    let Content::Alerts(notice) = &queued.content else { panic!("{queued:?}") };
    &notice.events[0].subject
}

fn subject(outbox: &mut Outbox, channel: &str, now: i64) -> Option<String> {
    let queued = outbox.due(channel, at(now)).unwrap()?;
    Some(told(&queued).to_owned())
}

#[test]
fn a_channel_gets_its_messages_in_order_over_restarts_under_the_same_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(&folder);
    keep(
        &mut outbox,
        &[delivery("a", "one", 7), delivery("b", "two", 7), delivery("a", "three", 9)],
    );
    let first = outbox.due("a", at(FRIDAY)).unwrap().unwrap();
    drop(outbox);
    let mut outbox = open(&folder);
    assert_eq!(outbox.due("a", at(FRIDAY)).unwrap(), Some(first.clone()));
    outbox.delivered(&first, Audience::Desk, at(FRIDAY)).unwrap();
    let second = outbox.due("a", at(FRIDAY)).unwrap().unwrap();
    assert_eq!(told(&second), "three");
    assert_ne!(first.key, second.key);
    outbox.delivered(&second, Audience::Desk, at(FRIDAY)).unwrap();
    assert_eq!(outbox.due("a", at(FRIDAY)).unwrap(), None);
    assert_eq!(subject(&mut outbox, "b", FRIDAY).as_deref(), Some("two"));
    // Numbers are never given twice, also when nothing waits.
    keep(&mut outbox, &[delivery("a", "four", 7)]);
    assert_ne!(outbox.due("a", at(FRIDAY)).unwrap().unwrap().key, second.key);
}

#[test]
fn pauses_double_up_to_an_hour_and_a_day_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(&folder);
    keep(&mut outbox, &[delivery("a", "one", 7), delivery("a", "two", 7)]);
    let (mut now, mut pauses) = (FRIDAY, Vec::new());
    loop {
        let queued = outbox.due("a", at(now)).unwrap().unwrap();
        assert_eq!(told(&queued), "one", "nothing overtakes");
        match outbox.failed(&queued, &passing(), at(now)).unwrap() {
            Failed::Later(pause) => {
                assert_eq!(outbox.due("a", at(now + pause - 1)).unwrap(), None);
                pauses.push(pause);
                now += pause;
            }
            Failed::GivenUp => break,
        }
    }
    assert_eq!(pauses[..8], [30, 60, 120, 240, 480, 960, 1920, 3600]);
    assert!((24 * HOUR..26 * HOUR).contains(&(now - FRIDAY)));
    assert_eq!(subject(&mut outbox, "a", now).as_deref(), Some("two"));
    assert_eq!(outbox.channel("a").unwrap().given_up, 1);
}

#[test]
fn what_is_refused_for_good_is_given_up_at_once_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(&folder);
    keep(&mut outbox, &[delivery("a", "one", 7)]);
    let queued = outbox.due("a", at(FRIDAY)).unwrap().unwrap();
    let error = SendError { is_final: true, ..passing() };
    assert_eq!(outbox.failed(&queued, &error, at(FRIDAY)).unwrap(), Failed::GivenUp);
    let state = outbox.channel("a").unwrap();
    assert_eq!((state.waiting, state.given_up, state.last_failure), (0, 1, Some(FRIDAY)));
    assert_eq!(state.cause, "refused; wait");
}

#[test]
fn a_clock_that_went_back_does_not_make_a_pause_of_years() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(&folder);
    keep(&mut outbox, &[delivery("a", "one", 7)]);
    let queued = outbox.due("a", at(FRIDAY)).unwrap().unwrap();
    outbox.failed(&queued, &passing(), at(FRIDAY)).unwrap();
    assert_eq!(outbox.due("a", at(FRIDAY + 1)).unwrap(), None);
    assert!(outbox.due("a", at(FRIDAY - 24 * HOUR)).unwrap().is_some());
}

#[test]
fn the_oldest_of_the_least_severity_goes_when_too_many_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(&folder);
    let most = usize::try_from(MAX_WAITING).unwrap();
    let mut all: Vec<Delivery> =
        (0..most).map(|number| delivery("a", &number.to_string(), 7)).collect();
    all[5] = delivery("a", "5", 3);
    all.extend([delivery("a", "late", 9), delivery("a", "later", 9), delivery("b", "other", 1)]);
    keep(&mut outbox, &all);
    let state = outbox.channel("a").unwrap();
    assert_eq!((state.waiting, state.dropped), (MAX_WAITING, 2));
    assert_eq!(subject(&mut outbox, "a", FRIDAY).as_deref(), Some("1"), "0 and 5 are gone");
    assert_eq!(outbox.channel("b").unwrap().dropped, 0);
}

#[test]
fn a_channel_is_dead_after_five_failures_or_a_quarter_of_an_hour_until_it_works() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(&folder);
    keep(&mut outbox, &[delivery("a", "one", 7), delivery("b", "two", 7)]);
    let queued = outbox.due("b", at(FRIDAY)).unwrap().unwrap();
    outbox.failed(&queued, &passing(), at(FRIDAY)).unwrap();
    let names = |outbox: &Outbox, now| -> Vec<String> {
        outbox.dead(at(now)).unwrap().into_iter().map(|dead| dead.channel).collect()
    };
    assert!(names(&outbox, FRIDAY + 899).is_empty());
    assert_eq!(names(&outbox, FRIDAY + 900), ["b"]);
    for number in 0..5 {
        assert!(names(&outbox, FRIDAY + number).is_empty());
        let queued = outbox.due("a", at(FRIDAY + HOUR)).unwrap().unwrap();
        outbox.failed(&queued, &passing(), at(FRIDAY + number)).unwrap();
    }
    assert_eq!(names(&outbox, FRIDAY + 5), ["a"]);
    let dead = outbox.dead(at(FRIDAY + 5)).unwrap().remove(0);
    assert_eq!((dead.since, dead.cause.as_str()), (FRIDAY.unsigned_abs(), "refused; wait"));
    outbox.delivered(&queued, Audience::Desk, at(FRIDAY + HOUR)).unwrap();
    assert_eq!(names(&outbox, FRIDAY + 2 * HOUR), ["a"]);
    outbox.retain(&["b"]).unwrap();
    assert!(names(&outbox, FRIDAY + 2 * HOUR).is_empty());
    assert_eq!(outbox.channel("a").unwrap(), crate::ChannelState::default());
}

#[test]
fn a_damaged_file_is_put_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify.sqlite");
    std::fs::write(&path, b"this is no database, whatever it was before").unwrap();
    let mut outbox = open(&folder);
    let aside = folder.path().join("notify.sqlite.damaged-1");
    assert_eq!(outbox.put_aside.as_deref(), Some(aside.as_path()));
    assert_eq!(outbox.state().unwrap(), State::default());
    keep(&mut outbox, &[delivery("a", "one", 7)]);
    drop(outbox);
    // What was begun then is whole.
    assert_eq!(open(&folder).put_aside, None);
    let error = Outbox::open(&folder.path().join("missing/x")).unwrap_err();
    assert!(error.to_string().contains("check the folder"), "{error}");
}

#[test]
fn a_message_that_cannot_be_read_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(&folder);
    keep(&mut outbox, &[delivery("a", "one", 7), delivery("a", "two", 7)]);
    let other = rusqlite::Connection::open(folder.path().join("notify.sqlite")).unwrap();
    other.execute("UPDATE deliveries SET notice = '{}' WHERE id = 1", []).unwrap();
    other.execute("UPDATE small SET value = '[' WHERE key = 'router'", []).unwrap();
    assert_eq!(subject(&mut outbox, "a", FRIDAY).as_deref(), Some("two"));
    assert_eq!(outbox.channel("a").unwrap().dropped, 1);
    assert_eq!(outbox.state().unwrap(), State::default());
}
