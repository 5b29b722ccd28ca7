//! Whoever is not an agent, or is one and keeps to no rule: bounded memory, no trace in any
//! recovery point, and the other agents are served.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::lab::{Lab, Server};
use crate::harness::Peer;
use crate::harness::{MIB, Random};

/// Most bytes that the receiver may have resident, whatever two agents do and strangers try: four
/// bodies of 4 MiB, each in a buffer that may be twice as long, and itself.
const BOUND: u64 = 48 << 20;

/// A lab with two agents, of which `mail` has one recovery point.
fn lab() -> (Lab, Server, Vec<u8>) {
    let lab = Lab::new(&["mail", "files"]);
    let server = lab.serve("127.0.0.1:0");
    let mut bytes = vec![0; 3 * MIB];
    Random(9).fill(&mut bytes);
    fs::write(lab.volume("mail"), &bytes).expect("room");
    lab.run("mail");
    (lab, server, bytes)
}

/// Checks that all is as before: `mail` has its points, each as it was, and can add another.
fn unharmed(lab: &Lab, server: &Server, bytes: &[u8]) {
    assert_eq!(lab.newest_is("mail", bytes), 1);
    lab.run("mail");
    assert_eq!(lab.newest_is("mail", bytes), 2);
    assert_eq!(lab.files().points("files", "root").len(), 0);
    let peak = server.peak();
    println!("peak {} KiB", peak / 1024);
    assert!(peak < BOUND, "{peak} bytes were resident");
}

const GREET: &str = "GET /v1 HTTP/1.1\r\nhost: box\r\n\r\n";

#[test]
fn without_a_known_certificate_no_byte_of_a_request_is_answered() {
    let (lab, server, bytes) = lab();
    let other = Lab::new(&["mail"]);
    for identity in [None, Some(other.identity("mail"))] {
        let mut peer = Peer::connect(server.address, identity);
        peer.send(GREET.as_bytes());
        assert_eq!(peer.rest(), "");
    }
    // Somebody else's certificate without its key is no better.
    let (certificate, _) = lab.identity("mail");
    let (_, key) = lab.identity("files");
    let stolen = lab.path("stolen.key");
    fs::copy(key, &stolen).expect("room");
    let result =
        std::panic::catch_unwind(|| Peer::connect(server.address, Some((certificate, stolen))));
    assert!(result.is_err(), "the two do not even fit");
    unharmed(&lab, &server, &bytes);
}

#[test]
fn tls_1_2_is_refused() {
    let (lab, server, bytes) = lab();
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    // A ClientHello as TLS 1.2 has it: two suites, no extension but the groups and signatures.
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4];
    hello.extend([0, extensions.len() as u8]);
    hello.extend(extensions);
    let mut record = vec![22, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend(hello);
    stream.write_all(&record).expect("it takes bytes");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an end");
    assert_eq!(answer.get(..1), Some(&[21][..]), "an alert: {answer:?}");
    assert_eq!(answer.last(), Some(&70), "for the version of the protocol: {answer:?}");
    unharmed(&lab, &server, &bytes);
}

#[test]
fn what_is_anothers_does_not_exist() {
    let (lab, server, bytes) = lab();
    let mut mail = Peer::connect(server.address, Some(lab.identity("mail")));
    let mut files = Peer::connect(server.address, Some(lab.identity("files")));
    let begun = mail.ask("POST /v1/volumes/root", "", b"{\"bytes\": 8192}");
    let number = begun.1["intake"].as_u64().expect("an intake");
    let theirs = format!("/v1/intakes/{number}");
    let nobodys = "/v1/intakes/4711";
    let both = |ask: &mut dyn FnMut(&str) -> (u16, serde_json::Value)| {
        let (theirs, nobodys) = (ask(&theirs), ask(nobodys));
        assert_eq!(theirs.0, 404);
        assert_eq!(theirs, nobodys, "the two can be told apart");
    };
    both(&mut |path| files.ask(&format!("GET {path}"), "", b""));
    both(&mut |path| files.put(&format!("{path}/0"), &[1; 4096]));
    both(&mut |path| files.ask(&format!("POST {path}/zero"), "", b"{\"offset\":0,\"bytes\":4096}"));
    both(&mut |path| files.ask(&format!("POST {path}/flush"), "", b""));
    let finish = b"{\"consistency\":\"moment\"}";
    both(&mut |path| files.ask(&format!("POST {path}/finish"), "", finish));
    both(&mut |path| files.ask(&format!("DELETE {path}"), "", b""));
    let secret = files.ask("POST /v1/volumes/secret", "", b"{\"bytes\": 8192}");
    assert_eq!((secret.0, &secret.1["error"]), (404, &"unknown".into()));
    // Its own it can write, and never read.
    assert_eq!(mail.put(&format!("{theirs}/0"), &[1; 4096]).0, 200);
    assert_eq!(mail.ask(&format!("GET {theirs}/0"), "", b"").0, 404);
    assert_eq!(mail.ask(&format!("DELETE {theirs}"), "", b"").0, 200);
    unharmed(&lab, &server, &bytes);
}

