//! One line that somebody types.

use unicode_width::UnicodeWidthChar;

use crate::key::Key;

/// Longest line, in characters: a path.
const MOST: usize = 1024;

/// What was typed so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Line(pub(crate) String);

impl Line {
    /// Whether the key belonged to the line.
    pub(crate) fn press(&mut self, key: Key) -> bool {
        match key {
            Key::Char(c) if !c.is_control() && self.0.chars().count() < MOST => self.0.push(c),
            Key::Backspace => drop(self.0.pop()),
            _ => return false,
        }
        true
    }

    /// Its end, as far as there is room, and a place for the next character.
    pub(crate) fn shown(&self, columns: usize) -> String {
        let mut room = columns.saturating_sub(1);
        let fits = |c: &char| {
            let width = c.width().unwrap_or(1);
            let there = width <= room;
            room = room.saturating_sub(width);
            there
        };
        let mut end: Vec<char> = self.0.chars().rev().take_while(fits).collect();
        end.reverse();
        end.into_iter().chain(['_']).collect()
    }
}
