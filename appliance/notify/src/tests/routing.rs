//! Who is told what, and when.

use super::make::{FRIDAY, HOUR, at, event, with_channels};
use crate::wording::Message;
use crate::{
    Audience, CHANNEL_DEAD, Dead, Delivery, Event, EventKind, MAX_NAMED, Notice, PLANNED,
    REQUESTED, Reason, Router, Settings, State,
};

fn router(settings: Settings) -> Router {
    Router::new(settings, State::default())
}

/// Channel and what it is told, as words.
fn told(deliveries: &[Delivery]) -> Vec<(&str, &str)> {
    deliveries.iter().map(|delivery| (delivery.channel.as_str(), delivery.notice.word())).collect()
}

fn cleared(event: &Event) -> Event {
    Event { kind: EventKind::Cleared, ..event.clone() }
}

#[test]
fn each_route_takes_what_fits_and_a_channel_is_told_once() {
    let settings = with_channels(
        &["a", "b", "c"],
        "[[route]]\nchannels = [\"a\"]\n[[route]]\nmin_severity = 8\nchannels = [\"a\", \"b\"]\n\
         [[route]]\nclients = [\"other\"]\ncodes = [\"x\"]\nsides = [\"vault\"]\n\
         channels = [\"c\"]\n",
    );
    let mut router = router(settings);
    let mut tell = |event| told(&router.tell(event, at(FRIDAY))).len();
    assert_eq!(tell(event("x", "one", 4)), 0);
    assert_eq!(tell(event("x", "two", 5)), 1);
    assert_eq!(tell(event("x", "three", 8)), 2);
    let vault = Event { client: "other".into(), side: "vault".into(), ..event("x", "four", 8) };
    assert_eq!(tell(vault.clone()), 3);
    assert_eq!(tell(Event { code: "y".into(), ..vault }), 2);
}

#[test]
fn what_is_shown_again_after_a_restart_is_not_told_again() {
    let settings = with_channels(&["a"], "[[route]]\nchannels = [\"a\"]\n");
    let mut first = router(settings.clone());
    let raised = event("disk-failed", "2", 7);
    assert_eq!(told(&first.tell(raised.clone(), at(FRIDAY))), [("a", "raised")]);
    let kept = serde_json::to_string(first.state()).unwrap();
    let mut second = Router::new(settings, serde_json::from_str(&kept).unwrap());
    let shown = vec![raised.clone(), Event { number: 8, ..event("disk-failed", "3", 7) }];
    let now = at(FRIDAY + HOUR);
    let deliveries = second.shown(shown, now);
    assert_eq!(told(&deliveries), [("a", "raised")]);
    assert_eq!(deliveries[0].notice.events[0].subject, "3");
    // An engine that has lost its book counts anew; people know of the problem.
    assert!(second.tell(Event { number: 1, ..raised }, now).is_empty());
    // What is shown no more has ended while nobody listened.
    let deliveries = second.shown(vec![event("disk-failed", "3", 7)], now);
    assert_eq!(told(&deliveries), [("a", "cleared")]);
    assert_eq!(deliveries[0].notice.events[0].subject, "2");
}

#[test]
fn a_recovery_goes_to_whom_the_alert_was_told_whatever_routes_say_now() {
    let rest = "[[route]]\nchannels = [\"a\"]\n[[route]]\nmin_severity = 8\nchannels = [\"b\"]\n";
    let mut router = router(with_channels(&["a", "b"], rest));
    let raised = event("x", "one", 7);
    assert_eq!(told(&router.tell(raised.clone(), at(FRIDAY))), [("a", "raised")]);
    router.apply(with_channels(&["a", "b"], "[[route]]\nchannels = [\"b\"]\nmin_severity = 9\n"));
    assert_eq!(told(&router.tell(cleared(&raised), at(FRIDAY))), [("a", "cleared")]);
    assert!(router.tell(cleared(&raised), at(FRIDAY)).is_empty());
}

