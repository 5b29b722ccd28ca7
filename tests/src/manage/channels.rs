//! Alerts out: what a real engine finds is told by channels that were set up over HTTPS.

use std::io::Read;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::lab::Lab;

/// By then everything was told that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Proves the box to somebody, and is to be seen by nobody else.
const CANARY: &str = "canary-in-the-settings";

/// A server of syslog over TCP.
pub(super) struct Syslog {
    pub(super) port: u16,
    messages: Receiver<String>,
    /// All of them.
    heard: Arc<Mutex<String>>,
}

impl Syslog {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its own").port();
        let (to, messages) = channel();
        let heard = Arc::new(Mutex::new(String::new()));
        let all = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut text = String::new();
                // Each message comes on a connection of its own.
                stream.and_then(|mut stream| stream.read_to_string(&mut text)).expect("text");
                all.lock().expect("nobody panics").push_str(&text);
                if to.send(text).is_err() {
                    return;
                }
            }
        });
        Self { port, messages, heard }
    }

    /// Waits for a message with all of these in it.
    #[track_caller]
    pub(super) fn hears(&self, wanted: &[&str]) -> String {
        let by = Instant::now() + PATIENCE;
        loop {
            let left = by.saturating_duration_since(Instant::now());
            let Ok(message) = self.messages.recv_timeout(left) else {
                panic!("no message with {wanted:?}");
            };
            if wanted.iter().all(|wanted| message.contains(wanted)) {
                return message;
            }
            println!("heard meanwhile: {message}");
        }
    }
}

fn channels(port: u16) -> String {
    format!(
        "format = 1\n[[channel]]\nname = \"desk\"\nkind = \"syslog\"\nhost = \"127.0.0.1\"\n\
         port = {port}\ntransport = \"tcp\"\n[[channel]]\nname = \"nms\"\nkind = \"snmp\"\n\
         host = \"127.0.0.1\"\nport = 9\ncommunity = {CANARY:?}\n\
         [[route]]\nmin_severity = 1\nchannels = [\"desk\"]\n[[route]]\nmin_severity = 10\n\
         channels = [\"nms\"]\n[[agreement]]\nclient = \"acme\"\nkind = \"full\"\n\
         [[agreement]]\nclient = \"globex\"\nkind = \"none\"\n"
    )
}

#[test]
fn an_alert_is_told_once_and_told_to_be_taken_on() {
    let (mut lab, owner) = Lab::claimed();
    lab.protect();
    let syslog = Syslog::start();
    let put = |lab: &Lab, text: &str, dry_run: bool| {
        let body = json!({ "channels": text, "dry_run": dry_run });
        lab.ask("PUT", "/api/v1/channels", &owner, &body)
    };
    let text = channels(syslog.port);
    let (status, would) = put(&lab, &text, true);
    let difference = would["difference"].as_str().expect("a text");
    assert!(status == 200 && difference.contains("+ channel desk: syslog"), "{would}");
    let status_of = |lab: &Lab| lab.get("/api/v1/channels/status", &owner).1;
    assert_eq!(status_of(&lab), json!({ "channels": [], "problem": null }));
    assert_eq!(put(&lab, &text, false).1["applied"], true);

    let test = |lab: &Lab, path: &str| lab.ask("POST", path, &owner, &json!({}));
    assert_eq!(test(&lab, "/api/v1/channels/desk/test").0, 200);
    syslog.hears(&["box-7", "test message"]);
    assert_eq!(test(&lab, "/api/v1/channels/disk/test").0, 404);
    assert_eq!(test(&lab, "/api/v1/alerts/test").0, 200);
    syslog.hears(&["box-7", "test message"]);

    // Two clients' systems lose their disks; one of the clients has no agreement.
    for system in ["erp", "mail"] {
        let path = lab.asked.pool.path(&format!("{system}.img"));
        std::fs::rename(&path, path.with_extension("away")).expect("a disk that goes");
        lab.asked.ask(&["ingest", "--no-wait", "--system", system]).done();
    }
    let raised = syslog.hears(&["raised", "mail"]);
    assert!(raised.contains("client=\"acme\""), "{raised}");
    let alert = |lab: &Lab| -> Option<Value> {
        let alerts = lab.get("/api/v1/alerts", &owner).1["alerts"].take();
        let mut alerts = alerts.as_array().cloned().unwrap_or_default().into_iter();
        alerts.find(|alert| alert["client"] == "acme")
    };
    let number = alert(&lab).expect("it is shown, too")["number"].clone();
    // What was told stays told when the daemon starts anew.
    lab.start();
    let path = format!("/api/v1/alerts/{number}/acknowledge");
    assert_eq!(test(&lab, &path).0, 200);
    let taken = syslog.hears(&["mail"]);
    assert!(taken.contains("acknowledged") && taken.contains("owner"), "{taken}");
    assert!(!syslog.heard.lock().expect("nobody panics").contains("globex"), "no agreement");
    let (_, shown) = lab.get("/api/v1/channels", &owner);
    assert!(shown["channels"].as_str().expect("a text").contains("(kept)"), "{shown}");
    let audit = lab.get("/api/v1/audit", &owner).1;
    for text in [shown, status_of(&lab), audit] {
        assert!(!text.to_string().contains(CANARY), "{text}");
    }
    let refused = put(&lab, &text.replace("\"syslog\"", "\"sysloq\""), false);
    let told = refused.1["next"].as_str().expect("what to do");
    assert!(refused.0 == 400 && told.contains("line 4") && told.contains("desk"), "{told}");
    let wrong = text.replace("community", "secret_file").replace(CANARY, "/etc/shadow");
    assert_eq!(put(&lab, &wrong, false).0, 400, "a trap has no such thing");
}

#[test]
fn a_name_that_no_client_has_is_told_until_it_is_corrected() {
    let mut lab = Lab::new();
    let syslog = Syslog::start();
    let owner = lab.claims();
    lab.protect();
    let put = |lab: &mut Lab, text: &str, dry_run: bool| {
        let sent = json!({ "channels": text, "dry_run": dry_run });
        let answer = lab.ask("PUT", "/api/v1/channels", &owner, &sent);
        assert_eq!(answer.0, 200, "{}", answer.1);
        answer.1["difference"].as_str().expect("a text").to_owned()
    };
    let right = channels(syslog.port);
    let wrong = right.replace("\"globex\"", "\"globecks\"");
    assert!(put(&mut lab, &wrong, true).contains("No client of the plan is called"));
    assert!(!put(&mut lab, &right, true).contains("No client of the plan is called"));
    put(&mut lab, &wrong, false);
    syslog.hears(&["raised", "client-unknown", "globecks"]);
    put(&mut lab, &right, false);
    syslog.hears(&["cleared", "client-unknown", "globecks"]);
}
