//! Claiming, signing in, tokens, second factors, certificates, the audit log.

use std::process::Command;

use serde_json::{Value, json};

use super::lab::{Lab, PASSWORD, ask};
use crate::harness::{Peer, beside};

#[test]
fn who_has_the_code_of_the_console_owns_the_box_and_nobody_after_him() {
    let mut lab = Lab::new();
    assert_eq!(lab.get("/api/v1/status", "").1["error"], "unclaimed");
    let about = lab.get("/api/v1/box", "").1;
    assert_eq!((&about["name"], &about["claimed"]), (&json!("box-7"), &json!(false)));
    let mut wrong = lab.claim("owner");
    wrong["code"] = "AAAA-AAAA-AAAA".into();
    assert_eq!(lab.ask("POST", "/api/v1/claim", "", &wrong).1["error"], "forbidden");
    let mut short = lab.claim("owner");
    short["password"] = "short".into();
    assert_eq!(lab.ask("POST", "/api/v1/claim", "", &short).1["error"], "invalid");
    let claim = lab.claim("owner");
    assert_eq!(lab.ask("POST", "/api/v1/claim", "", &claim).0, 200);
    assert_eq!(lab.ask("POST", "/api/v1/claim", "", &claim).1["error"], "conflict");
    assert_eq!((&lab.told()["claimed"], &lab.told()["code"]), (&json!(true), &Value::Null));
    // The owner is there after a restart, and so are his sessions.
    let token = lab.sign_in("owner");
    lab.start();
    let me = lab.get("/api/v1/me", &token).1;
    assert_eq!((&me["account"], &me["role"]), (&json!("owner"), &json!("owner")));
    assert_eq!(lab.ask("DELETE", "/api/v1/session", &token, &Value::Null).0, 200);
    assert_eq!(lab.get("/api/v1/me", &token).0, 401);
}

#[test]
fn twenty_wrong_codes_lock_the_claim_until_the_console_wants_another() {
    let mut lab = Lab::new();
    let right = lab.claim("owner");
    let mut wrong = right.clone();
    wrong["code"] = "0".into();
    let mut peer = lab.peer();
    for _ in 0..20 {
        assert_eq!(ask(&mut peer, "POST", "/api/v1/claim", "", &wrong).0, 403);
    }
    let locked = ask(&mut peer, "POST", "/api/v1/claim", "", &right);
    assert_eq!((locked.0, &locked.1["error"]), (429, &json!("too-often")));
    assert_eq!(lab.told()["locked"], true);
    lab.start();
    assert_eq!(lab.ask("POST", "/api/v1/claim", "", &right).0, 403, "the old code");
    assert_eq!(lab.ask("POST", "/api/v1/claim", "", &lab.claim("owner")).0, 200);
}

#[test]
fn guessing_passwords_gets_slow_and_the_right_one_does_not_help_then() {
    let (lab, _) = Lab::claimed();
    let body = |password: &str| json!({ "name": "owner", "password": password });
    let mut peer = lab.peer();
    let mut tries =
        |password: &str| ask(&mut peer, "POST", "/api/v1/session", "", &body(password)).1;
    let mut said: Vec<Value> = (0..6).map(|_| tries("wrong password")["error"].clone()).collect();
    said.push(tries(PASSWORD)["error"].clone());
    assert_eq!(said.iter().filter(|said| **said == "anonymous").count(), 5, "{said:?}");
    assert_eq!(&said[5..], ["too-often", "too-often"]);
}

#[test]
fn a_second_factor_is_wanted_once_it_was_proved() {
    let (lab, token) = Lab::claimed();
    let password = json!({ "password": PASSWORD });
    let offered = lab.ask("POST", "/api/v1/me/factor", &token, &password).1;
    let secret = offered["secret"].as_str().expect("a secret");
    assert!(offered["link"].as_str().expect("a link").contains(secret));
    // It counts only when somebody has shown that he has it.
    lab.sign_in("owner");
    let wrong = lab.ask("PUT", "/api/v1/me/factor", &token, &json!({ "code": "000000" }));
    assert_eq!(wrong.0, 403);
    let code = code_of(secret);
    assert_eq!(lab.ask("PUT", "/api/v1/me/factor", &token, &json!({ "code": code })).0, 200);
    let body = json!({ "name": "owner", "password": PASSWORD, "bearer": true });
    assert_eq!(lab.ask("POST", "/api/v1/session", "", &body).1["error"], "second-factor");
    let mut with = body.clone();
    with["code"] = code.into();
    let again = lab.ask("POST", "/api/v1/session", "", &with);
    assert_eq!(again.1["error"], "anonymous", "a code is good once");
    assert_eq!(lab.ask("DELETE", "/api/v1/me/factor", &token, &password).0, 200);
    lab.sign_in("owner");
}

