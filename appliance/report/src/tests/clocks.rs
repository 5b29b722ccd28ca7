//! Clocks of restores, notices and periods.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::make::{DAY, HOUR, NOW, facts_of};
use crate::{Clock, Clocks, Kind, Notice, NoticeVerdict, Period, ReportError, RestoreClass};
use crate::{RestoreRequest, Step, StepError, Told};

fn request(class: RestoreClass) -> RestoreRequest {
    RestoreRequest { class, clocks: Clocks::new(NOW), ..facts_of("acme", 0).requests.remove(0) }
}

#[test]
fn a_promise_is_kept_up_to_its_last_second() {
    let limits = [
        (RestoreClass::System, Step::Acknowledged, 15 * 60),
        (RestoreClass::System, Step::Started, 60 * 60),
        (RestoreClass::File, Step::Acknowledged, 20 * 60),
        (RestoreClass::File, Step::Started, 240 * 60),
    ];
    for (class, step, limit) in limits {
        let mut request = request(class);
        assert_eq!(request.clock(step, NOW + 60), Some(Clock::Due { left: limit - 60 }));
        assert_eq!(request.clock(step, NOW + limit), Some(Clock::Due { left: 0 }));
        assert_eq!(request.clock(step, NOW + limit + 1), Some(Clock::Overdue { by: 1 }));
        if step == Step::Started {
            request.clocks.take(Step::Acknowledged, NOW).unwrap();
        }
        request.clocks.take(step, NOW + limit + 7).unwrap();
        let late = Some(Clock::Late { by: 7 });
        assert_eq!(request.clock(step, NOW + DAY), late);
        assert_eq!(request.clock(step, NOW + limit + 2), Some(Clock::Overdue { by: 2 }), "before");
    }
    assert_eq!(request(RestoreClass::File).clock(Step::Usable, NOW), None);
}

#[test]
fn steps_are_taken_once_and_in_their_order() {
    let mut clocks = Clocks::new(100);
    let early = StepError::OutOfOrder { step: Step::Usable, next: Step::Acknowledged };
    assert_eq!(clocks.take(Step::Usable, 200), Err(early));
    clocks.take(Step::Acknowledged, 200).unwrap();
    let again = StepError::Taken { step: Step::Acknowledged, at: 200 };
    assert_eq!(clocks.take(Step::Acknowledged, 150), Err(again));
    let back = StepError::Earlier { at: 199, before: 200 };
    assert_eq!(clocks.take(Step::Started, 199), Err(back));
    clocks.take(Step::Started, 200).unwrap();
    assert_eq!((clocks.at(Step::Started), clocks.next()), (Some(200), Some(Step::FirstByte)));
}

#[test]
fn what_is_kept_of_clocks_is_checked_when_it_is_read() {
    let mut clocks = Clocks::new(100);
    clocks.take(Step::Acknowledged, 200).unwrap();
    let text = serde_json::to_string(&clocks).unwrap();
    assert_eq!(serde_json::from_str::<Clocks>(&text).unwrap(), clocks);
    let skipped = r#"{"requested": 100, "usable": 300}"#;
    let backwards = r#"{"requested": 100, "acknowledged": 99}"#;
    for text in [skipped, backwards] {
        assert!(serde_json::from_str::<Clocks>(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn whatever_is_tried_no_step_is_taken_back(
        tried in prop::collection::vec((0usize..5, 0u64..99), 0..40),
    ) {
        let taken = |clocks: &Clocks| -> Vec<u64> {
            Step::ALL.iter().filter_map(|step| clocks.at(*step)).collect()
        };
        let mut clocks = Clocks::new(10);
        for (step, at) in tried {
            let before = taken(&clocks);
            let _ = clocks.take(Step::ALL[step], at);
            let after = taken(&clocks);
            prop_assert!(after.starts_with(&before) && after.len() <= before.len() + 1);
            prop_assert!(after.is_sorted() && after.iter().all(|at| *at >= 10));
        }
    }
}

#[test]
fn clients_are_told_seventy_two_hours_ahead() {
    let begin = NOW + 72 * HOUR;
    let notice = |told: Option<u64>, emergency: Option<&str>| Notice {
        begin,
        told: told.map(|at| Told { client: "acme".into(), at }).into_iter().collect(),
        emergency: emergency.map(str::to_owned),
        ..Notice::default()
    };
    let judge = |notice: Notice, now| notice.judge("acme", now);
    assert_eq!(judge(notice(Some(NOW), None), begin), NoticeVerdict::InTime { ahead: 72 * HOUR });
    assert_eq!(judge(notice(Some(NOW + 1), None), begin), NoticeVerdict::Short { by: 1 });
    assert_eq!(judge(notice(None, None), NOW - 5), NoticeVerdict::Due { left: 5 });
    assert_eq!(judge(notice(None, None), NOW + 1), NoticeVerdict::NotTold);
    assert_eq!(judge(notice(Some(NOW), None), NOW - 5), NoticeVerdict::Due { left: 5 });
    assert_eq!(judge(notice(None, Some("a hole")), begin), NoticeVerdict::Emergency);
    assert_eq!(judge(notice(Some(NOW + 9), Some(" ")), begin), NoticeVerdict::NoReason);
    assert_eq!(notice(Some(NOW), None).judge("other", begin), NoticeVerdict::NotTold);
}

#[test]
fn a_day_and_a_month_are_those_of_the_zone() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    // 2026-10-26 00:30 in Berlin: the day before had 25 hours.
    let at = 1_792_971_000;
    let day = Period::day_before(at, &berlin);
    assert_eq!((day.to() - day.from(), at - day.to()), (25 * HOUR, HOUR / 2));
    let month = Kind::Statement.usual_period(NOW, &berlin);
    assert_eq!(month.to() - month.from(), 31 * DAY + HOUR, "October, with its extra hour");
    assert_eq!(Period::new(5, 5), Err(ReportError::NoPeriod { from: 5, to: 5 }));
    for at in [0, 1, u64::MAX] {
        for kind in Kind::ALL {
            let period = kind.usual_period(at, &berlin);
            assert!(period.from() < period.to(), "{kind} at {at}");
        }
    }
}
