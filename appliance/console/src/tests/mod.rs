//! Tests over the whole console: keys and news go in, lines of a terminal and effects come out.

mod claim;
mod engine;
mod power;
mod recovery;
mod seen;

use std::sync::Arc;

use bus::{Object, Update};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::{Clock, Console, Effect, Input, Key, draw};

/// What time it is in these tests.
const NOW: u64 = 1_800_000_000;

/// A console in front of somebody who types and reads.
struct Person {
    console: Console,
    columns: u16,
    lines: u16,
}

impl Person {
    fn at(is_utf8: bool) -> Self {
        let mut console = Console::new(false, is_utf8);
        console.update(Input::Tick(Clock { now: NOW, up: 100 }));
        Self { console, columns: 80, lines: 25 }
    }

    /// In front of a console that knows these objects.
    fn sees(objects: impl IntoIterator<Item = Object>) -> Self {
        let mut person = Self::at(true);
        person.hears(Input::Answers);
        for object in objects {
            person.hears(Input::Bus(Update::Shown(Arc::new(object))));
        }
        person
    }

    fn hears(&mut self, input: Input) {
        assert_eq!(self.console.update(input), None);
    }

    fn press(&mut self, key: Key) -> Option<Effect> {
        self.console.update(Input::Key(key))
    }

    /// Types letters; nothing comes of them yet.
    fn types(&mut self, text: &str) {
        for c in text.chars() {
            assert_eq!(self.press(Key::Char(c)), None, "{text}: {c}");
        }
    }

    /// All lines of the terminal.
    fn screen(&self) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(self.columns, self.lines)).unwrap();
        terminal.draw(|frame| draw(frame, &self.console)).unwrap();
        let buffer = terminal.backend().buffer();
        let cells = buffer.content().chunks(usize::from(self.columns));
        cells.map(|line| line.iter().map(|cell| cell.symbol()).collect()).collect()
    }

    /// The line that says something.
    #[track_caller]
    fn reads(&self, text: &str) -> String {
        let screen = self.screen();
        let found = screen.iter().find(|line| line.contains(text));
        found.cloned().unwrap_or_else(|| panic!("no {text:?}:\n{}", screen.join("\n")))
    }

    #[track_caller]
    fn reads_nothing_of(&self, text: &str) {
        let screen = self.screen().join("\n");
        assert!(!screen.contains(text), "{screen}");
    }
}
