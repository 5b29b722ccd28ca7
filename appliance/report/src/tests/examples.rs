//! Reports whose figures were worked out by hand, and the ends of what can be reported.

use bus::JobState;

use super::make::{DAY, GB, HOUR, NOW, column, facts_of, figure, job, made, point, report};
use crate::report::ROWS_MAX;
use crate::{Body, Cell, Contract, Facts, Kind, Level};

fn texts(words: &[&str]) -> Vec<Cell> {
    words.iter().map(|word| Cell::text(word)).collect()
}

#[test]
fn three_of_four_runs_that_went_well_are_75_percent() {
    let report = report(Kind::JobSummary, &facts_of("acme", 0), Some("acme"));
    let total = |key| figure(&report, "totals", key);
    assert_eq!(total("ended"), Cell::Count(4));
    assert_eq!((total("well"), total("failed")), (Cell::Count(3), Cell::Count(1)));
    assert_eq!(total("success"), Cell::Share { part: 3, whole: 4 });
    assert_eq!((total("bytes"), total("not_run")), (Cell::Bytes(40 * GB), Cell::Count(0)));
    assert_eq!(column(&report, "jobs", "took"), vec![Cell::Span(600); 4]);
    let causes = column(&report, "jobs", "cause");
    assert_eq!(causes[0], Cell::text("the source is away"), "the newest first");
    assert!(report.html().contains("<dd>75.0 %</dd>"));
    assert!(report.html().contains("<dd>40.0 GB</dd>"));
}

#[test]
fn cancelled_jobs_are_no_failures_and_open_ones_have_no_result() {
    let mut facts = facts_of("acme", 0);
    facts.jobs.push(job("mail of acme", 8, JobState::Cancelled, NOW - 60));
    facts.jobs.push(job("mail of acme", 9, JobState::Running, NOW - 60));
    facts.jobs.push(job("mail of acme", 10, JobState::Failed, NOW - 3 * DAY));
    let report = report(Kind::JobSummary, &facts, None);
    assert_eq!(figure(&report, "totals", "success"), Cell::Share { part: 3, whole: 4 });
    assert_eq!(figure(&report, "totals", "open"), Cell::Count(1));
    let results = column(&report, "jobs", "result");
    assert_eq!(results[0], Cell::state(Level::Open, "running"));
    assert_eq!(results.len(), 6, "the one of three days ago is of another period");
}

#[test]
fn a_system_that_did_not_run_is_named() {
    let mut facts = facts_of("acme", 0);
    facts.points.clear();
    facts.jobs.clear();
    let report = report(Kind::JobSummary, &facts, None);
    assert_eq!(column(&report, "not_run", "system"), texts(&["mail of acme"]));
    assert_eq!(figure(&report, "totals", "success"), Cell::Nothing("none"));
}

#[test]
fn sizes_are_those_of_the_recovery_points_of_the_period() {
    let report = report(Kind::Sizes, &facts_of("acme", 0), Some("acme"));
    let one = |key| column(&report, "systems", key).remove(0);
    assert_eq!((one("points"), one("fulls")), (Cell::Count(3), Cell::Count(1)));
    assert_eq!((one("changed"), one("added")), (Cell::Bytes(75 * GB), Cell::Bytes(71 * GB)));
    assert_eq!(one("growth"), Cell::Change(0));
    let which = ["first full", "last full", "first incremental", "last incremental"];
    assert_eq!(column(&report, "points", "which"), texts(&which));
    let added = [60, 60, 5, 6].map(|size| Cell::Bytes(size * GB));
    assert_eq!(column(&report, "points", "added"), added);
}

#[test]
fn without_its_job_a_point_is_full_from_four_fifths_of_its_size_on() {
    let mut facts = facts_of("acme", 0);
    facts.jobs.clear();
    let fulls = |facts: &Facts| column(&report(Kind::Sizes, facts, None), "systems", "fulls");
    facts.points[0].added_bytes = 80 * GB - 1;
    assert_eq!(fulls(&facts), [Cell::Count(0)]);
    facts.points[0].added_bytes = 80 * GB;
    assert_eq!(fulls(&facts), [Cell::Count(1)]);
    facts.jobs.push(made(&facts.points[0], 1, "\"0a\"", 1));
    assert_eq!(fulls(&facts), [Cell::Count(0)], "its job knows better");
}

