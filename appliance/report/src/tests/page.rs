//! REPORTS.md says what kinds, sections and columns there are, and no other.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::make::{facts_of, joined, report};
use crate::{Body, Kind, SectionSpec, Shape};

const PAGE: &str = include_str!("../../REPORTS.md");

const MARK: &str = "<!-- made: kinds -->\n";

fn section(page: &mut String, spec: &SectionSpec) {
    let shape = match spec.shape {
        Shape::Figures => "figures",
        Shape::Table => "table",
    };
    let whole = if spec.whole_only { ", for the whole appliance only" } else { "" };
    let (heading, key, about) = (spec.heading, spec.key, wrapped(spec.about));
    write!(page, "\n### {heading} (`{key}`, {shape}{whole})\n\n{about}\n").unwrap();
    page.push_str("| key | title | type | from | meaning |\n|---|---|---|---|---|\n");
    for field in spec.fields {
        let (key, title, kind) = (field.key, field.title, field.kind.as_str());
        let (source, meaning) = (field.source, field.meaning);
        writeln!(page, "| `{key}` | {title} | {kind} | {source} | {meaning} |").unwrap();
    }
}

/// In lines of at most 120 characters.
fn wrapped(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split(' ') {
        if line.len() + word.len() + 1 > 120 {
            lines += &format!("{line}\n");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines + &line + "\n"
}

fn made() -> String {
    let mut page = String::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for kind in Kind::ALL {
        let (title, cadence) = (kind.title(), kind.cadence().as_str());
        write!(page, "\n## {title} (`{kind}`, {cadence})\n").unwrap();
        for spec in kind.sections() {
            let first = told.insert(spec.about);
            match first {
                true => section(&mut page, spec),
                false => {
                    let (heading, key) = (spec.heading, spec.key);
                    write!(page, "\n### {heading} (`{key}`): as above\n").unwrap();
                }
            }
        }
    }
    page
}

#[test]
fn the_page_has_every_kind_section_and_column() {
    let (_, page) = PAGE.split_once(MARK).expect("the mark");
    let made = made();
    assert!(page == made, "the page is to go on with:\n{made}");
}

#[test]
fn reports_have_the_sections_and_cells_that_are_described() {
    let facts = joined(facts_of("acme", 0), facts_of("other", 100));
    for (kind, client) in
        Kind::ALL.into_iter().flat_map(|kind| [(kind, None), (kind, Some("acme"))])
    {
        let report = report(kind, &facts, client);
        let described = kind.sections().iter().filter(|spec| client.is_none() || !spec.whole_only);
        let keys: Vec<&str> = report.sections.iter().map(|section| section.spec.key).collect();
        assert_eq!(keys, described.map(|spec| spec.key).collect::<Vec<_>>(), "{kind}");
        for section in &report.sections {
            let rows = match (&section.body, section.spec.shape) {
                (Body::Figures(cells), Shape::Figures) => vec![cells.clone()],
                (Body::Table(table), Shape::Table) => table.rows.clone(),
                _ => panic!("{kind}: {} has another shape", section.spec.key),
            };
            for row in rows {
                assert_eq!(row.len(), section.spec.fields.len(), "{kind}: {}", section.spec.key);
                for (cell, field) in row.iter().zip(section.spec.fields) {
                    assert!(cell.fits(field.kind), "{kind}: {}: {cell:?}", field.key);
                }
            }
        }
    }
}

#[test]
fn kinds_and_keys_are_told_apart() {
    let words: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        let keys: BTreeSet<&str> = kind.sections().iter().map(|spec| spec.key).collect();
        assert_eq!(keys.len(), kind.sections().len(), "{kind}");
        for spec in kind.sections() {
            let keys: BTreeSet<&str> = spec.fields.iter().map(|field| field.key).collect();
            assert_eq!(keys.len(), spec.fields.len(), "{kind}: {}", spec.key);
        }
    }
    assert!("jobs".parse::<Kind>().is_err());
}
