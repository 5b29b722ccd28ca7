//! Puts a screen on the terminal: its name and the others on top, its keys at the bottom.
//!
//! The one place where text reaches the terminal, so the one that takes out of it what a terminal
//! would obey.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::screen::{Look, Page, Row, Screen};
use crate::state::Console;
use crate::text;

/// Most lines of what is said about the last thing that was asked for.
const NOTICE_LINES: usize = 4;

/// Narrower than this, only the name of the screen that is shown is written out.
const WIDE: u16 = 72;

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, console: &Console) {
    let area = frame.area();
    Canvas { area, ascii: !console.is_utf8(), buffer: frame.buffer_mut() }.draw(console);
}

struct Canvas<'a> {
    area: Rect,
    ascii: bool,
    buffer: &'a mut Buffer,
}

impl Canvas<'_> {
    fn draw(&mut self, console: &Console) {
        let columns = usize::from(self.area.width);
        let rows = usize::from(self.area.height);
        self.tabs(console);
        let line = if self.ascii { "-" } else { "─" };
        self.line(1, &Row::plain(line.repeat(columns)));
        let mut notice = text::wrapped(&console.notice, columns);
        notice.truncate(NOTICE_LINES);
        let bottom = rows.saturating_sub(1 + notice.len());
        let silence = console.silence().map(|text| text::wrapped(&text, columns));
        let mut top = 2;
        for text in silence.into_iter().flatten() {
            self.line(top, &Row::strong(text));
            top += 1;
        }
        let page = match &console.dialog {
            Some(dialog) => dialog.page(columns),
            None => console.screen.page(console, columns),
        };
        self.page(&page, top, bottom);
        for (at, text) in notice.into_iter().enumerate() {
            self.line(bottom + at, &Row::strong(text));
        }
        self.line(rows.saturating_sub(1), &Row::item(hints(console), true));
    }

    /// The names of all screens, that of the one that is shown reversed and marked.
    fn tabs(&mut self, console: &Console) {
        let mut column = 0;
        for screen in Screen::ALL {
            let shown = screen == console.screen;
            let name = match shown || self.area.width >= WIDE {
                true => screen.name().to_owned(),
                false => format!("[{}]", screen.letter()),
            };
            let (mark, style) = match shown {
                true => ("*", Style::new().add_modifier(Modifier::REVERSED)),
                false => ("", Style::new()),
            };
            let name = format!("{mark}{name}");
            self.put(column, 0, &name, style);
            column += name.len() + 1;
        }
    }

    /// The lines of a page from one line of the terminal to before another.
    fn page(&mut self, page: &Page, top: usize, bottom: usize) {
        let mut at = top;
        for row in page.head.iter().take(bottom.saturating_sub(top)) {
            self.line(at, row);
            at += 1;
        }
        let room = bottom.saturating_sub(at);
        for row in page.list.iter().skip(page.first(room)).take(room) {
            self.line(at, row);
            at += 1;
        }
    }

    fn line(&mut self, line: usize, row: &Row) {
        let style = Style::new().add_modifier(match row.look {
            Look::Plain => Modifier::empty(),
            Look::Strong => Modifier::BOLD,
            Look::Chosen => Modifier::REVERSED,
        });
        self.put(0, line, &row.text, style);
    }

    fn put(&mut self, column: usize, line: usize, text: &str, style: Style) {
        let (width, height) = (usize::from(self.area.width), usize::from(self.area.height));
        if line >= height || column >= width {
            return;
        }
        let text = text::cut(&text::clean(text, self.ascii), width - column);
        let (Ok(x), Ok(y)) = (u16::try_from(column), u16::try_from(line)) else { return };
        self.buffer.set_string(self.area.x + x, self.area.y + y, text, style);
    }
}

fn hints(console: &Console) -> String {
    match &console.dialog {
        Some(dialog) => dialog.hints().to_owned(),
        None => {
            let own = console.screen.hints(console);
            let gap = if own.is_empty() { "" } else { "  " };
            let quit = if console.can_quit() { "  q quit" } else { "" };
            format!("{own}{gap}Left/Right screens{quit}")
        }
    }
}
