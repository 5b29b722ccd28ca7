//! Claiming the box: the code that its owner types.

use qrcode::{Color, EcLevel, QrCode};
use unicode_width::UnicodeWidthStr;

use super::{Page, Row};
use crate::claim::{Claim, Open};
use crate::key::Key;
use crate::state::{Console, Effect};
use crate::text;

/// Columns of the text beside the picture.
const TEXT: usize = 37;

/// Lines that a page has on the usual terminal.
const LINES: usize = 21;

/// Light modules around the picture; scanners want four and take two.
const MARGINS: [usize; 2] = [4, 2];

pub(super) fn press(console: &mut Console, key: Key) -> Option<Effect> {
    match (key, &console.claim) {
        (Key::Char('n'), Claim::Locked) => Some(Effect::NewCode),
        (Key::Char('n'), _) => console.say("A new code is only made after too many wrong ones."),
        _ => None,
    }
}

pub(super) fn hints(console: &Console) -> &'static str {
    if console.claim == Claim::Locked { "n new code" } else { "" }
}

pub(super) fn page(console: &Console, columns: usize) -> Page {
    let lines: &[&str] = match &console.claim {
        Claim::Open(open) => return self::open(open, console.is_utf8(), columns),
        Claim::Absent => &[
            "Nothing is known about the claim: the management daemon has not",
            "written it. See: systemctl status holdfast-manage",
        ],
        Claim::Unusable(why) => {
            let mut rows = vec![Row::strong("What the management daemon says makes no sense:")];
            rows.extend(text::wrapped(why, columns).into_iter().map(Row::plain));
            rows.push(Row::plain("See: systemctl status holdfast-manage"));
            return Page::text(rows);
        }
        Claim::Claimed => &[
            "This box is claimed: it has an owner.",
            "To take it from its owner: Power, factory reset.",
        ],
        Claim::Locked => {
            &["20 wrong codes were tried, so the code is void.", "Press n for a new one."]
        }
    };
    Page::text(lines.iter().map(|line| Row::strong(*line)).collect())
}

fn open(open: &Open, blocks: bool, columns: usize) -> Page {
    let spaced: Vec<String> = open.code.chars().map(String::from).collect();
    let mut left = vec![
        Row::strong("This box has no owner yet."),
        Row::empty(),
        Row::plain("Its code:"),
        Row::empty(),
        Row::strong(format!("    {}", spaced.join(" "))),
        Row::empty(),
    ];
    let plain = |line: String| Row::plain(line);
    left.push(plain("Open in a browser and type the code:".into()));
    for address in open.addresses.iter().take(3) {
        left.extend(text::wrapped(address, TEXT).into_iter().map(plain));
    }
    if open.addresses.is_empty() {
        left.push(plain("(no address: see Network)".into()));
    }
    left.extend([Row::empty(), plain("Fingerprint of its certificate:".into())]);
    left.extend(groups(&open.fingerprint).into_iter().map(plain));
    let picture = match (blocks, open.link()) {
        (false, _) => Err("No QR code: this terminal is not UTF-8."),
        (true, None) => Err("No QR code without an address."),
        (true, Some(link)) => picture(&link, columns.saturating_sub(TEXT + 1), LINES)
            .ok_or("No QR code: it does not fit on here."),
    };
    match picture {
        Ok(lines) => Page::text(beside(&left, &lines)),
        Err(why) => {
            left.push(Row::plain(why));
            Page::text(left)
        }
    }
}

/// In groups of four digits, four groups on a line.
fn groups(fingerprint: &str) -> Vec<String> {
    let digits: Vec<char> = fingerprint.to_lowercase().chars().collect();
    let group = |group: &[char]| group.iter().collect::<String>();
    let line = |line: &[char]| line.chunks(4).map(group).collect::<Vec<_>>().join(" ");
    digits.chunks(16).map(line).collect()
}

/// Text with the picture to the right of it.
fn beside(left: &[Row], picture: &[String]) -> Vec<Row> {
    let empty = Row::empty();
    let rows = (0..left.len().max(picture.len())).map(|at| {
        let row = left.get(at).unwrap_or(&empty);
        let lines = picture.get(at).map(String::as_str).unwrap_or_default();
        // All of the same brightness, for scanners.
        Row::plain(format!("{} {lines}", text::column(&row.text, TEXT)))
    });
    rows.collect()
}

/// A QR code of half blocks, if it fits. What is drawn is light, as letters are on this screen:
/// scanners want dark modules on a light ground.
fn picture(link: &str, columns: usize, lines: usize) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(link, EcLevel::L).ok()?;
    let width = code.width();
    let fits = |margin: &usize| {
        let side = width + 2 * margin;
        side <= columns && side.div_ceil(2) <= lines
    };
    let margin = MARGINS.into_iter().find(fits)?;
    let side = width + 2 * margin;
    let is_light = |x: usize, y: usize| {
        let inside = margin..margin + width;
        let dark = inside.contains(&x)
            && inside.contains(&y)
            && code[(x - margin, y - margin)] == Color::Dark;
        y < side && !dark
    };
    let block = |x: usize, y: usize| match (is_light(x, y), is_light(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    let line = |y: usize| (0..side).map(|x| block(x, y)).collect::<String>();
    let picture: Vec<String> = (0..side).step_by(2).map(line).collect();
    picture.iter().all(|line| line.width() <= columns).then_some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_of_a_usual_link_fits_beside_the_text() {
        let link = "https://192.0.2.7:8443/#claim=AB12-CD34-EF56";
        let picture = picture(link, 42, LINES).unwrap();
        assert_eq!(picture.len(), 19);
        assert!(picture.iter().all(|line| line.width() == 37));
        // A margin all around, and the corner of the first finder pattern inside it.
        assert!(picture[0].chars().all(|block| block == '█'));
        assert_eq!(picture[2].chars().take(12).collect::<String>(), "████ ▄▄▄▄▄ █");
    }

    #[test]
    fn what_does_not_fit_is_not_drawn() {
        assert_eq!(picture(&"x".repeat(2000), 42, LINES), None);
        assert_eq!(picture("https://192.0.2.7:8443/", 22, LINES), None);
    }

    #[test]
    fn a_fingerprint_is_read_in_groups() {
        let digits: String = ('A'..='F').chain('0'..='9').cycle().take(64).collect();
        assert_eq!(groups(&digits)[0], "abcd ef01 2345 6789");
        assert_eq!(groups(&digits).len(), 4);
    }
}
