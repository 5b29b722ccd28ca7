//! The box's own screen: a terminal in the place of tty1, and somebody who reads it and types.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::pty::{Winsize, openpty};
use nix::unistd::ttyname;
use vt100::Parser;

use super::tools::until;
use crate::error::{Error, Result};

/// What the unit of the console is for. A container has none.
const TTY1: &str = "/dev/tty1";

pub(super) const LINES: u16 = 25;
pub(super) const COLUMNS: u16 = 80;

/// How long to wait for somebody to open the terminal again.
const PAUSE: Duration = Duration::from_millis(20);

/// The screen and its keyboard.
pub(super) struct Screen {
    keyboard: File,
    shown: Arc<Mutex<Parser>>,
}

impl Screen {
    /// Puts it where the unit looks for it, so that nothing of the unit has to be changed.
    pub(super) fn at_tty1() -> Result<Self> {
        let tty1 = Path::new(TTY1);
        let failed = |errno: nix::Error| Error::io(tty1)(errno.into());
        let size = Winsize { ws_row: LINES, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).map_err(failed)?;
        let path = ttyname(&pair.slave).map_err(failed)?;
        symlink(path, tty1).map_err(Error::io(tty1))?;
        let keyboard = File::from(pair.master);
        let reader = keyboard.try_clone().map_err(Error::io(tty1))?;
        let parser = Parser::new(some(LINES), some(COLUMNS), 0);
        let shown = Arc::new(Mutex::new(parser));
        let draws = shown.clone();
        std::thread::spawn(move || read(reader, &draws));
        Ok(Self { keyboard, shown })
    }

    pub(super) fn press(&mut self, keys: &str) -> Result<()> {
        self.keyboard.write_all(keys.as_bytes()).map_err(Error::io(Path::new(TTY1)))
    }

    /// Waits until all of this stands there, and gives all lines. Where it does not come, what
    /// stands there instead is printed.
    pub(super) fn shows(&self, texts: &[&str]) -> Result<String> {
        let shown = until(&format!("{texts:?} on the screen of the box"), || {
            let shown = self.contents();
            Ok(texts.iter().all(|text| shown.contains(text)).then_some(shown))
        });
        if shown.is_err() {
            println!("{}", self.contents());
        }
        shown
    }

    fn contents(&self) -> String {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).screen().contents()
    }
}

/// Keeps what is drawn, for as long as this program runs.
fn read(mut terminal: File, shown: &Mutex<Parser>) {
    let mut buffer = [0; 4096];
    loop {
        match terminal.read(&mut buffer) {
            Ok(length) if length > 0 => {
                let mut parser = shown.lock().unwrap_or_else(PoisonError::into_inner);
                parser.process(&buffer[..length]);
            }
            // Nobody has the other side open: before the console begins, and when the service
            // manager hangs the terminal up for it.
            _ => std::thread::sleep(PAUSE),
        }
    }
}

fn some(length: u16) -> NonZero<u16> {
    NonZero::new(length).unwrap_or(NonZero::<u16>::MIN)
}
