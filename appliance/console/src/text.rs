//! Text as a terminal can take it. What others wrote goes through here before it is drawn.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands where a character was that must not, or cannot, reach the terminal.
const REPLACED: char = '?';

/// Stands at the end of what was cut.
const CUT: char = '~';

/// Most characters of one text that are looked at: more than any terminal shows.
const MOST: usize = 16 << 10;

/// The text without anything that a terminal would obey, and without anything that changes the
/// direction or the place of what stands beside it.
pub(crate) fn clean(text: &str, ascii: bool) -> String {
    let allowed = |c: char| match ascii {
        true => c.is_ascii_graphic() || c == ' ',
        // What has no width joins itself to its neighbours, or turns them round.
        false => c.width().is_some_and(|width| width > 0),
    };
    text.chars().take(MOST).map(|c| if allowed(c) { c } else { REPLACED }).collect()
}

/// As much of a clean text as fits into so many columns.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut kept = String::with_capacity(columns);
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        kept.push(c);
    }
    if columns > 0 {
        kept.push(CUT);
    }
    kept
}

/// The text cut or filled up to so many columns, for tables.
pub(crate) fn column(text: &str, columns: usize) -> String {
    let mut kept = cut(&clean(text, false), columns);
    let width = kept.width();
    kept.extend(std::iter::repeat_n(' ', columns.saturating_sub(width)));
    kept
}

/// Lines of at most so many columns. Words that are longer are cut into pieces.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let looked_at: String = text.chars().take(MOST).collect();
    for word in looked_at.split_whitespace().flat_map(|word| pieces(word, columns)) {
        if !line.is_empty() && line.width() + 1 + word.width() > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

fn pieces(word: &str, columns: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut room = columns;
    for c in clean(word, false).chars() {
        let width = c.width().unwrap_or(0);
        if width > room {
            pieces.push(String::new());
            room = columns;
        }
        room = room.saturating_sub(width);
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces
}

/// A duration by its largest unit, as in `3 min`.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How long ago something was, by the clock on the wall; 0 stands for never.
pub(crate) fn ago(now: u64, then: u64) -> String {
    match then {
        0 => "never".to_owned(),
        // The clock was set back, or runs ahead where it was made.
        then if then > now => "just now".to_owned(),
        then => format!("{} ago", duration(now - then)),
    }
}

/// An instant to the second, in UTC.
pub(crate) fn instant(seconds: u64) -> String {
    let stamp = i64::try_from(seconds).ok().and_then(|at| Timestamp::from_second(at).ok());
    let shown = stamp.map(|stamp| stamp.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC"));
    shown.map_or_else(|| "never".to_owned(), |shown| shown.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile = "a\x1b[2J\x07b\u{9b}31m\u{202e}c\r\n\u{200b}";
        assert_eq!(clean(hostile, false), "a?[2J?b?31m?c???");
        assert_eq!(clean("größe 大", true), "gr??e ?");
        assert_eq!(clean("größe 大", false), "größe 大");
    }

    #[test]
    fn what_does_not_fit_is_cut_by_columns_and_says_so() {
        assert_eq!(cut("hello", 5), "hello");
        assert_eq!(cut("hello!", 5), "hell~");
        assert_eq!(cut("大大大", 5), "大大~");
        assert_eq!(cut("大大大", 4), "大~");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(column("ab", 4), "ab  ");
    }

    #[test]
    fn times_are_told_by_their_largest_unit() {
        assert_eq!(ago(1_000, 0), "never");
        assert_eq!(ago(1_000, 2_000), "just now");
        assert_eq!(ago(10_000, 9_990), "10 s ago");
        assert_eq!(ago(100_000, 90_000), "2 h ago");
        assert_eq!(instant(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(instant(u64::MAX), "never");
    }

    proptest! {
        #[test]
        fn any_text_is_cut_and_wrapped_to_its_columns(text: String, columns in 8..100usize) {
            prop_assert!(cut(&clean(&text, false), columns).width() <= columns);
            for line in wrapped(&text, columns) {
                prop_assert!(line.width() <= columns, "{line:?}");
                prop_assert!(!line.chars().any(char::is_control));
            }
        }
    }
}