#[test]
fn worse_better_and_taken_on_are_told_once() {
    let mut router = router(with_channels(&["a"], "[[route]]\nchannels = [\"a\"]\n"));
    let raised = event("x", "one", 7);
    let mut tell = |event: &Event| {
        told(&router.tell(event.clone(), at(FRIDAY)))
            .iter()
            .map(|(_, word)| *word)
            .collect::<String>()
    };
    assert_eq!(tell(&raised), "raised");
    let worse = Event { severity: 9, kind: EventKind::Changed, ..raised.clone() };
    assert_eq!((tell(&worse), tell(&worse)), ("changed".into(), String::new()));
    // Below what the route takes: who was told of it hears that too.
    let better = Event { severity: 2, ..worse };
    assert_eq!(tell(&better), "changed");
    let taken = Event { acknowledged_by: "ann".into(), ..better };
    assert_eq!((tell(&taken), tell(&taken)), ("acknowledged".into(), String::new()));
}

const OFFICE: &str = "[[route]]\nchannels = [\"a\"]\ndays = \"Mon-Fri\"\nfrom = \"09:00\"\n\
     to = \"17:00\"\nzone = \"Europe/Berlin\"\n";

#[test]
fn what_comes_outside_of_hours_is_told_in_one_when_they_begin_if_it_is_still_there() {
    let mut router = router(with_channels(&["a"], OFFICE));
    // 18:00 in Berlin.
    let evening = FRIDAY + 9 * HOUR;
    for subject in ["one", "two", "three"] {
        assert!(router.tell(event("x", subject, 7), at(evening)).is_empty());
    }
    assert!(router.tell(cleared(&event("x", "two", 7)), at(evening + HOUR)).is_empty());
    assert!(router.advance(at(evening + 24 * HOUR)).is_empty(), "Saturday");
    let monday = evening + 63 * HOUR;
    assert!(router.advance(at(monday - 1)).is_empty());
    let deliveries = router.advance(at(monday));
    let [Delivery { notice, .. }] = deliveries.as_slice() else { panic!("{deliveries:?}") };
    assert_eq!((notice.reason, notice.count), (Reason::Held, 2));
    let subjects: Vec<&str> = notice.events.iter().map(|event| event.subject.as_str()).collect();
    assert_eq!(subjects, ["one", "three"]);
}

#[test]
fn a_problem_that_comes_back_before_its_end_was_told_is_no_news() {
    let mut router = router(with_channels(&["a"], OFFICE));
    let raised = event("x", "one", 7);
    assert_eq!(router.tell(raised.clone(), at(FRIDAY)).len(), 1);
    let evening = FRIDAY + 9 * HOUR;
    assert!(router.tell(cleared(&raised), at(evening)).is_empty());
    assert!(router.tell(Event { number: 9, ..raised.clone() }, at(evening + 60)).is_empty());
    assert!(router.advance(at(evening + 63 * HOUR)).is_empty());
    let now = at(evening + 64 * HOUR);
    assert_eq!(told(&router.tell(cleared(&raised), now)), [("a", "cleared")]);
}

#[test]
fn reminders_come_until_somebody_acknowledges() {
    let rest = "[[route]]\nchannels = [\"a\"]\nrepeat = \"1h\"\n";
    let mut router = router(with_channels(&["a"], rest));
    router.tell(event("x", "one", 7), at(FRIDAY));
    assert!(router.advance(at(FRIDAY + HOUR - 1)).is_empty());
    assert_eq!(told(&router.advance(at(FRIDAY + HOUR))), [("a", "reminder")]);
    assert!(router.advance(at(FRIDAY + HOUR + 1)).is_empty());
    // A clock that goes back ten years does not silence anybody for ten years.
    let back = FRIDAY - 10 * 365 * 24 * HOUR;
    assert!(router.advance(at(back)).is_empty());
    assert_eq!(told(&router.advance(at(back + HOUR))), [("a", "reminder")]);
    let taken = Event { acknowledged_by: "ann".into(), ..event("x", "one", 7) };
    assert_eq!(told(&router.tell(taken, at(back + HOUR))), [("a", "acknowledged")]);
    assert!(router.advance(at(back + 9 * HOUR)).is_empty());
}

