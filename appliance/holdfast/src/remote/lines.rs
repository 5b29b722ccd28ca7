//! Lines that fit a terminal.

/// Columns of the narrowest terminal that anybody has.
const WIDTH: usize = 80;

/// Words filled to the width, each line behind `indent` spaces. A word that is too long stands
/// alone.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        let needed = indent + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && needed > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    let space = " ".repeat(indent);
    lines.iter().map(|line| format!("{space}{line}")).collect::<Vec<_>>().join("\n")
}

/// The first characters of a text, as many as there is room for.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A time for people, to the minute; `-` for never.
pub(super) fn minute(seconds: u64) -> String {
    match seconds {
        0 => "-".to_owned(),
        seconds => {
            let text = model::WallTime(seconds).to_string();
            text.get(..16).unwrap_or(&text).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_a_terminal_but_for_one_word() {
        let text = "a bitmap lies ".repeat(20) + &"x".repeat(100) + " end";
        let lines = wrapped(&text, 6);
        let wide: Vec<&str> = lines.lines().filter(|l| l.chars().count() > WIDTH).collect();
        assert_eq!(wide, [format!("      {}", "x".repeat(100))]);
        assert!(lines.ends_with("      end"), "{lines}");
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!((cut("größer", 6).as_str(), cut("größer", 4).as_str()), ("größer", "grö…"));
        assert_eq!((minute(0).as_str(), minute(86_400).as_str()), ("-", "1970-01-02 00:00"));
    }
}
