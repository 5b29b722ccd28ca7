//! Small readers, strict enough to find what opens or ends something that it should not.

/// Elements of a report, and whether they have an end.
const ELEMENTS: [(&str, bool); 25] = [
    ("html", true),
    ("head", true),
    ("meta", false),
    ("title", true),
    ("style", true),
    ("body", true),
    ("header", true),
    ("main", true),
    ("footer", true),
    ("section", true),
    ("h1", true),
    ("h2", true),
    ("p", true),
    ("dl", true),
    ("dt", true),
    ("dd", true),
    ("table", true),
    ("caption", true),
    ("thead", true),
    ("tbody", true),
    ("tr", true),
    ("th", true),
    ("td", true),
    ("bdi", true),
    ("br", false),
];

/// Records of RFC 4180; panics on what it does not allow.
pub(super) fn csv(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let (mut record, mut field) = (Vec::new(), String::new());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' if field.is_empty() => {
                quoted(&mut rest, &mut field);
                assert!(matches!(rest.peek(), Some(',' | '\r')), "after a quote: {field:?}");
            }
            ',' => record.push(std::mem::take(&mut field)),
            '\r' => {
                assert_eq!(rest.next(), Some('\n'), "a bare carriage return");
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => {
                assert!(!matches!(other, '\n' | '"'), "{other:?} outside of quotes");
                field.push(other);
            }
        }
    }
    assert!(record.is_empty() && field.is_empty(), "the last record has no end");
    records
}

fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, field: &mut String) {
    loop {
        match rest.next() {
            Some('"') if rest.peek() == Some(&'"') => {
                rest.next();
                field.push('"');
            }
            Some('"') => return,
            Some(other) => field.push(other),
            None => panic!("a quote without an end"),
        }
    }
}

/// Checks that each element that begins ends, in the right order; gives their names.
pub(super) fn html(text: &str) -> Vec<String> {
    let body = text.strip_prefix("<!DOCTYPE html>\n").expect("a doctype");
    let (mut open, mut names): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut rest = body;
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains(['>', '"', '\'']) || in_style(&open), "{}", &rest[..at]);
        let (tag, after) = rest[at + 1..].split_once('>').expect("a tag without an end");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "before {after:.80}");
            continue;
        }
        let name = tag.split(' ').next().unwrap_or_default();
        let known = ELEMENTS.iter().chain(&[("code", true), ("span", true)]);
        let (_, has_end) = known.into_iter().find(|(known, _)| *known == name).expect(name);
        attributes(&tag[name.len()..]);
        names.push(name.to_owned());
        if *has_end {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?} has no end");
    names
}

fn in_style(open: &[String]) -> bool {
    open.last().is_some_and(|name| name == "style")
}

/// Only those that a report has, with values in quotes.
fn attributes(text: &str) {
    let known = ["lang", "charset", "name", "content", "scope", "class"];
    for attribute in text.split_whitespace() {
        let (name, value) = attribute.split_once('=').expect(text);
        assert!(known.contains(&name), "{text}");
        assert!(value.len() >= 2 && value.starts_with('"') && value.ends_with('"'), "{text}");
    }
}
