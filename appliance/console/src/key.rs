//! Keys, as far as the screens know them.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// One key that somebody pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Tab,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    /// Draw everything anew: something else has written to the terminal.
    Redraw,
}

impl Key {
    /// None for keys that mean nothing here.
    pub fn of(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        if event.modifiers.contains(KeyModifiers::CONTROL) {
            // What serial terminals send for keys that have names.
            return match event.code {
                KeyCode::Char('h') => Some(Self::Backspace),
                KeyCode::Char('j' | 'm') => Some(Self::Enter),
                KeyCode::Char('l') => Some(Self::Redraw),
                _ => None,
            };
        }
        Some(match event.code {
            KeyCode::Char(c) => Self::Char(c),
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            KeyCode::Backspace | KeyCode::Delete => Self::Backspace,
            KeyCode::Tab => Self::Tab,
            KeyCode::BackTab | KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::Left => Self::Left,
            KeyCode::Right => Self::Right,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            _ => return None,
        })
    }
}