#[test]
fn no_recovery_point_can_be_read_changed_or_deleted() {
    let (lab, server, bytes) = lab();
    let mut mail = Peer::connect(server.address, Some(lab.identity("mail")));
    for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"] {
        for path in ["/", "/v1/points", "/v1/volumes", "/v1/volumes/data/1", "/v1/intakes/1/data"] {
            if method == "HEAD" {
                continue;
            }
            let (status, _) = mail.ask(&format!("{method} {path}"), "", b"");
            assert!((400..500).contains(&status), "{method} {path}: {status}");
            mail = Peer::connect(server.address, Some(lab.identity("mail")));
        }
    }
    // The intake that became the point is closed for good.
    assert_eq!(mail.put("/v1/intakes/1/0", &[1; 4096]).0, 409);
    assert_eq!(mail.ask("POST /v1/intakes/1/zero", "", b"{\"offset\":0,\"bytes\":4096}").0, 409);
    assert_eq!(mail.ask("DELETE /v1/intakes/1", "", b"").0, 409);
    unharmed(&lab, &server, &bytes);
}

#[test]
fn lengths_digests_and_ranges_that_are_wrong_write_nothing() {
    let (lab, server, bytes) = lab();
    let connect = || Peer::connect(server.address, Some(lab.identity("mail")));
    let (status, begun) = connect().ask("POST /v1/volumes/root", "", b"{\"bytes\": 3145728}");
    assert_eq!(status, 200);
    let path = format!("/v1/intakes/{}", begun["intake"]);
    let digest = format!("holdfast-blake3: {}\r\n", blake3::hash(&[1; 4096]).to_hex());
    for length in ["4194305", "18446744073709551615", "99999999999999999999999", "-1", "x"] {
        let mut peer = connect();
        let head = format!(
            "PUT {path}/0 HTTP/1.1\r\nhost: box\r\ncontent-length: {length}\r\n{digest}\r\n"
        );
        peer.send(head.as_bytes());
        let rest = peer.rest();
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 4"), "{length}: {rest}");
    }
    assert_eq!(connect().ask(&format!("PUT {path}/0"), &digest, &[2; 4096]).0, 422);
    for place in ["4095", "3145728", "3141633", "18446744073709547520"] {
        assert_eq!(connect().put(&format!("{path}/{place}"), &[1; 4096]).0, 400, "{place}");
    }
    assert_eq!(connect().put(&format!("{path}/0"), &[1; 4095]).0, 400);
    let zero = |body: &[u8]| connect().ask(&format!("POST {path}/zero"), "", body).0;
    assert_eq!(zero(b"{\"offset\":4096,\"bytes\":18446744073709551615}"), 400);
    assert_eq!(zero(b"{\"offset\":0}"), 400);
    assert_eq!(zero(&[b'['; 4096]), 400);
    assert_eq!(zero(&[b'['; 4097]), 413);
    for size in ["0", "1073741825", "18446744073709551615", "-5", "1e400", "\"x\""] {
        let body = format!("{{\"bytes\": {size}}}");
        let status = connect().ask("POST /v1/volumes/data", "", body.as_bytes()).0;
        assert!(status == 403 || status == 400, "{size}: {status}");
    }
    // Nothing of that is in what was begun: it is the recovery point before.
    let finished =
        connect().ask(&format!("POST {path}/finish"), "", b"{\"consistency\":\"unknown\"}");
    assert_eq!((finished.0, &finished.1["state"]), (200, &"done".into()));
    assert_eq!(lab.newest_is("mail", &bytes), 2);
}

#[test]
fn what_was_on_its_way_for_too_long_ends_nothing_that_is_newer() {
    let (lab, server, bytes) = lab();
    let connect = || Peer::connect(server.address, Some(lab.identity("mail")));
    let mut older = connect();
    assert_eq!(older.ask("GET /v1", "", b"").0, 200);
    let mut younger = connect();
    let size = format!("{{\"bytes\": {}}}", bytes.len());
    let (status, begun) = younger.ask("POST /v1/volumes/root", "", size.as_bytes());
    assert_eq!(status, 200);
    let path = format!("/v1/intakes/{}", begun["intake"]);
    assert_eq!(younger.put(&format!("{path}/0"), &[1; 4096]).0, 200);
    let late = [
        (format!("POST {path}/finish"), "{\"consistency\":\"moment\"}"),
        (format!("DELETE {path}"), ""),
        // One of another size would discard it.
        ("POST /v1/volumes/root".to_owned(), "{\"bytes\": 8192}"),
    ];
    for (head, body) in late {
        let (status, told) = older.ask(&head, "", body.as_bytes());
        assert_eq!((status, &told["error"]), (503, &"busy".into()), "{head}: {told}");
        older = connect();
        // The younger one is the older now, until it writes.
        assert_eq!(older.ask("GET /v1", "", b"").0, 200);
        std::mem::swap(&mut older, &mut younger);
        assert_eq!(younger.put(&format!("{path}/0"), &[1; 4096]).0, 200);
    }
    let (_, state) = younger.ask(&format!("GET {path}"), "", b"");
    assert_eq!(state["state"], "open", "{state}");
    assert_eq!(younger.ask(&format!("DELETE {path}"), "", b"").0, 200);
    unharmed(&lab, &server, &bytes);
}

