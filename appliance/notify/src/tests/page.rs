//! CHANNELS.md and the MIB say the same as the code.

use document::{Key, Level};

use crate::send::{ALERT, CLEARED, NUMBERS, OBJECTS, ROOT};
use crate::{MAX_NAMED, MAX_WAITING, MOST_TIME, SECTIONS, Settings};

const PAGE: &str = include_str!("../../CHANNELS.md");
const MIB: &str = include_str!("../../HOLDFAST-MIB.txt");

#[test]
fn the_page_has_every_key_as_it_is_and_no_other() {
    let rows =
        PAGE.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 7);
    let keys = SECTIONS.iter().flat_map(|section| section.keys);
    let expected: Vec<String> = keys.map(Key::row).collect();
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    for section in SECTIONS {
        assert!(PAGE.contains(&format!("## {}\n", section.name)), "{}", section.name);
    }
}

#[test]
fn the_example_of_the_page_is_settings_without_a_warning() {
    let (_, from) = PAGE.split_once("```toml\n").unwrap();
    let (example, _) = from.split_once("```").unwrap();
    let parsed = Settings::parse(example, None);
    assert!(parsed.settings.is_some() && parsed.problems.is_empty(), "{:#?}", parsed.problems);
}

/// Each key's example is read as what it is meant to be, whatever else the table lacks.
#[test]
fn the_example_of_each_key_can_be_read() {
    for section in &SECTIONS[1..] {
        for key in section.keys {
            let kind = match key.name {
                "url" | "secret" | "secret_file" => "webhook",
                "host" | "transport" | "facility" => "syslog",
                "community" => "snmp",
                _ => "email",
            };
            let kind = if section.name == "[[channel]]" && key.name != "kind" {
                format!("kind = \"{kind}\"\n")
            } else {
                String::new()
            };
            let text =
                format!("format = 1\n{}\n{kind}{} = {}\n", section.name, key.name, key.example);
            let parsed = Settings::parse(&text, None);
            let own = format!("`{}`", key.name);
            let known = ["\"(kept)\"", "[\"desk\"]"].contains(&key.example);
            let wrong = parsed
                .problems
                .iter()
                .find(|problem| problem.level == Level::Error && problem.what.starts_with(&own));
            let wrong = wrong.filter(|problem| {
                !problem.what.contains("names \"desk\"") && !problem.what.contains("no password")
            });
            assert!(wrong.is_none() || known, "{text}: {wrong:?}");
        }
    }
}

#[test]
fn bounds_of_the_page_are_those_of_the_code() {
    assert!(PAGE.contains(&format!("within {} seconds", MOST_TIME.as_secs())));
    assert!(PAGE.contains(&format!("At most {MAX_WAITING} wait")));
    assert_eq!(MAX_NAMED, 20, "the twenty worst");
}

#[test]
fn the_mib_names_every_object_that_a_trap_carries() {
    assert_eq!(ROOT, [1, 3, 6, 1, 3, 32473]);
    assert!(MIB.contains("::= { experimental 32473 }"));
    for (number, field) in OBJECTS {
        let words = field.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
        let name = format!("hf{}", words.collect::<String>());
        let (_, definition) = MIB.split_once(&format!("\n{name} OBJECT-TYPE\n")).unwrap();
        let (definition, _) = definition.split_once("\n\n").unwrap();
        let number_type = definition.contains("Integer32");
        assert_eq!(number_type, NUMBERS.contains(&field), "{name}");
        assert!(definition.ends_with(&format!("::= {{ hfObjects {number} }}")), "{name}");
    }
    assert_eq!(MIB.matches(" OBJECT-TYPE\n").count(), OBJECTS.len());
    for (name, number) in [("hfAlert", ALERT), ("hfCleared", CLEARED)] {
        let (_, definition) = MIB.split_once(&format!("\n{name} NOTIFICATION-TYPE\n")).unwrap();
        assert!(definition.contains(&format!("::= {{ hfNotifications {number} }}")), "{name}");
    }
}
