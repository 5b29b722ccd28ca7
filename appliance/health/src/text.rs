//! Sentences from templates and facts.
//!
//! Facts come from disks, protected systems and servers: before a fact stands in a sentence, a
//! journal field or a mail it is cut to a bound and rid of what is no text.

/// Most characters of a fact: enough for an error message, too few to fill a journal.
pub(crate) const MAX_FACT: usize = 240;

/// The text on one line, without control characters, at most [`MAX_FACT`] characters long.
pub(crate) fn clean(text: &str) -> String {
    let shown = |character| if is_shown(character) { character } else { ' ' };
    let line: String = text.chars().take(MAX_FACT + 1).map(shown).collect();
    let line = line.trim();
    match line.char_indices().nth(MAX_FACT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// Not what moves the cursor, and not what turns the direction of writing around.
fn is_shown(character: char) -> bool {
    let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}');
    !character.is_control() && !turns
}

/// The template with each `{name}` replaced by the fact of that name. What a fact brings is not
/// looked at again. A name without a fact stays, which the tests over all codes rule out.
pub(crate) fn fill<'a>(template: &str, fact: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, from)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, after)) = from.split_once('}') else {
            text.push('{');
            rest = from;
            continue;
        };
        match fact(name) {
            Some(value) => text.push_str(value),
            None => text.extend(["{", name, "}"]),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_stand_where_their_names_stood_and_are_not_templates() {
        let fact = |name: &str| match name {
            "a" => Some("{b}"),
            "b" => Some("2"),
            _ => None,
        };
        assert_eq!(fill("{a} and {b}, {c", fact), "{b} and 2, {c");
        assert_eq!(fill("{d}", fact), "{d}");
    }

    #[test]
    fn hostile_text_is_cut_and_stays_on_its_line() {
        assert_eq!(clean(" two\nlines\u{202e}\u{7} "), "two lines");
        assert_eq!(clean(&"é".repeat(1000)).chars().count(), MAX_FACT + 1);
    }
}
