//! The terminal: taken over, drawn on, and given back as it was, however this ends.

use std::io::{IsTerminal, Stdout, Write, stdin, stdout};

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use log::LevelFilter;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use crate::error::{ConsoleError, Result};
use crate::state::Console;

/// What a serial line has that does not know its size.
const USUAL: (u16, u16) = (80, 24);

/// The most that is drawn on, whatever a terminal says of itself.
const MOST: (u16, u16) = (400, 150);

/// Terminals that show no more than ASCII, whatever the locale says.
const PLAIN: [&str; 5] = ["vt100", "vt102", "vt220", "ansi", "dumb"];

/// The terminal, for as long as this is there.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    area: Rect,
}

impl Screen {
    pub(super) fn open() -> Result<Self> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            return Err(ConsoleError::NoTerminal);
        }
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        let area = area();
        let mut screen =
            Self { terminal: on(area).map_err(ConsoleError::Terminal)?, area: Rect::ZERO };
        screen.take().map_err(ConsoleError::Terminal)?;
        Ok(screen)
    }

    fn take(&mut self) -> std::io::Result<()> {
        if std::io::stderr().is_terminal() {
            // It would be written over the screens.
            log::set_max_level(LevelFilter::Off);
        }
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, Hide)
    }

    /// Forgets what the terminal shows: the next time everything is drawn.
    pub(super) fn forget(&mut self) {
        self.area = Rect::ZERO;
    }

    pub(super) fn draw(&mut self, console: &Console) -> Result<()> {
        self.try_draw(console).map_err(ConsoleError::Terminal)
    }

    fn try_draw(&mut self, console: &Console) -> std::io::Result<()> {
        let now = area();
        if now != self.area {
            // Not by the terminal's own `clear`: it asks where the cursor is and waits for the
            // answer, which not every serial line gives.
            self.terminal = on(now)?;
            execute!(stdout(), Clear(ClearType::All))?;
            self.area = now;
        }
        self.terminal.draw(|frame| crate::draw::draw(frame, console)).map(|_| ())
    }
}

fn on(area: Rect) -> std::io::Result<Terminal<CrosstermBackend<Stdout>>> {
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    Terminal::with_options(CrosstermBackend::new(stdout()), options)
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// A terminal that is gone needs nothing any more.
fn give_back() {
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = stdout().flush();
    log::set_max_level(LevelFilter::Info);
}

fn area() -> Rect {
    let (columns, lines) = size().unwrap_or(USUAL);
    let (columns, lines) = if columns == 0 || lines == 0 { USUAL } else { (columns, lines) };
    Rect::new(0, 0, columns.min(MOST.0), lines.min(MOST.1))
}

/// Whether the terminal shows more than ASCII: as the locale says, unless its kind is known not to.
pub(super) fn is_utf8() -> bool {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
    let kind = variable("TERM").unwrap_or_default();
    tells_utf8(&locale, &kind)
}

fn tells_utf8(locale: &str, kind: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    (locale.ends_with("utf-8") || locale.ends_with("utf8")) && !PLAIN.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_for_terminals_that_know_them() {
        assert!(tells_utf8("C.UTF-8", "linux") && tells_utf8("de_DE.utf8", "xterm"));
        assert!(!tells_utf8("C.UTF-8", "vt100") && !tells_utf8("", "linux"));
        assert!(!tells_utf8("C", "linux"));
    }
}
