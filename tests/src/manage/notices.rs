//! Planned changes: clients are told ahead, and what was told when is on record.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::lab::Lab;
use super::mail::Mail;

const HOUR: u64 = 3600;

/// By then what was delivered is noted: it is looked every ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

fn notices(lab: &Lab, token: &str) -> Vec<Value> {
    let (status, mut said) = lab.get("/api/v1/notices", token);
    assert_eq!(status, 200, "{said}");
    serde_json::from_value(said["notices"].take()).expect("a list")
}

#[test]
fn a_client_is_told_of_a_change_by_mail_and_it_is_kept_when() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let technician = lab.account(&owner, "tom", "technician", &[]);
    let contact = lab.account(&owner, "eve", "client-reader", &["acme"]);
    let mail = Mail::start();
    let channels = json!({ "channels": mail.channels("contact", "clients = [\"acme\"]") });
    assert_eq!(lab.ask("PUT", "/api/v1/channels", &owner, &channels).0, 200);

    let begin = now() + 100 * HOUR;
    let change = json!({
        "what": "The box is restarted for a new version", "reason": "Faults are mended",
        "begin": begin, "end": begin + HOUR, "clients": ["acme", "globex"],
    });
    let announced = lab.ask("POST", "/api/v1/notices", &technician, &change);
    assert_eq!(announced, (200, json!({ "notice": 1 })));
    let told = mail.hears("work is planned");
    assert!(told.contains("The box is restarted for a new version"), "{told}");
    assert!(!told.contains("maintenance-planned"), "a contact reads no codes: {told}");

    let by = Instant::now() + PATIENCE;
    let seen = loop {
        let seen = notices(&lab, &contact).remove(0);
        if seen["clients"][0]["state"] == "in-time" {
            break seen;
        }
        assert!(Instant::now() < by, "{seen}");
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_eq!(seen["clients"].as_array().map(Vec::len), Some(1), "of others he sees nothing");
    let all = notices(&lab, &owner).remove(0);
    assert_eq!(all["clients"][1]["state"], "due", "globex has no channel: {all}");
    let tell = |token: &str, client: &str| {
        let body = json!({ "client": client });
        lab.ask("POST", "/api/v1/notices/1/told", token, &body).0
    };
    assert_eq!((tell(&contact, "acme"), tell(&technician, "nobody")), (403, 404));
    assert_eq!(tell(&technician, "globex"), 200);
    let all = notices(&lab, &owner).remove(0);
    assert_eq!(all["clients"][1]["state"], "in-time", "{all}");
    let report = lab.get("/api/v1/reports/maintenance-notices?format=json", &owner);
    assert!(report.0 == 200 && report.1.to_string().contains("kept, "), "{}", report.1);

    let cancel = |token: &str| lab.ask("POST", "/api/v1/notices/1/cancel", token, &json!({})).0;
    assert_eq!(cancel(&contact), 403);
    assert_eq!((cancel(&technician), cancel(&technician)), (200, 409));
    mail.hears("planned work is over");
}

#[test]
fn a_client_announces_what_he_changes_and_nothing_for_others() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let acme = lab.account(&owner, "ann", "client-technician", &["acme"]);
    let globex = lab.account(&owner, "gus", "client-technician", &["globex"]);
    let announce =
        |token: &str, change: &Value| lab.ask("POST", "/api/v1/notices", token, change).0;
    let begin = now() + HOUR;
    let own = json!({
        "what": "New switches", "begin": begin, "end": begin + HOUR, "clients": ["acme"],
        "emergency": "the old ones burn",
    });
    let with = |field: &str, value: Value| {
        let mut change = own.clone();
        change[field] = value;
        change
    };
    assert_eq!(announce(&acme, &with("clients", json!(["acme", "globex"]))), 404);
    assert_eq!(announce(&acme, &with("clients", json!([]))), 400);
    assert_eq!(announce(&acme, &with("end", json!(begin))), 400);
    assert_eq!(announce(&acme, &with("begin", json!(u64::MAX))), 400);
    assert_eq!(announce(&acme, &own), 200);
    assert_eq!(announce(&owner, &with("clients", json!(["acme", "globex"]))), 200);
    let seen = notices(&lab, &globex);
    assert_eq!(seen.len(), 1);
    assert!(!seen[0].to_string().contains("acme"), "{seen:?}");
    let cancel = |token: &str, number: u64| {
        lab.ask("POST", &format!("/api/v1/notices/{number}/cancel"), token, &json!({})).0
    };
    assert_eq!((cancel(&globex, 1), cancel(&globex, 2), cancel(&acme, 2)), (404, 403, 403));
    assert_eq!(cancel(&acme, 1), 200);
    assert_eq!(announce(&owner, &with("clients", json!(["acme", "acme"]))), 200);
    let told = notices(&lab, &owner).remove(0)["clients"].take();
    assert_eq!(told.as_array().map(Vec::len), Some(1), "who is named twice is told once");
    assert!((0..20).all(|_| announce(&acme, &own) == 200));
    assert_eq!(announce(&acme, &own), 409, "nobody has so many ahead");
}

#[test]
fn contracts_and_work_stand_in_the_statement_of_their_client_alone() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let technician = lab.account(&owner, "tom", "technician", &[]);
    let contact = lab.account(&owner, "eve", "client-reader", &["globex"]);
    let put = |token: &str, client: &str, contract: &Value| {
        lab.ask("PUT", &format!("/api/v1/contracts/{client}"), token, contract).0
    };
    let gold = json!({ "tier": "gold", "systems": 5, "work_seconds": 5 * HOUR });
    assert_eq!(put(&contact, "acme", &gold), 403);
    assert_eq!(put(&technician, "nobody", &gold), 404);
    assert_eq!(put(&technician, "acme", &gold), 200);
    let work = json!({ "client": "acme", "seconds": 600, "what": "Restored minutes.odt" });
    let write_down = |body: &Value| lab.ask("POST", "/api/v1/work", &technician, body);
    assert_eq!(write_down(&work), (200, json!({ "work": 1 })));
    let idle = json!({ "client": "acme", "seconds": 0, "what": "Nothing" });
    assert_eq!(write_down(&idle).0, 400);
    let contracts = lab.get("/api/v1/contracts", &owner).1["contracts"].take();
    let expected = json!([{
        "client": "acme", "tier": "gold", "systems": 5, "source_bytes": null,
        "stored_bytes": null, "retention_days": null, "work_seconds": 5 * HOUR,
        "worked_seconds": 600,
    }]);
    assert_eq!(contracts, expected);
    for list in ["contracts", "work"] {
        assert_eq!(lab.get(&format!("/api/v1/{list}"), &contact).1[list], json!([]), "{list}");
    }
    for (kind, text) in [("usage", "gold"), ("monthly-statement", "Restored minutes.odt")] {
        let report = format!("/api/v1/reports/{kind}?format=json&client=acme&days=1");
        let report = lab.get(&report, &owner).1.to_string();
        assert!(report.contains(text), "{kind}: {report}");
    }
    let end = |client: &str| {
        lab.ask("DELETE", &format!("/api/v1/contracts/{client}"), &technician, &json!({})).0
    };
    assert_eq!((end("acme"), end("acme")), (200, 404));
}
