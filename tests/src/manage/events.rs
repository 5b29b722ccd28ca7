//! Events as they happen, for many at once, and for each only what he sees.

use std::time::Duration;

use serde_json::Value;

use super::lab::Lab;
use crate::harness::Peer;

/// A stream of events.
struct Stream(Peer);

impl Stream {
    fn open(lab: &Lab, token: &str) -> Self {
        let mut peer = lab.peer();
        let head = format!(
            "GET /api/v1/events HTTP/1.1\r\nhost: box\r\nauthorization: Bearer {token}\r\n\
             connection: close\r\n\r\n"
        );
        assert!(peer.send(head.as_bytes()));
        let status = peer.line();
        assert!(status.contains(" 200 "), "{status}");
        let mut stream = Self(peer);
        assert_eq!(stream.next().0, "ready");
        stream
    }

    /// The next event and its data.
    fn next(&mut self) -> (String, Value) {
        loop {
            let line = self.0.line();
            let Some(name) = line.strip_prefix("event: ") else { continue };
            let data = self.0.line();
            let data = data.strip_prefix("data: ").expect("its data");
            return (name.trim().to_owned(), serde_json::from_str(data).expect("JSON"));
        }
    }

    /// Waits until a job of this kind ends as wanted.
    fn job_ends(&mut self, kind: &str, state: &str) -> Value {
        loop {
            let (name, said) = self.next();
            let job = &said["object"];
            if name == "shown"
                && said["kind"] == "job"
                && job["kind"] == kind
                && job["state"] == state
            {
                return job.clone();
            }
        }
    }
}

#[test]
fn two_hundred_see_a_job_end_and_another_client_sees_nothing_of_it() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let other = lab.account(&owner, "gus", "client-reader", &["globex"]);
    let mut others = Stream::open(&lab, &other);
    let mut streams: Vec<Stream> = (0..200).map(|_| Stream::open(&lab, &owner)).collect();
    lab.asked.ask(&["ingest", "--system", "mail"]).done();
    for stream in &mut streams {
        assert_eq!(stream.job_ends("ingest", "done")["client"], "acme");
    }
    let (peak, _) = lab.memory();
    println!("peak with 201 streams: {} KiB", peak / 1024);
    assert!(peak < 96 << 20, "{peak} bytes");
    // What comes first to the other is of its own.
    lab.asked.ask(&["ingest", "--system", "erp"]).done();
    loop {
        let (_, said) = others.next();
        let text = said.to_string();
        assert!(!text.contains("acme") && !text.contains("mail"), "{text}");
        if said["object"]["kind"] == "ingest" && said["object"]["state"] == "done" {
            break;
        }
    }
}

#[test]
fn an_engine_that_ends_is_told_and_so_is_its_return() {
    let (mut lab, owner) = Lab::claimed();
    let mut stream = Stream::open(&lab, &owner);
    lab.asked.engine.take().expect("it runs").kill();
    while stream.next().0 != "lost" {}
    let status = lab.get("/api/v1/status", &owner).1;
    assert_eq!((&status["engine"], &status["pool"]), (&false.into(), &Value::Null));
    let away = lab.ask("POST", "/api/v1/pool/scrub", &owner, &Value::Null);
    assert_eq!((away.0, &away.1["error"]), (503, &"away".into()));
    lab.asked.engine = Some(crate::harness::Engine::start(&lab.asked.pool, &lab.asked.bus, ""));
    loop {
        let (name, said) = stream.next();
        if name == "shown" && said["kind"] == "appliance" && said["object"]["state"] == "ready" {
            break;
        }
    }
    assert_eq!(lab.get("/api/v1/status", &owner).1["engine"], true);
}

#[test]
fn a_stream_ends_with_the_account() {
    let (lab, owner) = Lab::claimed();
    let token = lab.account(&owner, "anna", "auditor", &[]);
    let mut stream = Stream::open(&lab, &token);
    assert_eq!(lab.ask("DELETE", "/api/v1/accounts/anna", &owner, &Value::Null).0, 200);
    let began = std::time::Instant::now();
    lab.ask("POST", "/api/v1/alerts/test", &owner, &Value::Null);
    let rest = stream.0.rest();
    assert!(!rest.contains("alert"), "{rest}");
    assert!(began.elapsed() < Duration::from_secs(30));
}