/// What an authenticator shows: by Python, which knows nothing of our own code.
fn code_of(secret: &str) -> String {
    let program = "import base64, hmac, struct, sys, time\n\
        key = base64.b32decode(sys.argv[1])\n\
        digest = hmac.new(key, struct.pack('>Q', int(time.time()) // 30), 'sha1').digest()\n\
        at = digest[-1] & 15\n\
        print('%06d' % ((struct.unpack('>I', digest[at:at+4])[0] & 0x7fffffff) % 1000000))\n";
    let output = Command::new("python3").args(["-c", program, secret]).output();
    let output = output.expect("python3 can be started");
    String::from_utf8(output.stdout).expect("digits").trim().to_owned()
}

#[test]
fn a_cookie_alone_changes_nothing() {
    let (lab, _) = Lab::claimed();
    let body = json!({ "name": "owner", "password": PASSWORD }).to_string();
    let mut peer = lab.peer();
    let head = format!(
        "POST /api/v1/session HTTP/1.1\r\nhost: box\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(peer.send(head.as_bytes()));
    let (status, head, body) = peer.whole_answer();
    assert_eq!(status, 200);
    assert!(!String::from_utf8_lossy(&body).contains("token"));
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("one");
    for part in ["__Host-holdfast=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = format!("cookie: {}\r\n", cookie.split(';').next().expect("its value"));
    assert_eq!(peer.ask("GET /api/v1/me", &cookie, b"").0, 200);
    // Another page can have the browser send the cookie, and not this header.
    assert_eq!(peer.ask("POST /api/v1/alerts/test", &cookie, b"").0, 403);
    let own = cookie + "holdfast-request: 1\r\n";
    assert_eq!(peer.ask("POST /api/v1/alerts/test", &own, b"").0, 200);
}

#[test]
fn tokens_certificates_and_accounts_end_when_they_are_to() {
    let (lab, owner) = Lab::claimed();
    let token = lab.account(&owner, "anna", "technician", &[]);
    let body = json!({ "purpose": "RMM", "days": 1, "password": PASSWORD });
    let made = lab.ask("POST", "/api/v1/me/tokens", &token, &body).1;
    let program = made["token"].as_str().expect("a token");
    assert_eq!(lab.get("/api/v1/status", program).0, 200);
    let id = made["id"].as_str().expect("an id");
    assert_eq!(lab.ask("DELETE", &format!("/api/v1/me/tokens/{id}"), &token, &Value::Null).0, 200);
    assert_eq!(lab.get("/api/v1/status", program).0, 401);
    // A certificate signs in where it is asked for, and nobody else's does.
    let (certificate, key) = (lab.asked.pool.path("anna.pem"), lab.asked.pool.path("anna.key"));
    let pair = rcgen::generate_simple_self_signed(["anna".to_owned()]).expect("a pair");
    std::fs::write(&certificate, pair.cert.pem()).expect("room");
    std::fs::write(&key, pair.signing_key.serialize_pem()).expect("room");
    let identity = Some((certificate, key));
    let shown = || Peer::connect(lab.certificates, identity.clone()).ask("GET /api/v1/me", "", b"");
    assert_eq!(shown().0, 401);
    let fingerprint = pinned::fingerprint_of(pair.cert.der()).to_string();
    let change = json!({ "certificate": fingerprint });
    assert_eq!(lab.ask("PUT", "/api/v1/accounts/anna", &owner, &change).0, 200);
    assert_eq!(shown().1["account"], "anna");
    assert_eq!(lab.get("/api/v1/status", &token).0, 401, "what was changed signs in anew");
    assert_eq!(lab.ask("DELETE", "/api/v1/accounts/anna", &owner, &Value::Null).0, 200);
    assert_eq!(shown().0, 401);
    // Somebody must be able to make accounts.
    let confirm = json!({ "confirm": PASSWORD });
    let alone = lab.ask("DELETE", "/api/v1/accounts/owner", &owner, &confirm);
    assert_eq!(alone.1["error"], "conflict", "{}", alone.1);
    let less = lab.ask(
        "PUT",
        "/api/v1/accounts/owner",
        &owner,
        &json!({ "role": "auditor", "confirm": PASSWORD }),
    );
    assert_eq!(less.1["error"], "conflict", "{}", less.1);
    assert_eq!(lab.get("/api/v1/me", &owner).1["role"], "owner");
}

#[test]
fn what_changes_something_is_in_the_audit_log_and_no_secret_is() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    lab.account(&owner, "carl", "client-reader", &["acme"]);
    let point = lab.point(&owner, "mail");
    let hold = json!({ "reason": "the auditor wants it" });
    assert_eq!(lab.ask("POST", &format!("/api/v1/points/{point}/hold"), &owner, &hold).0, 200);
    let release = format!("/api/v1/points/{}/release", "0".repeat(32));
    assert_eq!(lab.ask("POST", &release, &owner, &hold).0, 404);
    let mut peer = lab.peer();
    let bearer = format!("authorization: Bearer {owner}\r\n");
    let head = format!("GET /api/v1/audit/export HTTP/1.1\r\nhost: box\r\n{bearer}\r\n");
    assert!(peer.send(head.as_bytes()));
    let lines = String::from_utf8(peer.whole_answer().2).expect("text");
    let outcomes: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")).collect();
    let of = |what: &str| -> Vec<&str> {
        let found = outcomes.iter().filter(|entry| entry["what"].as_str().unwrap().contains(what));
        found.filter_map(|entry| entry["outcome"].as_str()).collect()
    };
    assert_eq!(of("/hold"), ["asked", "done"]);
    assert_eq!(of("/release"), ["asked", "not-found"]);
    assert_eq!(of("/accounts"), ["asked", "done"]);
    assert!(lines.contains("the auditor wants it") && lines.contains("client-reader"));
    assert!(!lines.contains(PASSWORD) && !lines.contains(&owner));
    // Whoever keeps the export can check it without the box.
    let path = lab.asked.pool.path("audit.ndjson");
    let check = |text: &str| {
        std::fs::write(&path, text).expect("room");
        let mut check = Command::new(beside("holdfast-manage"));
        let output = check.arg("check-audit").arg(&path).output().expect("it can be started");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let hash = lab.get("/api/v1/audit?most=1", &owner).1["hash"].clone();
    let (whole, said) = check(&lines);
    assert!(whole && said.contains(hash.as_str().expect("a hash")), "{said}");
    assert!(!check(&lines.replacen("the auditor", "the owner", 1)).0);
}

#[test]
fn a_factory_reset_at_the_console_frees_the_box_and_keeps_recovery_points() {
    let (mut lab, owner) = Lab::claimed();
    lab.protect();
    let before = lab.get("/api/v1/box", "").1["fingerprint"].clone();
    std::fs::write(lab.asked.pool.path("manage-run/reset"), "").expect("room");
    lab.start();
    assert_eq!(lab.get("/api/v1/status", &owner).1["error"], "unclaimed");
    assert_ne!(lab.get("/api/v1/box", "").1["fingerprint"], before);
    assert_eq!(lab.ask("POST", "/api/v1/claim", "", &lab.claim("next")).0, 200);
    let next = lab.sign_in("next");
    lab.point(&next, "mail");
    lab.start();
    assert_eq!(lab.get("/api/v1/me", &next).0, 200, "it is done once");
}

#[test]
fn a_session_alone_makes_no_owner() {
    let (lab, owner) = Lab::claimed();
    let body = |role: &str, confirm: Option<&str>| {
        let mut body = json!({ "role": role });
        if let Some(confirm) = confirm {
            body["confirm"] = confirm.into();
        }
        body
    };
    let make = |name: &str, role: &str, confirm: Option<&str>| {
        let mut body = body(role, confirm);
        (body["name"], body["password"]) = (name.into(), PASSWORD.into());
        lab.ask("POST", "/api/v1/accounts", &owner, &body).0
    };
    let change = |name: &str, role: &str, confirm: Option<&str>| {
        lab.ask("PUT", &format!("/api/v1/accounts/{name}"), &owner, &body(role, confirm)).0
    };
    let wrong = "another horse battery";
    assert_eq!(make("eve", "owner", None), 403);
    assert_eq!(make("eve", "owner", Some(wrong)), 403);
    assert_eq!(make("tom", "technician", None), 200);
    assert_eq!(change("tom", "owner", None), 403);
    assert_eq!(change("tom", "owner", Some(PASSWORD)), 200);
    assert_eq!(change("tom", "technician", None), 403, "who was one is one until it is confirmed");
    let remove = |confirm: &Value| lab.ask("DELETE", "/api/v1/accounts/tom", &owner, confirm).0;
    assert_eq!(remove(&json!({})), 403);
    assert_eq!(remove(&json!({ "confirm": PASSWORD })), 200);
    assert_eq!(make("eve", "owner", Some(PASSWORD)), 200);
}
