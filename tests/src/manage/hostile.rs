//! Strangers, and accounts that keep to no rule: bounded memory, no answer that gives anything
//! away, and everybody else is served.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::lab::{Lab, ask};

/// Most bytes that the daemon may have resident, whatever strangers do: itself, two hashes of
/// passwords of 19 MiB, buffers of connections.
const BOUND: u64 = 96 << 20;

fn unharmed(lab: &Lab, owner: &str) {
    assert_eq!(lab.get("/api/v1/me", owner).0, 200);
    let (peak, _) = lab.memory();
    println!("peak {} KiB", peak / 1024);
    assert!(peak < BOUND, "{peak} bytes were resident");
}

#[test]
fn what_is_no_request_costs_little_and_says_nothing() {
    let (lab, owner) = Lab::claimed();
    let long = "x".repeat(64 << 10);
    let requests = [
        "nonsense\r\n\r\n".to_owned(),
        format!("GET /{long} HTTP/1.1\r\nhost: box\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: box\r\nx: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: box\r\n{}\r\n", "x: y\r\n".repeat(1000)),
        "POST /api/v1/session HTTP/1.1\r\nhost: box\r\ncontent-length: 99999999999\r\n\r\n".into(),
        "POST /api/v1/session HTTP/1.1\r\nhost: box\r\ncontent-length: -1\r\n\r\n".to_owned(),
        "POST /api/v1/session HTTP/1.1\r\nhost: box\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
            .to_owned(),
    ];
    for request in &requests {
        let mut peer = lab.peer();
        peer.send(request.as_bytes());
        let rest = peer.rest();
        let start: String = request.chars().take(60).collect();
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 4"), "{start}: {rest}");
    }
    unharmed(&lab, &owner);
}

#[test]
fn no_body_is_read_beyond_its_bound_and_none_at_all_of_who_is_not_signed_in() {
    let (lab, owner) = Lab::claimed();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for (path, status) in [("session", " 413 "), ("accounts", " 401 ")] {
        let mut peer = lab.peer();
        let head = format!(
            "POST /api/v1/{path} HTTP/1.1\r\nhost: box\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\n"
        );
        peer.send(head.as_bytes());
        // Until nobody takes it any more.
        let sent = (0..4096).take_while(|_| peer.send(&chunk)).count();
        assert!(sent < 4096, "{path} takes 256 MiB");
        let rest = peer.rest();
        assert!(rest.is_empty() || rest.contains(status), "{path}: {rest}");
    }
    unharmed(&lab, &owner);
}

#[test]
fn whoever_sends_too_much_is_told_so_before_the_connection_ends() {
    let (lab, owner) = Lab::claimed();
    // Sent to its end before anybody reads what is said of it, as most programs do.
    let body = vec![b' '; 6 << 20];
    let more = format!("authorization: Bearer {owner}\r\ncontent-type: application/json\r\n");
    for _ in 0..5 {
        let (status, said) = lab.peer().ask("PUT /api/v1/channels", &more, &body);
        assert_eq!((status, &said["error"]), (413, &json!("too-large")), "{said}");
    }
    unharmed(&lab, &owner);
}

#[test]
fn requests_one_after_the_other_in_one_go_are_answered_one_after_the_other() {
    let (lab, owner) = Lab::claimed();
    let mut peer = lab.peer();
    let one = "GET /api/v1/box HTTP/1.1\r\nhost: box\r\n\r\n";
    assert!(peer.send(one.repeat(100).as_bytes()));
    for _ in 0..100 {
        assert_eq!(peer.answer().0, 200);
    }
    unharmed(&lab, &owner);
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let (lab, owner) = Lab::claimed();
    let silent: Vec<TcpStream> =
        (0..400).filter_map(|_| TcpStream::connect(lab.address).ok()).collect();
    assert!(silent.len() > 100);
    unharmed(&lab, &owner);
    drop(silent);
    // And those that speak no TLS are ended.
    let mut plain = TcpStream::connect(lab.address).expect("it listens");
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it takes bytes");
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
}

#[test]
fn no_answer_and_no_log_holds_a_secret() {
    let (lab, owner) = Lab::claimed();
    let canary = "canary-canary-canary";
    let wrong = json!({ "name": "owner", "password": canary, "code": canary });
    let said = lab.ask("POST", "/api/v1/session", "", &wrong).1.to_string();
    let wrong_field = json!({ "name": "owner", "password": canary, "extra": canary });
    let told = lab.ask("POST", "/api/v1/session", "", &wrong_field).1.to_string();
    let typed = json!({ "name": "a b", "role": "device", "password": canary });
    let made = lab.ask("POST", "/api/v1/accounts", &owner, &typed).1.to_string();
    let token = lab.get("/api/v1/status", canary).1.to_string();
    let audit = lab.get("/api/v1/audit", &owner).1.to_string();
    let tokens = lab.get("/api/v1/me/tokens", &owner).1.to_string();
    for said in [said, told, made, token, audit, tokens] {
        assert!(!said.contains(canary) && !said.contains(&owner), "{said}");
    }
    // What is kept opens nothing.
    for name in ["manage.sqlite", "manage.sqlite-wal"] {
        let bytes = std::fs::read(lab.asked.pool.path("manage").join(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&owner) && !text.contains(super::lab::PASSWORD), "{name}");
    }
    assert_eq!(lab.get("/api/v1/nothing", &owner).1, Value::clone(&not_found()));
}

fn not_found() -> Value {
    json!({
        "error": "not-found", "problem": "there is no such page", "next": "list them again",
    })
}

#[test]
fn strangers_who_ask_and_stay_keep_nobody_out() {
    let (lab, token) = Lab::claimed();
    let mut known = lab.peer();
    let mut me = || ask(&mut known, "GET", "/api/v1/me", &token, &Value::Null).0;
    assert_eq!(me(), 200);
    // More than there is room for, each with an answer that anybody gets.
    let mut strangers = Vec::new();
    for number in 0..600 {
        let mut peer = lab.peer();
        assert_eq!(ask(&mut peer, "GET", "/api/v1/box", "", &Value::Null).0, 200);
        strangers.push(peer);
        // A connection that nobody uses ends by itself, however slow this machine is.
        if number % 50 == 0 {
            assert_eq!(me(), 200, "who has signed in stays beside {number} strangers");
        }
    }
    assert_eq!(me(), 200, "who has signed in stays");
    assert_eq!(lab.get("/api/v1/me", &token).0, 200, "and comes in");
}

#[test]
fn what_the_bus_would_cut_the_daemon_off_for_does_not_get_there() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let point = lab.point(&owner, "mail");
    let nul = "a\0b";
    for (verb, path, body) in [
        ("POST", "disks".to_owned(), json!({ "device": nul })),
        ("PUT", "plan".to_owned(), json!({ "plan": nul, "dry_run": true })),
        ("POST", format!("points/{point}/hold"), json!({ "reason": nul })),
        ("POST", format!("points/{point}/restore"), json!({ "target": nul })),
    ] {
        let said = lab.ask(verb, &format!("/api/v1/{path}"), &owner, &body);
        assert_eq!((said.0, &said.1["error"]), (400, &json!("invalid")), "{verb} {path}");
    }
    assert_eq!(lab.get("/api/v1/systems/a%00b", &owner).0, 404);
    let none = format!("/api/v1/disks/{}/remove", "0".repeat(32));
    assert_eq!(lab.ask("POST", &none, &owner, &json!({})).0, 404, "no disk is no silence");
    assert_eq!(lab.get("/api/v1/plan", &owner).0, 200, "the bus still knows it");
}
