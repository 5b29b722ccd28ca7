//! The known word that somebody probably meant.

/// More edits than this are another word, not a slip.
const EDITS_MAX: usize = 3;

/// The entry of `known` that differs least from `word`, if one is near enough.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = |other: &&str| distance(word, other);
    let best = known.map(|other| (far(&other), other)).min_by_key(|(edits, _)| *edits)?;
    (best.0 <= EDITS_MAX && best.0 < best.1.len()).then_some(best.1)
}

/// Characters to insert, drop or change (Levenshtein), by rows of the usual table. What follows
/// the length of any known word changes nothing.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(right.chars().count() + EDITS_MAX + 1).collect();
    let mut row: Vec<usize> = (0..=left.len()).collect();
    for (above, to) in right.chars().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        for (place, from) in row.iter_mut().zip(std::iter::once(None).chain(left.iter().map(Some)))
        {
            let up = *place;
            if let Some(from) = from {
                let changed = diagonal + usize::from(*from != to);
                before = changed.min(up + 1).min(before + 1);
            }
            diagonal = up;
            *place = before;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        let cases = [("", "", 0), ("a", "", 1), ("", "ab", 2), ("duty", "duty", 0)];
        let more = [("dutty", "duty", 1), ("kitten", "sitting", 3), ("flaw", "lawn", 2)];
        for (left, right, edits) in cases.into_iter().chain(more) {
            assert_eq!(distance(left, right), edits, "{left} {right}");
        }
    }

    #[test]
    fn a_slip_finds_its_word_and_nonsense_none() {
        let known = ["duty_percent", "run_for_seconds", "new"];
        assert_eq!(nearest("duty_precent", known.into_iter()), Some("duty_percent"));
        assert_eq!(nearest("New", known.into_iter()), Some("new"));
        assert_eq!(nearest("xyz", known.into_iter()), None);
        assert_eq!(nearest(&"n".repeat(1 << 20), known.into_iter()), None);
    }
}
