//! A client's report has nothing of another client in it.

use bus::{JobState, Place};

use super::make::{NOW, column, facts_of, job, joined, report};
use crate::{Cell, Facts, Kind, ReportError, Scope, make};

const CANARY: &str = "zzcanary";

/// A client `acme` beside another one, whose every number and name can be told from acme's.
pub(super) fn both() -> Facts {
    let mut other = facts_of(CANARY, 200);
    for point in &mut other.points {
        point.logical_bytes = 987_654_321_012;
    }
    joined(facts_of("acme", 0), other)
}

#[test]
fn a_client_s_report_is_the_same_whoever_else_is_on_the_appliance() {
    let (alone, both) = (facts_of("acme", 0), both());
    for kind in Kind::ALL {
        let shared = report(kind, &both, Some("acme"));
        assert_eq!(shared, report(kind, &alone, Some("acme")), "{kind}");
        for text in [shared.html(), shared.csv(), shared.json()] {
            assert!(text.contains("acme"), "{kind}");
            assert!(
                !text.contains(CANARY) && !text.contains("987654321") && !text.contains("987.7 GB"),
                "{kind}: {text}"
            );
        }
        let whole = report(kind, &both, None).json();
        assert!(whole.contains(CANARY) && whole.contains("acme"), "{kind}: the canary can sing");
    }
}

#[test]
fn what_facts_contradict_each_other_about_is_shown_to_no_client() {
    let mut facts = both();
    // A job for acme about a system of the other one, and the other way round.
    let mut one = job("mail of zzcanary", 77_001, JobState::Failed, NOW - 60);
    one.client = "acme".into();
    let mut other = job("mail of acme", 77_002, JobState::Failed, NOW - 60);
    other.client = CANARY.into();
    facts.jobs.extend([one, other]);
    facts.requests[1].client = "acme".into();
    // A system that the plan gives to acme and the bus to the other one.
    facts.plan.systems[1].client = "acme".into();
    for kind in Kind::ALL {
        let text = report(kind, &facts, Some("acme")).json();
        assert!(!text.contains("7700") && !text.contains(CANARY), "{kind}: {text}");
    }
    let whole = column(&report(Kind::JobSummary, &facts, None), "jobs", "number");
    assert!(whole.contains(&Cell::Count(77_001)) && whole.contains(&Cell::Count(77_002)));
}

#[test]
fn what_belongs_to_nobody_is_shown_to_no_client() {
    let mut facts = both();
    let mut scrub = job("", 77_003, JobState::Done, NOW - 60);
    (scrub.kind, scrub.system) = (bus::JobKind::Scrub, Place::Appliance.path());
    facts.jobs.push(scrub);
    facts.alerts[1].alert.client = String::new();
    facts.points.push(super::make::point("nobody's", 99, NOW - 60, 1));
    for kind in Kind::ALL {
        let text = report(kind, &facts, Some("acme")).json();
        assert!(!text.contains("77003") && !text.contains("nobody"), "{kind}");
        assert!(!text.contains(CANARY), "{kind}");
    }
    assert!(report(Kind::Sizes, &facts, None).json().contains("nobody's"));
}

#[test]
fn a_client_that_the_plan_does_not_have_gets_no_report() {
    let facts = both();
    let known = report(Kind::Sizes, &facts, Some("acme"));
    let scope =
        Scope { client: Some("acm".into()), period: known.period, zone: known.zone.clone() };
    let refused = make(Kind::Sizes, &facts, &scope).unwrap_err();
    assert_eq!(refused, ReportError::UnknownClient { client: "acm".into() });
}
