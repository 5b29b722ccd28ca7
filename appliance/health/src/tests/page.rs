//! ALERTS.md says the same as the table.

use crate::AlertCode;

const PAGE: &str = include_str!("../../ALERTS.md");

/// What the page has of a code.
fn entry(code: AlertCode) -> String {
    let hold = match code.hold_minutes() {
        0 => String::new(),
        minutes if minutes % 60 == 0 => format!(", for {} h", minutes / 60),
        minutes => format!(", for {minutes} min"),
    };
    format!(
        "| `{code}` | {} | {} | {} | {} | {} | {}{hold} | `{:032x}` |",
        code.title(),
        code.severity(),
        code.side(),
        code.cause(),
        code.next(),
        code.clears(),
        code.message_id(),
    )
}

#[test]
fn the_page_has_every_code_as_it_is_and_no_other() {
    let rows: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = AlertCode::ALL.iter().map(|code| entry(*code)).collect();
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row, expected);
    }
    assert_eq!(rows.len(), expected.len());
}
