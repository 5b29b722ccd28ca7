//! Syslog as a receiver reads it, and traps as net-snmp's daemon does.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};

use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use super::make::{event, settings};
use super::peers::{sent, serve};
use crate::{Event, EventKind, Settings};

fn logging(port: u16, transport: &str) -> Settings {
    settings(&format!(
        "[[channel]]\nname = \"a\"\nkind = \"syslog\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         transport = \"{transport}\"\nfacility = \"local3\"\n"
    ))
}

#[tokio::test]
async fn syslog_by_datagram_is_as_rfc_5424_has_it() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let settings = logging(socket.local_addr().unwrap().port(), "udp");
    let odd = Event { client: "a\"b]c\\d\ne".into(), ..event("disk-failed", "disk 2", 7) };
    sent(&settings, odd).await.unwrap();
    let mut bytes = [0; 8192];
    let length = socket.recv(&mut bytes).unwrap();
    let text = std::str::from_utf8(&bytes[..length]).unwrap();
    let begin =
        "<155>1 2026-11-20T08:00:00Z box17 holdfast - raised [holdfast@32473 id=\"abc-12\" ";
    assert!(text.starts_with(begin), "{text}");
    assert!(text.contains(r#" client="a\"b\]c\\d e" "#), "{text}");
    let (data, rest) = text.split_once("\"] \u{feff}").unwrap();
    assert!(data.contains(" code=\"disk-failed\" severity=\"7\" ") && !rest.contains('\n'));
    assert!(length < 2048, "{length}");
}

#[tokio::test]
async fn syslog_over_tcp_has_its_length_before_it() {
    let (sender, mut messages) = mpsc::unbounded_channel();
    let port = serve(move |mut stream| {
        let sender = sender.clone();
        async move {
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            sender.send(text).unwrap();
        }
    });
    let cleared = Event { kind: EventKind::Cleared, ..event("x", "ü", 9) };
    sent(&logging(port.await, "tcp"), cleared).await.unwrap();
    let text = messages.recv().await.unwrap();
    let (length, message) = text.split_once(' ').unwrap();
    assert_eq!(length.parse(), Ok(message.len()));
    assert!(message.starts_with("<157>1 "), "over is a notice: {message}");
}

/// A daemon that prints traps, ended with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn snmptrapd_reads_traps_by_the_names_of_the_mib() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("snmptrapd.conf");
    std::fs::write(&config, "authCommunity log canary-community\n").unwrap();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let daemon = Command::new("/usr/sbin/snmptrapd")
        .args(["-f", "-Lo", "-C", "-c"])
        .arg(&config)
        .args(["-On", "-p"])
        .arg(folder.path().join("pid"))
        .arg(format!("udp:127.0.0.1:{free}"))
        .env("SNMP_PERSISTENT_DIR", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut daemon = Daemon(daemon.unwrap());
    let mut lines = BufReader::new(daemon.0.stdout.take().unwrap()).lines();
    let mut until = |word: &str| loop {
        let line = lines.next().unwrap().unwrap();
        if line.contains(word) {
            return line;
        }
    };
    until("NET-SNMP version");
    let settings = settings(&format!(
        "[[channel]]\nname = \"nms\"\nkind = \"snmp\"\nhost = \"127.0.0.1\"\nport = {free}\n\
         community = \"canary-community\"\n"
    ));
    for (kind, trap) in [(EventKind::Raised, 1), (EventKind::Cleared, 2)] {
        let long = "x".repeat(300);
        let event = Event { kind, cause: long.clone(), ..event("disk-failed", "disk 2", 7) };
        sent(&settings, event).await.unwrap();
        let line = until(".1.3.6.1.6.3.1.1.4.1.0");
        for part in [
            ".1.3.6.1.2.1.1.3.0 = Timeticks: (4200) 0:00:42.00".to_owned(),
            format!(".1.3.6.1.6.3.1.1.4.1.0 = OID: .1.3.6.1.3.32473.0.{trap}"),
            ".1.3.6.1.3.32473.1.7.0 = STRING: \"disk-failed\"".into(),
            ".1.3.6.1.3.32473.1.8.0 = INTEGER: 7".into(),
            format!(".1.3.6.1.3.32473.1.12.0 = STRING: \"{long}\""),
        ] {
            assert!(line.contains(&part), "{part}: {line}");
        }
    }
}
