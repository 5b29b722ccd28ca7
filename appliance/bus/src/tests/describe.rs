//! BUS.md: the parts between marks are made from the tables, so that every member is described.

use std::fmt::Write;
use std::path::Path;

use super::interfaces::{committed, hold_against};
use super::xml::tags;
use crate::Action;
use crate::RefusalKind;
use crate::method::{Argument, Method};
use crate::object::{INTERFACES, Interface};
use crate::view::{Changes, Property};

/// Columns of the text.
const WIDTH: usize = 100;

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("BUS.md")
}

#[test]
fn the_committed_manual_is_up_to_date() {
    let text = std::fs::read_to_string(path()).unwrap();
    let mut expected = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line == "<!-- end -->" {
            inside = false;
        }
        if !inside {
            expected.push_str(line);
            expected.push('\n');
        }
        if let Some(part) = line.strip_prefix("<!-- made: ").and_then(|l| l.strip_suffix(" -->")) {
            inside = true;
            expected.push_str(&made(part));
        }
    }
    hold_against(&path(), &expected);
}

#[test]
fn every_member_and_error_of_the_descriptions_is_described() {
    let text = std::fs::read_to_string(path()).unwrap();
    let mut section = "";
    let mut members = 0;
    for (name, xml) in committed() {
        let heading = format!("## {name}\n");
        section = text.split(&heading).nth(1).unwrap_or_else(|| panic!("no section {name}"));
        section = section.split("\n## ").next().unwrap_or_default();
        for tag in tags(&xml) {
            if ["method", "signal", "property"].contains(&tag.name.as_str()) {
                let mark = format!("**{}**", tag.get("name"));
                assert!(section.contains(&mark), "{name}: {mark} is not described");
                members += 1;
            }
        }
    }
    assert!(members > 150 && !section.is_empty(), "{members}");
    for kind in RefusalKind::ALL {
        assert!(text.contains(kind.name()), "{} is not described", kind.name());
    }
    for action in Action::ALL {
        assert!(text.contains(action.id()), "{} is not described", action.id());
    }
}

fn made(part: &str) -> String {
    if part == "errors" {
        let errors = RefusalKind::ALL.iter();
        return errors.map(|kind| item(&format!("`{}`: {}", kind.name(), kind.about()))).collect();
    }
    let interface = INTERFACES.iter().find(|interface| interface.name == part);
    described(interface.unwrap_or_else(|| panic!("there is no part {part}")))
}

fn described(interface: &Interface) -> String {
    let mut text = format!("\n{}\n", wrapped(interface.about, ""));
    if !interface.methods.is_empty() {
        text.push_str("\n### Methods\n\n");
        interface.methods.iter().for_each(|method| text.push_str(&of_method(method)));
    }
    if !interface.signals.is_empty() {
        text.push_str("\n### Signals\n\n");
        for signal in interface.signals {
            let gives = arguments(signal.gives);
            text.push_str(&item(&format!("**{}**({gives}): {}", signal.name, signal.about)));
        }
    }
    text.push_str("\n### Properties\n\n");
    interface.properties.iter().for_each(|property| text.push_str(&of_property(property)));
    text.push('\n');
    text
}

fn of_method(method: &Method) -> String {
    let (name, takes, about) = (method.name, arguments(method.takes), method.about);
    let gives = match method.gives {
        [] => String::new(),
        gives => format!(" → {}", arguments(gives)),
    };
    let leave = match method.action {
        Some(action) => format!("Needs leave for `{}`.", action.id()),
        None => "Only reads: needs no leave.".into(),
    };
    let mut text = item(&format!("**{name}**({takes}){gives}: {about} {leave}"));
    for option in method.options {
        let about = format!("- `{}` ({}): {}", option.name, option.signature, option.about);
        let _ = writeln!(text, "{}", wrapped(&about, "  "));
    }
    text
}

fn of_property(property: &Property) -> String {
    let changes = match property.changes {
        Changes::Constant => ", never changes",
        Changes::State => "",
        Changes::Progress => ", progress",
    };
    let words = match property.words {
        [] => String::new(),
        words => format!(" One of `{}`.", words.join("`, `")),
    };
    let (name, signature, about) = (property.name, property.signature, property.about.trim());
    item(&format!("**{name}** ({signature}{changes}): {about}{words}"))
}

fn arguments(arguments: &[Argument]) -> String {
    let shown = arguments.iter().map(|(name, signature)| format!("{signature} {name}"));
    shown.collect::<Vec<_>>().join(", ")
}

fn item(text: &str) -> String {
    format!("{}\n", wrapped(&format!("- {text}"), ""))
}

/// Filled to the width. Lines after the first stand below the text of a list item.
fn wrapped(text: &str, indent: &str) -> String {
    let hanging = if text.starts_with("- ") { "  " } else { "" };
    let mut lines: Vec<String> = Vec::new();
    let mut line = indent.to_owned();
    for word in text.split_whitespace() {
        let fits = line.chars().count() + 1 + word.chars().count() <= WIDTH;
        if !line.trim().is_empty() && !fits {
            lines.push(std::mem::replace(&mut line, format!("{indent}{hanging}")));
        }
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}
