//! A program on a terminal of its own, and somebody who reads it and presses keys.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use rustix::termios::tcsetwinsize;
use vt100::{Parser, Screen};

/// By then everything has been drawn that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with the program on it.
#[derive(Debug)]
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    seen: Arc<Seen>,
}

/// What the terminal shows.
struct Seen {
    screen: Mutex<Display>,
    news: Condvar,
}

struct Display {
    parser: Parser,
    /// The program has ended.
    over: bool,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seen")
    }
}

impl Terminal {
    /// Begins a program on a terminal of so many columns and lines, which is its own: what asks
    /// for the size asks that, wherever the test itself runs.
    pub(crate) fn begin(program: &Command, columns: u16, lines: u16) -> Self {
        let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).expect("a terminal");
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.stdin(pair.slave.try_clone().expect("a descriptor"));
        command.stdout(pair.slave.try_clone().expect("a descriptor")).stderr(pair.slave);
        let child = command.spawn().expect("setsid can be started: it is in util-linux");
        // It holds the other side, without which there is no end.
        drop(command);
        let keyboard = File::from(pair.master);
        let screen = Display { parser: Parser::new(some(lines), some(columns), 0), over: false };
        let seen = Arc::new(Seen { screen: Mutex::new(screen), news: Condvar::new() });
        let (shown, reader) = (seen.clone(), keyboard.try_clone().expect("a descriptor"));
        std::thread::spawn(move || read(reader, &shown));
        Self { child, keyboard, seen }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the program reads");
    }

    /// Waits until the text stands there, and gives all lines.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        self.until(&format!("{text:?}"), |shown| shown.contains(text))
    }

    /// Waits until what is shown is as is wanted, and gives all lines.
    #[track_caller]
    pub(crate) fn until(&self, wanted: &str, is_it: impl Fn(&str) -> bool) -> String {
        let by = Instant::now() + PATIENCE;
        let mut screen = self.seen.screen.lock().expect("nobody panics");
        loop {
            let shown = screen.parser.screen().contents();
            if is_it(&shown) {
                return shown;
            }
            let left = by.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !screen.over, "no {wanted} on the terminal:\n{shown}");
            screen = self.seen.news.wait_timeout(screen, left).expect("nobody panics").0;
        }
    }

    /// Keeps what is shown as a picture, if somebody wants pictures: the README's are made so.
    pub(crate) fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("HOLDFAST_PICTURES") {
            let screen = self.seen.screen.lock().expect("nobody panics");
            let path = Path::new(&folder).join(format!("{name}.svg"));
            std::fs::write(path, svg(screen.parser.screen())).expect("room for a picture");
        }
    }

    /// Makes the terminal another size, as a window does.
    pub(crate) fn resize(&self, columns: u16, lines: u16) {
        let mut screen = self.seen.screen.lock().expect("nobody panics");
        screen.parser.screen_mut().set_size(some(lines), some(columns));
        let size =
            rustix::termios::Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keyboard, size).expect("a terminal");
    }

    /// What the program ended with, and the last that it left on the terminal.
    pub(crate) fn ended(&mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("a child of this process");
        let mut screen = self.seen.screen.lock().expect("nobody panics");
        while !screen.over {
            screen = self.seen.news.wait(screen).expect("nobody panics");
        }
        (status.code(), screen.parser.screen().contents())
    }

    /// Whether keys would be shown and lines waited for, as a terminal does by itself.
    pub(crate) fn is_as_it_was(&self) -> bool {
        let modes = rustix::termios::tcgetattr(&self.keyboard).expect("a terminal").local_modes;
        modes.contains(rustix::termios::LocalModes::ECHO | rustix::termios::LocalModes::ICANON)
    }

    pub(crate) fn child(&self) -> &Child {
        &self.child
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn some(length: u16) -> NonZero<u16> {
    NonZero::new(length).expect("a terminal has lines and columns")
}

/// Width and height of a letter.
const LETTER: (u16, u16) = (8, 17);

/// The screen as a picture: each letter at its place, as a terminal has it, whatever the font.
fn svg(screen: &Screen) -> String {
    let (lines, columns) = screen.size();
    let (lines, columns) = (lines.get(), columns.get());
    let (width, height) = LETTER;
    let (all, down) = (columns * width, lines * height);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {all} {down}\" \
         font-family=\"monospace\" font-size=\"13\" \
         shape-rendering=\"crispEdges\">\n\
         <rect width=\"{all}\" height=\"{down}\" fill=\"#111\"/>\n"
    );
    for (line, column) in (0..lines).flat_map(|line| (0..columns).map(move |column| (line, column)))
    {
        let Some(cell) = screen.cell(line, column) else { continue };
        let (x, y) = (column * width, line * height);
        let half = height.div_ceil(2);
        let block = match cell.contents() {
            "█" => Some((y, height)),
            "▀" => Some((y, half)),
            "▄" => Some((y + height - half, half)),
            _ if cell.inverse() => Some((y, height)),
            _ => None,
        };
        if let Some((y, height)) = block {
            let place = format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"");
            svg.push_str(&format!("<rect {place} fill=\"#ddd\"/>"));
        }
        let letter = cell.contents();
        if letter.trim().is_empty() || "█▀▄".contains(letter) {
            continue;
        }
        let color = if cell.inverse() { "#111" } else { "#ddd" };
        let weight = if cell.bold() { " font-weight=\"bold\"" } else { "" };
        let letter = letter.replace('&', "&amp;").replace('<', "&lt;");
        let base = y + height - 4;
        svg.push_str(&format!(
            "<text x=\"{x}\" y=\"{base}\" fill=\"{color}\"{weight}>{letter}</text>\n"
        ));
    }
    svg + "</svg>\n"
}

fn read(mut terminal: File, seen: &Seen) {
    let mut buffer = [0; 4096];
    loop {
        // A terminal without another side is an error.
        let length = terminal.read(&mut buffer).unwrap_or(0);
        let mut screen = seen.screen.lock().expect("nobody panics");
        screen.parser.process(&buffer[..length]);
        screen.over = length == 0;
        let over = screen.over;
        drop(screen);
        seen.news.notify_all();
        if over {
            return;
        }
    }
}