#[test]
fn what_nobody_acknowledges_goes_further() {
    let rest = "[[route]]\nchannels = [\"a\"]\n[[route]]\nchannels = [\"b\"]\nafter = \"30m\"\n";
    let mut router = router(with_channels(&["a", "b"], rest));
    let (one, two) = (event("x", "one", 7), event("x", "two", 7));
    router.tell(one.clone(), at(FRIDAY));
    router.tell(two.clone(), at(FRIDAY));
    router.tell(Event { acknowledged_by: "ann".into(), ..two.clone() }, at(FRIDAY + 60));
    assert!(router.advance(at(FRIDAY + 1799)).is_empty());
    let deliveries = router.advance(at(FRIDAY + 1800));
    assert_eq!(told(&deliveries), [("b", "raised")]);
    assert_eq!(deliveries[0].notice.events[0].subject, "one");
    assert_eq!(router.tell(cleared(&one), at(FRIDAY + 1900)).len(), 2);
    assert_eq!(told(&router.tell(cleared(&two), at(FRIDAY + 1900))), [("a", "cleared")]);
}

#[test]
fn nobody_is_told_of_a_client_without_an_agreement() {
    let rest = "[[route]]\nchannels = [\"a\"]\nrepeat = \"5m\"\n[[agreement]]\nclient = \"acme\"\n\
         kind = \"full\"\nexpires = \"2026-11-20\"\n[[agreement]]\nclient = \"other\"\n\
         kind = \"none\"\n";
    let mut router = router(with_channels(&["a"], rest));
    let raised = event("x", "one", 7);
    assert_eq!(router.tell(raised.clone(), at(FRIDAY)).len(), 1);
    assert!(
        router.tell(Event { client: "other".into(), ..event("x", "2", 10) }, at(FRIDAY)).is_empty()
    );
    // Its last day is over: nothing more, but the end of what was told.
    let later = at(FRIDAY + 24 * HOUR);
    assert!(router.tell(event("x", "three", 10), later).is_empty());
    assert!(router.tell(Event { severity: 9, ..raised.clone() }, later).is_empty());
    assert_eq!(told(&router.tell(cleared(&raised), later)), [("a", "cleared")]);
}

#[test]
fn a_flood_becomes_a_digest_that_says_how_many_and_the_worst() {
    let rest = "per_hour = 5\n[[route]]\nchannels = [\"a\"]\n";
    let mut router = router(with_channels(&["a"], rest));
    let mut count = 0;
    for number in 0..100 {
        let severity = if number == 70 { 9 } else { 6 };
        count += router.tell(event("x", &number.to_string(), severity), at(FRIDAY)).len();
    }
    assert_eq!(count, 4);
    assert!(router.advance(at(FRIDAY + 59)).is_empty());
    let deliveries = router.advance(at(FRIDAY + 60));
    let [Delivery { notice, .. }] = deliveries.as_slice() else { panic!("{deliveries:?}") };
    assert_eq!((notice.reason, notice.count, notice.worst), (Reason::Flood, 96, 9));
    assert_eq!((notice.events.len(), notice.events[0].subject.as_str()), (20, "70"));
    assert!(router.tell(event("x", "late", 6), at(FRIDAY + 120)).is_empty());
    assert!(router.advance(at(FRIDAY + HOUR - 1)).is_empty());
    assert_eq!(told(&router.advance(at(FRIDAY + HOUR))), [("a", "raised")]);
}

