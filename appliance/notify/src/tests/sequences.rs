//! The router against a simple model: any events, at any time, over restarts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::make::{FRIDAY, HOUR, at, event, with_channels};
use crate::{Delivery, Event, EventKind, Reason, Router, Settings, State};

#[derive(Debug, Clone)]
enum Step {
    Show { subject: u8, severity: u8, acknowledged: bool },
    Clear { subject: u8 },
    Restart,
    Wait { seconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4u8, 3..9u8, any::<bool>()).prop_map(|(subject, severity, acknowledged)| {
            Step::Show { subject, severity, acknowledged }
        }),
        2 => (0..4u8).prop_map(|subject| Step::Clear { subject }),
        1 => Just(Step::Restart),
        3 => (0..6 * HOUR).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn shown(subject: u8, severity: u8, acknowledged: bool) -> Event {
    let by = if acknowledged { "ann" } else { "" };
    Event { acknowledged_by: by.into(), ..event("x", &subject.to_string(), severity) }
}

/// Goes through steps, and gives what came of them with its time.
fn go(settings: &Settings, steps: &[Step]) -> (Router, i64, Vec<(i64, Delivery)>) {
    let (mut now, mut all) = (FRIDAY, Vec::new());
    let mut router = Router::new(settings.clone(), State::default());
    for step in steps {
        let deliveries = match step {
            Step::Show { subject, severity, acknowledged } => {
                router.tell(shown(*subject, *severity, *acknowledged), at(now))
            }
            Step::Clear { subject } => {
                let event = Event { kind: EventKind::Cleared, ..shown(*subject, 5, false) };
                router.tell(event, at(now))
            }
            Step::Restart => {
                let kept = serde_json::to_string(router.state()).unwrap();
                router = Router::new(settings.clone(), serde_json::from_str(&kept).unwrap());
                router.advance(at(now))
            }
            Step::Wait { seconds } => {
                now += seconds;
                router.advance(at(now))
            }
        };
        all.extend(deliveries.into_iter().map(|delivery| (now, delivery)));
    }
    (router, now, all)
}

/// What a channel that is always open and takes everything from severity 5 on is told.
#[derive(Default)]
struct Model {
    told: BTreeMap<u8, (u8, bool)>,
    words: Vec<(u8, &'static str)>,
}

impl Model {
    fn show(&mut self, subject: u8, severity: u8, acknowledged: bool) {
        let word = match self.told.get(&subject) {
            None if severity < 5 => return,
            None => "raised",
            Some((before, _)) if *before != severity => "changed",
            Some((_, false)) if acknowledged => "acknowledged",
            Some(_) => {
                return;
            }
        };
        self.told.insert(subject, (severity, acknowledged));
        self.words.push((subject, word));
    }
}

proptest! {
    #[test]
    fn an_open_channel_is_told_what_the_model_says(steps in prop::collection::vec(step(), 0..60)) {
        let rest = "per_hour = 1000\n[[route]]\nchannels = [\"a\"]\n";
        let (.., all) = go(&with_channels(&["a"], rest), &steps);
        let mut model = Model::default();
        for step in &steps {
            match *step {
                Step::Show { subject, severity, acknowledged } => {
                    model.show(subject, severity, acknowledged);
                }
                Step::Clear { subject } if model.told.remove(&subject).is_some() => {
                    model.words.push((subject, "cleared"));
                }
                _ => {}
            }
        }
        let words: Vec<(u8, &str)> = all
            .iter()
            .map(|(_, delivery)| {
                (delivery.notice.events[0].subject.parse().unwrap(), delivery.notice.word())
            })
            .collect();
        prop_assert_eq!(words, model.words);
    }

    #[test]
    fn with_hours_and_bounds_every_alert_has_one_beginning_and_one_end(
        steps in prop::collection::vec(step(), 0..25),
    ) {
        let rest = "per_hour = 3\n[[route]]\nchannels = [\"a\"]\nfrom = \"09:00\"\nto = \"12:00\"\n\
             repeat = \"1h\"\n";
        let settings = with_channels(&["a"], rest);
        let (mut router, now, mut all) = go(&settings, &steps);
        // Everything ends, and two days go by in which all of that can be told.
        let over = router.shown(Vec::new(), at(now));
        all.extend(over.into_iter().map(|delivery| (now, delivery)));
        for step in 0..2 * 24 * 12 {
            let now = now + step * 300;
            let more = router.advance(at(now));
            all.extend(more.into_iter().map(|delivery| (now, delivery)));
        }
        let mut open: BTreeMap<String, bool> = BTreeMap::new();
        for (now, Delivery { notice, .. }) in &all {
            prop_assert_eq!(notice.count, notice.events.len() as u64);
            let within = all.iter().filter(|(other, _)| (now - HOUR + 1..=*now).contains(other));
            prop_assert!(within.count() <= 3);
            if notice.reason == Reason::Single {
                let event = &notice.events[0];
                let begins = event.kind == EventKind::Raised;
                let open = open.entry(event.subject.clone()).or_default();
                prop_assert!(*open != begins, "{:?}", event);
                *open = event.kind != EventKind::Cleared;
            } else {
                // A digest puts what is over last, so an alert that ended and came back within one
                // is looked at by how often each happened.
                for event in &notice.events {
                    let open = open.entry(event.subject.clone()).or_default();
                    let count = |kind| {
                        let same = |other: &&Event| other.subject == event.subject;
                        let same = notice.events.iter().filter(same);
                        same.filter(|other| other.kind == kind).count() as i32
                    };
                    let change = count(EventKind::Raised) - count(EventKind::Cleared);
                    prop_assert!((-1..=1).contains(&change));
                    if change != 0 {
                        *open = change > 0;
                    }
                }
            }
        }
        prop_assert!(open.values().all(|open| !open), "{:?}", open);
        prop_assert!(serde_json::to_string(router.state()).unwrap().contains("\"alerts\":[]"));
    }
}
