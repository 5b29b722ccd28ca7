//! A mail server for tests: it takes everything in the clear, and tells what it took.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// By then every mail has come that a test waits for: those of a certain minute, too.
const PATIENCE: Duration = Duration::from_secs(150);

pub(super) struct Mail {
    port: u16,
    mails: Receiver<String>,
}

impl Mail {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its own").port();
        let (to, mails) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let to = to.clone();
                std::thread::spawn(move || serve(stream, &to));
            }
        });
        Self { port, mails }
    }

    /// Settings with one channel to here, for this audience, and a route that has these lines.
    pub(super) fn channels(&self, audience: &str, route: &str) -> String {
        format!(
            "format = 1\n[[channel]]\nname = \"office\"\nkind = \"email\"\n\
             audience = \"{audience}\"\nserver = \"127.0.0.1\"\nport = {}\n\
             security = \"none\"\nfrom = \"box-7@msp.example\"\n\
             to = [\"office@acme.example\"]\n[[route]]\n{route}\nchannels = [\"office\"]\n",
            self.port
        )
    }

    /// Waits for a mail with this in it.
    #[track_caller]
    pub(super) fn hears(&self, wanted: &str) -> String {
        let by = Instant::now() + PATIENCE;
        loop {
            let left = by.saturating_duration_since(Instant::now());
            let Ok(mail) = self.mails.recv_timeout(left) else { panic!("no mail has {wanted:?}") };
            if mail.contains(wanted) {
                return mail;
            }
            println!("came meanwhile: {mail}");
        }
    }
}

/// One connection. Lines that were folded in transport are put together again.
fn serve(stream: TcpStream, to: &Sender<String>) {
    let mut answers = stream.try_clone().expect("the same socket");
    let mut say = |text: &str| answers.write_all(format!("{text}\r\n").as_bytes());
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    if say("220 ready").is_err() {
        return;
    }
    while let Some(line) = lines.next() {
        let answer = match line.split(' ').next().unwrap_or_default() {
            "QUIT" => return,
            "DATA" => {
                let _ = say("354 go on");
                let mail: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
                let _ = to.send(mail.join("\n").replace("=\n", ""));
                "250 taken"
            }
            _ => "250 yes",
        };
        if say(answer).is_err() {
            return;
        }
    }
}