#[test]
fn nineteen_hours_between_two_points_are_more_than_four() {
    let facts = facts_of("acme", 0);
    let audit = report(Kind::PolicyAudit, &facts, Some("acme"));
    let found = [
        Cell::state(Level::Bad, "RPO not met"),
        Cell::state(Level::Warning, "never proved"),
        Cell::state(Level::Warning, "volumes excluded"),
    ];
    assert_eq!(column(&audit, "findings", "finding"), found);
    assert_eq!(column(&audit, "there", "gap"), [Cell::Span(19 * HOUR)]);
    assert_eq!(column(&audit, "there", "day"), [Cell::Count(2)]);
    assert_eq!(column(&audit, "there", "week"), [Cell::Count(1)]);
    assert_eq!(column(&audit, "there", "verified"), [Cell::Time(NOW - 40 * HOUR)]);
    assert_eq!(column(&audit, "policies", "retention"), texts(&["24 hourly, 14 daily"]));
    assert_eq!(column(&audit, "policies", "schedule"), texts(&["every 2h"]));
}

#[test]
fn what_retention_thinned_out_is_no_gap() {
    let mut facts = facts_of("acme", 0);
    facts.points = (0..14)
        .map(|number| point("mail of acme", 100 - number, NOW - u64::from(number) * 2 * HOUR, 1))
        .chain([point("mail of acme", 1, NOW - 47 * HOUR, 1)])
        .collect();
    let gap = |facts: &Facts| column(&report(Kind::PolicyAudit, facts, None), "there", "gap");
    assert_eq!(gap(&facts), [Cell::Span(2 * HOUR)]);
    facts.plan.systems[0].retention = plan::parse(EVERYTHING).plan.unwrap().systems[0].retention;
    assert_eq!(gap(&facts), [Cell::Span(21 * HOUR)], "nothing was thinned out");
}

/// A plan whose system keeps everything.
const EVERYTHING: &str = r#"
format = 1
[[client]]
name = "a"
zone = "UTC"
[[system]]
name = "a"
client = "a"
source = { kind = "push" }
rpo = "4h"
rto = "1h"
interval = "2h"
retention = { everything = true }
"#;

#[test]
fn retention_is_below_the_policy_once_there_was_time_to_fill_it() {
    let mut facts = facts_of("acme", 0);
    let word = Cell::state(Level::Bad, "retention below the policy");
    let found = |facts: &Facts| {
        let words = column(&report(Kind::PolicyAudit, facts, None), "findings", "finding");
        words.iter().filter(|found| **found == word).count()
    };
    assert_eq!(found(&facts), 0, "40 hours are less than twice 24");
    facts.points[0].created_at = NOW - 27 * DAY;
    assert_eq!(found(&facts), 1, "24 hourly, and not yet 14 daily");
    facts.points[0].created_at = NOW - 28 * DAY;
    assert_eq!(found(&facts), 2);
}

#[test]
fn usage_crosses_where_its_line_does() {
    let report = report(Kind::Usage, &facts_of("acme", 0), Some("acme"));
    let column = |key| column(&report, "usage", key);
    assert_eq!(column("measure"), texts(&["systems", "source", "stored"]));
    let states = [(Level::Good, "within"), (Level::Warning, "nearly"), (Level::Bad, "over")];
    assert_eq!(column("state"), states.map(|(level, word)| Cell::state(level, word)));
    // 5 GB in ten days: 15 in thirty, and the 10 GB that are left in twenty.
    assert_eq!(column("growth")[1], Cell::Change(15 * GB as i64));
    assert_eq!(column("crosses")[1], Cell::Time(NOW + 20 * DAY));
    assert_eq!(column("crosses")[0], Cell::Nothing("not in sight"));
    assert_eq!(column("over")[2], Cell::Change(GB as i64));
    let retention = super::make::column(&report, "retention", "state");
    assert_eq!(retention, [Cell::state(Level::Bad, "policy too short")]);
}

#[test]
fn without_readings_growth_is_told_from_recovery_points() {
    let mut facts = facts_of("acme", 0);
    facts.usage.clear();
    facts.points[0].created_at = NOW - 31 * DAY;
    let report = report(Kind::Usage, &facts, Some("acme"));
    // Of 71 GB 60 were there 30 days ago.
    assert_eq!(column(&report, "usage", "growth")[2], Cell::Change(11 * GB as i64));
    facts.contracts.push(Contract { systems: Some(0), ..Contract::default() });
    assert!(!super::make::report(Kind::Usage, &facts, None).json().is_empty());
}

