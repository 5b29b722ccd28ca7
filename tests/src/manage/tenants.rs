//! Two clients on one box: what is of one does not exist for the other.

use serde_json::{Value, json};

use super::lab::{Lab, ask};

#[test]
fn what_is_anothers_answers_as_what_is_not_there() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let acme = lab.account(&owner, "ann", "client-technician", &["acme"]);
    let globex = lab.account(&owner, "gus", "client-technician", &["globex"]);
    let (system, point) = (lab.system(&acme, "mail"), lab.point(&acme, "mail"));
    let job = lab.get("/api/v1/jobs", &acme).1["jobs"][0]["number"].clone();
    let export = {
        let path = format!("/api/v1/points/{point}/export");
        lab.ask("POST", &path, &acme, &json!({})).1["export"].clone()
    };
    let reason = json!({ "reason": "why not" });
    let wish = json!({ "system": system, "class": "file", "wish": "one of mail's files" });
    let request = lab.ask("POST", "/api/v1/requests", &acme, &wish).1["request"].clone();
    let step = json!({ "step": "acknowledged" });
    let none = "0".repeat(32);
    let tries = [
        ("GET", format!("systems/{system}"), format!("systems/{none}"), Value::Null),
        ("POST", format!("systems/{system}/run"), format!("systems/{none}/run"), Value::Null),
        ("GET", format!("points/{point}"), format!("points/{none}"), Value::Null),
        ("POST", format!("points/{point}/verify"), format!("points/{none}/verify"), Value::Null),
        ("POST", format!("points/{point}/export"), format!("points/{none}/export"), Value::Null),
        ("POST", format!("points/{point}/hold"), format!("points/{none}/hold"), reason),
        ("GET", format!("jobs/{job}"), "jobs/4711".to_owned(), Value::Null),
        ("POST", format!("jobs/{job}/cancel"), "jobs/4711/cancel".to_owned(), Value::Null),
        ("POST", format!("jobs/{job}/retry"), "jobs/4711/retry".to_owned(), Value::Null),
        ("POST", format!("exports/{export}/stop"), "exports/4711/stop".to_owned(), Value::Null),
        ("POST", format!("requests/{request}/step"), "requests/4711/step".to_owned(), step),
    ];
    let mut peer = lab.peer();
    for (verb, theirs, nobodys, body) in &tries {
        let mut said = |path: &str| ask(&mut peer, verb, &format!("/api/v1/{path}"), &globex, body);
        let (theirs_said, nobodys_said) = (said(theirs), said(nobodys));
        assert_eq!(theirs_said.0, 404, "{theirs}");
        assert_eq!(theirs_said, nobodys_said, "{theirs} and {nobodys} can be told apart");
    }
    // Its own it sees, and in lists nothing else.
    for list in ["systems", "points", "jobs", "exports", "alerts", "requests"] {
        let said = lab.get(&format!("/api/v1/{list}"), &globex).1.to_string();
        for canary in ["acme", "mail", &system, &point] {
            assert!(!said.contains(canary), "{list} tells {canary}: {said}");
        }
    }
    assert_eq!(lab.get("/api/v1/systems", &globex).1["systems"].as_array().map(Vec::len), Some(1));
    let status = lab.get("/api/v1/status", &globex).1;
    assert_eq!((&status["systems"]["all"], &status["pool"]), (&json!(1), &Value::Null));
    assert_eq!(lab.get(&format!("/api/v1/systems/{system}"), &acme).0, 200);
    // The export of the other is still there, for him.
    assert_eq!(lab.get("/api/v1/exports", &acme).1["exports"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_report_is_of_ones_own_clients() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let globex = lab.account(&owner, "gus", "client-reader", &["globex"]);
    let kinds = lab.get("/api/v1/reports", &globex).1;
    let kinds = kinds["reports"].as_array().expect("a list").clone();
    assert_eq!(kinds.len(), 8);
    let mut peer = lab.peer();
    let mut text = |path: &str, token: &str| {
        let head = format!(
            "GET /api/v1/reports/{path} HTTP/1.1\r\nhost: box\r\n\
             authorization: Bearer {token}\r\n\r\n"
        );
        assert!(peer.send(head.as_bytes()));
        let (status, _, body) = peer.whole_answer();
        (status, String::from_utf8(body).expect("text"))
    };
    for kind in kinds.iter().filter_map(|kind| kind["kind"].as_str()) {
        for format in ["html", "csv", "json"] {
            let (status, own) = text(&format!("{kind}?format={format}"), &globex);
            assert_eq!(status, 200, "{kind}: {own}");
            assert!(!own.contains("acme") && !own.contains("mail"), "{kind} {format}: {own}");
        }
        let theirs = text(&format!("{kind}?client=acme"), &globex);
        assert_eq!(theirs.0, 404, "{kind}");
        assert_eq!(theirs, text(&format!("{kind}?client=nobody"), &globex));
        let (_, all) = text(&format!("{kind}?format=json&days=1"), &owner);
        let report: Value = serde_json::from_str(&all).expect("JSON");
        assert_eq!(report["kind"], kind);
    }
    let (_, sizes) = text("sizes?format=csv", &owner);
    assert!(sizes.contains("mail") && sizes.contains("erp"), "{sizes}");
}