#[test]
fn streams_without_end_and_heads_without_end_are_cut_off() {
    let (lab, server, bytes) = lab();
    let connect = || Peer::connect(server.address, Some(lab.identity("files")));
    let begun = connect().ask("POST /v1/volumes/root", "", b"{\"bytes\": 3145728}");
    let digest = format!("holdfast-blake3: {}\r\n", blake3::hash(&[1; 4096]).to_hex());
    let path = format!("/v1/intakes/{}", begun.1["intake"]);

    let mut chunked = connect();
    let head =
        format!("PUT {path}/0 HTTP/1.1\r\nhost: b\r\ntransfer-encoding: chunked\r\n{digest}\r\n");
    chunked.send(head.as_bytes());
    let chunk = [b"10000\r\n".to_vec(), vec![1; 65_536], b"\r\n".to_vec()].concat();
    let mut sent = 0;
    while sent < 4000 && chunked.send(&chunk) {
        sent += 1;
    }
    assert!(sent < 4000, "256 MiB were taken");

    let mut json = connect();
    json.send(b"POST /v1/volumes/root HTTP/1.1\r\nhost: b\r\ntransfer-encoding: chunked\r\n\r\n");
    json.send(&chunk);
    assert!(json.rest().starts_with("HTTP/1.1 411"));

    let mut head = connect();
    head.send(b"GET /v1 HTTP/1.1\r\n");
    let mut lines = 0;
    while lines < 100_000 && head.send(b"x-more: and more and more and more and more\r\n") {
        lines += 1;
    }
    assert!(lines < 100_000, "a head of 4 MB was taken");
    unharmed(&lab, &server, &bytes);
}

#[test]
fn a_head_that_never_ends_is_given_up_and_holds_nobody_up() {
    let (lab, server, bytes) = lab();
    let mut slow = Peer::connect(server.address, Some(lab.identity("files")));
    slow.send(b"GET /v1 HT");
    let mut silent = Peer::connect(server.address, Some(lab.identity("files")));
    let greeted = silent.ask("GET /v1", "", b"");
    assert_eq!(greeted.1["system"], "files");
    let mut half = Peer::connect(server.address, Some(lab.identity("files")));
    let begun = half.ask("POST /v1/volumes/root", "", b"{\"bytes\": 3145728}");
    let head = format!(
        "PUT /v1/intakes/{}/0 HTTP/1.1\r\nhost: b\r\ncontent-length: 4096\r\n\
         holdfast-blake3: {}\r\n\r\nhalf",
        begun.1["intake"],
        blake3::hash(&[1; 4096]).to_hex()
    );
    half.send(head.as_bytes());
    let began = Instant::now();
    unharmed(&lab, &server, &bytes);
    slow.rest();
    silent.rest();
    assert!(half.rest().starts_with("HTTP/1.1 408"));
    assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
}

#[test]
fn thousands_of_connections_cost_little_and_agents_come_through() {
    let (lab, server, bytes) = lab();
    let mut held = Vec::new();
    let mut random = Random(11);
    let mut garbage = vec![0; 4096];
    for number in 0..4000 {
        let Ok(mut stream) = TcpStream::connect(server.address) else { continue };
        match number % 3 {
            0 => {}
            1 => {
                random.fill(&mut garbage);
                let _ = stream.write_all(&garbage);
            }
            // The head of a record that promises 16 KiB.
            _ => drop(stream.write_all(&[22, 3, 1, 64, 0, 1, 0, 63, 252])),
        }
        held.push(stream);
        // Descriptors are few on some machines.
        if held.len() > 800 {
            held.drain(..400);
        }
    }
    unharmed(&lab, &server, &bytes);
}

#[test]
fn one_agent_with_as_many_connections_and_bodies_as_it_likes_leaves_room_for_others() {
    let (lab, server, bytes) = lab();
    let connect = || Peer::connect(server.address, Some(lab.identity("files")));
    let begun = connect().ask("POST /v1/volumes/root", "", b"{\"bytes\": 1073741824}");
    let head = format!(
        "PUT /v1/intakes/{}/0 HTTP/1.1\r\nhost: b\r\ncontent-length: 4194304\r\n\
         holdfast-blake3: {}\r\n\r\n",
        begun.1["intake"],
        blake3::hash(&[1; 4096]).to_hex()
    );
    let mut held = Vec::new();
    for _ in 0..60 {
        let mut peer = connect();
        peer.send(&[head.as_bytes(), &vec![1; MIB]].concat());
        held.push(peer);
    }
    unharmed(&lab, &server, &bytes);
}
