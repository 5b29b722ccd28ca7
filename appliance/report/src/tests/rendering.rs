//! Whatever stands in names and causes, each form of a report can be read back.

use proptest::prelude::*;
use serde_json::Value;

use super::make::{facts_of, report};
use super::{clients, readers};
use crate::{Body, Cell, Facts, Kind, Report};

/// Texts that mean something to somebody.
const HOSTILE: [&str; 16] = [
    "<script>alert(1)</script>",
    "</td></table></style>",
    "\" onload=\"x",
    "' & &amp; <!--",
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2",
    "@SUM(A1)",
    "\t=x",
    "\r\n=x",
    " =x",
    "a\nb,c\"d\"\r",
    "\u{0}\u{1b}[31m\u{7f}",
    "\u{202e}gpj.exe\u{200f}",
    "\u{ff1d}x \u{ffff}",
    "שלום",
];

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned), any::<String>()]
}

/// Facts in which a text stands wherever somebody else's text can.
fn with(text: &str) -> Facts {
    let mut facts = facts_of("acme", 0);
    facts.appliance = text.into();
    for name in [&mut facts.plan.clients[0].name, &mut facts.systems[0].name] {
        *name = text.into();
    }
    (facts.plan.systems[0].name, facts.plan.systems[0].client) = (text.into(), text.into());
    facts.plan.systems[0].excluded = vec![text.into()];
    facts.systems[0].client = text.into();
    facts.systems[0].pause_reason = text.into();
    facts.points.iter_mut().for_each(|point| point.consistency = text.into());
    for job in &mut facts.jobs {
        (job.subject, job.cause, job.next_step) = (text.into(), text.into(), text.into());
    }
    let alert = &mut facts.alerts[0].alert;
    (alert.client, alert.cause, alert.subject) = (text.into(), text.into(), text.into());
    (alert.code, alert.acknowledged_by) = (text.into(), text.into());
    let request = &mut facts.requests[0];
    (request.client, request.system, request.ticket) = (text.into(), text.into(), text.into());
    let notice = &mut facts.notices[0];
    (notice.what, notice.reason, notice.emergency) = (text.into(), text.into(), Some(text.into()));
    notice.clients = vec![text.into()];
    (facts.contracts[0].client, facts.contracts[0].tier) = (text.into(), text.into());
    (facts.work[0].client, facts.work[0].what) = (text.into(), text.into());
    facts
}

fn check_html(report: &Report) {
    let names = readers::html(&report.html());
    let count = |name: &str| names.iter().filter(|one| *one == name).count();
    assert_eq!((count("h1"), count("h2")), (1, report.sections.len()));
    assert_eq!((count("table"), count("table")), (count("caption"), count("thead")));
    assert_eq!((count("title"), count("style")), (1, 1));
}

fn check_csv(report: &Report) {
    let records = readers::csv(&report.csv());
    let mut rest = records.split(|record| *record == [""]).skip(1);
    for section in &report.sections {
        let table = rest.next().expect("a table for each section");
        assert_eq!(table[0], [section.spec.heading]);
        let (rows, width) = match &section.body {
            Body::Figures(cells) => (cells.len(), 2),
            Body::Table(table) => (table.rows.len(), section.spec.fields.len()),
        };
        assert_eq!(table.len(), rows + 2, "{}", section.spec.key);
        assert!(table[1..].iter().all(|record| record.len() == width));
    }
    let formula = |field: &str| {
        let number = field.strip_prefix('-').unwrap_or(field).parse::<u64>().is_ok();
        !number && field.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\n'])
    };
    assert!(!records.iter().flatten().any(|field| formula(field)), "{records:?}");
    let controls = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || c == '\u{202e}';
    assert!(!records.iter().flatten().any(|field| field.contains(controls)));
}

fn check_json(report: &Report) {
    let read: Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(read["kind"], report.kind.as_str());
    assert_eq!(read["made_at"]["unix"], report.made_at);
    for (section, read) in report.sections.iter().zip(read["sections"].as_array().unwrap()) {
        let fields = section.spec.fields;
        let same = |cells: &[Cell], read: &Value| {
            assert_eq!(read.as_object().unwrap().len(), fields.len());
            for (field, cell) in fields.iter().zip(cells) {
                check_value(cell, &read[field.key]);
            }
        };
        match &section.body {
            Body::Figures(cells) => same(cells, &read["figures"]),
            Body::Table(table) => {
                let rows = read["rows"].as_array().unwrap();
                assert_eq!((rows.len(), &read["more"]), (table.rows.len(), &table.more.into()));
                table.rows.iter().zip(rows).for_each(|(cells, row)| same(cells, row));
            }
        }
    }
}

fn check_value(cell: &Cell, read: &Value) {
    match cell {
        Cell::Nothing(_) => assert!(read.is_null()),
        Cell::Text(text) => assert_eq!(read, text),
        Cell::Bytes(number) | Cell::Span(number) | Cell::Count(number) => assert_eq!(read, number),
        Cell::Change(number) => assert_eq!(read, number),
        Cell::Time(at) => assert_eq!(read["unix"], *at),
        Cell::Share { part, whole } => {
            assert_eq!((&read["part"], &read["whole"]), (&(*part).into(), &(*whole).into()));
        }
        Cell::State(level, word) => {
            assert_eq!((&read["level"], &read["word"]), (&level.as_str().into(), &word[..].into()));
        }
    }
}

fn check(facts: &Facts, client: Option<&str>) {
    for kind in Kind::ALL {
        let report = report(kind, facts, client);
        check_html(&report);
        check_csv(&report);
        check_json(&report);
    }
}

#[test]
fn every_form_of_every_kind_reads_back() {
    check(&facts_of("acme", 0), None);
    check(&clients::both(), None);
    check(&Facts::default(), None);
    for text in HOSTILE {
        check(&with(text), Some(text));
        check(&with(text), None);
    }
}

#[test]
fn what_a_spreadsheet_would_run_is_a_text() {
    let csv = report(Kind::JobSummary, &with("=HYPERLINK(\"x\")"), None).csv();
    assert!(csv.contains("\"'=HYPERLINK(\"\"x\"\")\""), "{csv}");
    let html = report(Kind::JobSummary, &with("a\u{202e}b\u{0}"), None).html();
    assert!(html.contains("<bdi>a[U+202E]b\u{fffd}</bdi>"), "{html}");
}

#[test]
fn a_long_text_is_cut() {
    let report = report(Kind::JobSummary, &with(&"ü".repeat(100_000)), None);
    assert!(report.csv().len() < 100_000, "{}", report.csv().len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_text_every_form_reads_back(text in hostile()) {
        check(&with(&text), Some(&text));
    }

    #[test]
    fn whatever_the_outcome_of_a_job_there_is_a_report(text in any::<String>()) {
        let mut facts = facts_of("acme", 0);
        for job in &mut facts.jobs {
            job.outcome.push_str(&text);
        }
        facts.jobs[0].outcome = text;
        report(Kind::Sizes, &facts, None);
    }
}
