//! PLAN.md says the same as the reader takes, and its examples can be read.

use crate::{Key, SECTIONS, Section, parse};

const PAGE: &str = include_str!("../../PLAN.md");

/// Keys and values of one section.
type Base<'a> = &'a [(&'a str, &'a str)];

/// The lines of a section; in the key's own with its example.
fn lines(example: (&Section, &Key), of: &str, base: Base<'_>) -> Vec<String> {
    let (section, key) = example;
    let here = of == section.name;
    let kept = base.iter().filter(|(name, _)| !(here && drops(key.name, name)));
    let mut lines: Vec<String> = kept.map(|(name, value)| format!("{name} = {value}")).collect();
    if here {
        lines.push(format!("{} = {}", key.name, key.example));
    }
    lines
}

/// A document in which each section stands, with this key as its example has it.
fn document(section: &Section, key: &Key) -> String {
    let lines = |of: &str, base: Base<'_>| lines((section, key), of, base);
    let table = |of: &str, base: Base<'_>| format!("{{ {} }}", lines(of, base).join(", "));
    let retry = table("[client.retry]", &[("count", "1")]);
    let source = table("[system.source]", source_of(key.name));
    let retention = table("[system.retention]", &[("daily", "1")]);
    let window = table("a window as a table", &[("when", "\"daily 01:00-03:00\"")]);
    let windows = format!("[{window}]");
    let task = table("[maintenance.scrub] and the other tasks", &[]);
    let client = [("name", "\"acme\""), ("zone", "\"UTC\""), ("retry", &retry)];
    let system = [
        ("name", "\"files\""),
        ("client", "\"acme\""),
        ("source", &source),
        ("rpo", "\"2d\""),
        ("rto", "\"2d\""),
        ("interval", "\"2h\""),
        ("windows", &windows),
        ("retention", &retention),
    ];
    let mut document = lines("top level", &[("format", "1")]);
    let tables: [(&str, Base<'_>); 4] = [
        ("[[client]]", &client),
        ("[[system]]", &system),
        ("[maintenance]", &[("scrub", &task)]),
        ("[limits]", &[]),
    ];
    for (head, base) in tables.into_iter().filter(|(head, _)| stands(section, key, head)) {
        document.push(head.to_owned());
        document.extend(lines(head, base));
    }
    document.join("\n")
}

/// Whether a table stands beside the example: not one that the top level gives itself, and no
/// systems without clients.
fn stands(section: &Section, key: &Key, head: &str) -> bool {
    let name = head.trim_matches(['[', ']']);
    let given = section.name == "top level";
    !given || (key.name != name && !(key.name == "client" && name == "system"))
}

/// Whether a key of the base gives way to the example.
fn drops(example: &str, base: &str) -> bool {
    let instead = [("times", "interval"), ("everything", "daily")];
    example == base || instead.contains(&(example, base))
}

/// The rest of a source that has a key.
fn source_of(key: &str) -> &'static [(&'static str, &'static str)] {
    match key {
        "kind" => &[("path", "\"/x\"")],
        "path" => &[("kind", "\"image\"")],
        "uri" => &[("kind", "\"nbd\"")],
        "domain" | "disks" => &[("kind", "\"libvirt\""), ("domain", "\"x\"")],
        "socket" => &[("kind", "\"qmp\"")],
        "guest-agent" => &[("kind", "\"qmp\""), ("socket", "\"/x\"")],
        "volumes" => &[("kind", "\"agent\"")],
        _ => &[("kind", "\"push\"")],
    }
}

#[test]
fn the_page_has_every_key_as_it_is_and_no_other() {
    let rows: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `")).collect();
    let keys = SECTIONS.iter().flat_map(|section| section.keys);
    let expected: Vec<String> = keys.map(Key::row).collect();
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row, expected);
    }
    assert_eq!(rows.len(), expected.len());
    for section in SECTIONS {
        assert!(PAGE.contains(&format!("## {}\n", section.name)), "{}", section.name);
    }
}

#[test]
fn the_example_of_each_key_can_be_read() {
    for section in SECTIONS {
        for key in section.keys {
            let document = document(section, key);
            let parsed = parse(&document);
            assert!(
                parsed.plan.is_some(),
                "{} of {}: {:#?}\n{document}",
                key.name,
                section.name,
                parsed.problems
            );
        }
    }
}

#[test]
fn the_whole_example_of_the_page_is_a_plan_without_a_warning() {
    let (_, from) = PAGE.split_once("```toml\n").unwrap();
    let (example, _) = from.split_once("```").unwrap();
    let parsed = parse(example);
    assert!(parsed.plan.is_some() && parsed.problems.is_empty(), "{:#?}", parsed.problems);
}