#[test]
fn a_statement_has_what_was_done() {
    let report = report(Kind::Statement, &facts_of("acme", 0), Some("acme"));
    let total = |key| figure(&report, "totals", key);
    let counts = ["systems", "made", "failed", "verified", "restores", "breached", "alerts"];
    let counted = counts.map(total);
    assert_eq!(counted, [1, 3, 1, 1, 1, 1, 1].map(Cell::Count));
    assert_eq!(total("worked"), Cell::Span(2 * HOUR));
    assert_eq!(column(&report, "alerts", "lasted"), [Cell::Span(3 * HOUR)]);
    assert_eq!(column(&report, "alerts", "taken_on"), [Cell::Time(NOW - 4 * HOUR)]);
    assert_eq!(column(&report, "hours", "state"), [Cell::state(Level::Good, "within")]);
    let answer = Cell::state(Level::Bad, "breached by 5 minutes so far");
    assert_eq!(column(&report, "requests", "answer"), [answer]);
    let start = Cell::state(Level::Open, "due in 40 minutes");
    assert_eq!(column(&report, "requests", "start"), [start]);
    let ahead = Cell::state(Level::Good, "kept, 3 days 9 hours ahead");
    assert_eq!(column(&report, "notices", "state"), [ahead]);
}

#[test]
fn a_point_that_went_since_counts_as_made() {
    let mut facts = facts_of("acme", 0);
    facts.points.remove(1);
    let report = report(Kind::Statement, &facts, None);
    assert_eq!(figure(&report, "totals", "made"), Cell::Count(3));
    assert_eq!(column(&report, "protected", "points"), [Cell::Count(2)]);
}

#[test]
fn nothing_at_all_is_a_report_too() {
    for kind in Kind::ALL {
        let report = report(kind, &Facts::default(), None);
        assert!(report.html().ends_with("</html>\n") && !report.csv().is_empty(), "{kind}");
        assert!(report.json().contains(kind.as_str()));
    }
}

#[test]
fn points_in_the_future_are_counted_as_that() {
    let mut facts = facts_of("acme", 0);
    facts.points[2].created_at = NOW + 400 * DAY;
    facts.points[1].created_at = u64::MAX;
    let audit = report(Kind::PolicyAudit, &facts, None);
    assert_eq!(column(&audit, "there", "future"), [Cell::Count(2)]);
    // Not 40: what was made before these 24 hours, retention may have thinned out.
    assert_eq!(column(&audit, "there", "gap"), [Cell::Span(24 * HOUR)]);
    let found = column(&audit, "findings", "finding");
    assert!(found.contains(&Cell::state(Level::Warning, "clock was wrong")), "{found:?}");
    facts.points[0].created_at = u64::MAX;
    for kind in Kind::ALL {
        assert!(!report(kind, &facts, None).html().is_empty(), "{kind}");
    }
    assert!(report(Kind::Evidence, &facts, None).html().contains("after the year 9999"));
}

#[test]
fn a_table_ends_somewhere_and_says_so() {
    let mut facts = facts_of("acme", 0);
    let jobs = (0..3000).map(|number| job("mail of acme", number, JobState::Done, NOW - 60));
    facts.jobs = jobs.collect();
    let report = report(Kind::JobSummary, &facts, None);
    let Body::Table(table) = &report.sections[3].body else { panic!("a table") };
    assert_eq!((table.rows.len(), table.more), (ROWS_MAX, 500));
    assert_eq!(figure(&report, "totals", "ended"), Cell::Count(3000), "counted all the same");
    assert!(report.html().contains("<p>and 500 more</p>"));
    assert!(report.csv().contains("\r\nand 500 more\r\n"));
    facts.points = (0..200).map(|n| point("mail of acme", n, NOW - DAY, 1)).collect();
    let evidence = super::make::report(Kind::Evidence, &facts, None);
    assert_eq!(column(&evidence, "points", "point").len(), 10);
}

#[test]
fn times_have_the_offset_that_held_then() {
    let mut facts = facts_of("acme", 0);
    // The day before summer time ended in Berlin, and a day after.
    facts.points[0].verified_at = 1_792_843_200;
    let html = report(Kind::Evidence, &facts, Some("acme")).html();
    assert!(html.contains("2026-10-24 14:00:00 +02:00"), "{html}");
    assert!(html.contains("2026-11-25 12:00:00 +01:00"));
}

#[test]
fn evidence_ends_with_the_digest_of_its_json() {
    let report = report(Kind::Evidence, &facts_of("acme", 0), Some("acme"));
    let digest = blake3::hash(report.json().as_bytes()).to_hex().to_string();
    assert!(report.html().contains(&digest) && report.csv().trim_end().ends_with(&digest));
    assert_eq!(report.digest(), digest);
    let mut other = report.clone();
    other.made_at += 1;
    assert_ne!(other.digest(), digest);
}
