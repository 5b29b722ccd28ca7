//! The line to the host.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};

use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use serde_json::Value;

const PORT: &str = "/dev/ttyS0";

pub(crate) struct Host {
    port: BufReader<File>,
}

impl Host {
    pub(crate) fn open() -> Self {
        let port = File::options().read(true).write(true).open(PORT).expect("a serial port");
        let mut settings = tcgetattr(&port).expect("a serial port has settings");
        cfmakeraw(&mut settings);
        tcsetattr(&port, SetArg::TCSANOW, &settings).expect("settings that any port takes");
        Self { port: BufReader::new(port) }
    }

    /// Returns when the host has read it and seen how things are.
    pub(crate) fn tell(&mut self, what: &Value) {
        writeln!(self.port.get_mut(), "{what}").expect("the host listens");
        let mut answer = String::new();
        self.port.read_line(&mut answer).expect("the host answers");
    }
}
