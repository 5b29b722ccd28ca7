//! Names that people give, and the nearest known one to a slip of the finger.

/// Most characters of a name, a path or an address.
const MAX_TEXT: usize = 255;

/// Whether a text may stand in a plan: it is shown in tables, logs and mails.
pub fn is_text(text: &str) -> bool {
    let length = text.chars().count();
    let fits = (1..=MAX_TEXT).contains(&length) && text.trim() == text;
    fits && !text.chars().any(char::is_control)
}

/// The known name that is nearest to `name`, if it is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer than any known name by far: nothing is meant.
    let name: Vec<char> = name.chars().take(64).collect();
    let distances = known.into_iter().map(|known| (distance(&name, known), known));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + nearest.chars().count() / 3).then_some(nearest)
}

/// Levenshtein's: so many characters are put in, taken out or changed.
fn distance(from: &[char], to: &str) -> usize {
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (number, character) in (1..).zip(to.chars()) {
        let (mut left, mut next) = (number, vec![number]);
        for (pair, other) in row.windows(2).zip(from) {
            let [diagonal, above] = pair else { continue };
            let change = diagonal + usize::from(*other != character);
            left = change.min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_what_was_meant_and_nonsense_nothing() {
        let known = ["retention", "rpo", "rto", "interval", "windows"];
        assert_eq!(nearest("retenton", known), Some("retention"));
        assert_eq!(nearest("window", known), Some("windows"));
        assert_eq!(nearest("rop", known), Some("rpo"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn distances_count_single_changes() {
        let distance = |from: &str, to| distance(&from.chars().collect::<Vec<_>>(), to);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}