#[test]
fn what_people_ask_for_leaves_alerts_their_place_in_a_digest() {
    let asked = (0..30).map(|number| Notice::one(event(REQUESTED, &number.to_string(), 8)));
    let alert = Notice::one(event("disk-failed", "2", 5));
    let notice = Notice::many(Reason::Flood, asked.chain([alert]).collect()).unwrap();
    assert_eq!((notice.count, notice.worst, notice.events.len()), (31, 8, MAX_NAMED));
    assert_eq!(notice.events[0].code, "disk-failed");
    let said = Message::of(&notice, Audience::Desk).plain();
    assert!(said.contains("And 11 more: "), "{said}");
}

#[test]
fn what_was_taken_back_before_a_digest_is_not_announced_by_it() {
    let rest = "per_hour = 2\n[[route]]\nmin_severity = 1\nchannels = [\"a\"]\n";
    let mut router = router(with_channels(&["a"], rest));
    router.tell(event("x", "1", 6), at(FRIDAY));
    let change = event(PLANNED, "change 3 for acme", 5);
    assert!(router.tell(change.clone(), at(FRIDAY)).is_empty());
    assert!(router.tell(cleared(&change), at(FRIDAY + 1)).is_empty());
    assert!(router.advance(at(FRIDAY + 60)).is_empty(), "there is nothing to tell");
    // Who was told of it is told that it does not take place.
    assert!(router.tell(change.clone(), at(FRIDAY + 60)).is_empty());
    assert_eq!(told(&router.advance(at(FRIDAY + 120))), [("a", "raised")]);
    router.tell(cleared(&change), at(FRIDAY + 121));
    assert_eq!(told(&router.advance(at(FRIDAY + 121 + HOUR))), [("a", "cleared")]);
}

#[test]
fn a_dead_channel_is_told_through_the_others_and_so_is_its_end() {
    let rest = "[[route]]\nchannels = [\"a\", \"b\"]\n";
    let mut router = router(with_channels(&["a", "b"], rest));
    let dead = Dead { channel: "a".into(), since: 5, cause: "refused".into() };
    let deliveries = router.channels(std::slice::from_ref(&dead), at(FRIDAY));
    assert_eq!(told(&deliveries), [("b", "raised")]);
    let event = &deliveries[0].notice.events[0];
    assert_eq!((event.code.as_str(), event.subject.as_str()), (CHANNEL_DEAD, "a"));
    assert!(event.cause.contains("refused"));
    assert!(router.channels(&[dead], at(FRIDAY + 60)).is_empty());
    // Alerts of the engine say nothing of channels.
    assert!(router.shown(Vec::new(), at(FRIDAY + 60)).is_empty());
    assert_eq!(told(&router.channels(&[], at(FRIDAY + 61))), [("b", "cleared")]);
}

#[test]
fn a_test_goes_where_it_would_lead_and_leaves_no_trace() {
    let mut router = router(with_channels(&["a", "b"], "[[route]]\nchannels = [\"b\"]\n"));
    let test = Event { kind: EventKind::Test, ..event("x", "one", 7) };
    assert_eq!(told(&router.tell(test, at(FRIDAY))), [("b", "test")]);
    assert_eq!(told(&router.tell(event("x", "one", 7), at(FRIDAY))), [("b", "raised")]);
}

#[test]
fn what_is_remembered_has_a_bound() {
    let mut router = router(with_channels(&["a"], "[[route]]\nchannels = [\"a\"]\n"));
    let events = (0..2100).map(|number| event("x", &number.to_string(), 1)).collect();
    router.shown(events, at(FRIDAY));
    let kept = serde_json::to_value(router.state()).unwrap();
    assert_eq!(kept["alerts"].as_array().unwrap().len(), 2000);
    assert_eq!(kept["alerts"][0]["event"]["subject"], "100");
    // What people ask for goes before an alert does, however severe it is said to be.
    router.shown(vec![event("disk-failed", "2", 1)], at(FRIDAY));
    for number in 0..2100 {
        router.tell(event(REQUESTED, &number.to_string(), 8), at(FRIDAY));
    }
    let kept = serde_json::to_value(router.state()).unwrap();
    assert_eq!(kept["alerts"][0]["event"]["code"], "disk-failed");
}
