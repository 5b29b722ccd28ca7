//! The client's contact asks for a file back, and the MSP's desk hears of it and answers.

use serde_json::{Value, json};

use super::channels::Syslog;
use super::lab::Lab;

#[test]
fn who_may_only_look_asks_for_a_file_back_and_the_desk_answers_in_time() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let contact = lab.account(&owner, "eve", "client-reader", &["acme"]);
    let technician = lab.account(&owner, "tom", "technician", &[]);
    let syslog = Syslog::start();
    let channels = format!(
        "format = 1\n[[channel]]\nname = \"desk\"\nkind = \"syslog\"\nhost = \"127.0.0.1\"\n\
         port = {}\ntransport = \"tcp\"\n[[route]]\nchannels = [\"desk\"]\n",
        syslog.port
    );
    let body = json!({ "channels": channels });
    assert_eq!(lab.ask("PUT", "/api/v1/channels", &owner, &body).0, 200);

    let system = lab.system(&contact, "mail");
    let wish = json!({ "system": system, "class": "file", "wish": "minutes.odt, to my desktop" });
    let (status, said) = lab.ask("POST", "/api/v1/requests", &contact, &wish);
    assert_eq!((status, &said["request"]), (200, &json!(1)));
    let told = syslog.hears(&["restore-requested"]);
    assert!(told.contains("eve asks for mail back: minutes.odt"), "{told}");
    let listed = |token: &str| -> Value { lab.get("/api/v1/requests", token).1["requests"].take() };
    let request = listed(&contact)[0].take();
    assert_eq!((&request["client"], &request["next"]), (&json!("acme"), &json!("acknowledged")));
    let left = request["promises"][0]["seconds"].as_u64().expect("seconds");
    assert!(request["promises"][0]["state"] == "due" && (1100..=1200).contains(&left), "{request}");

    let step = |token: &str, step: &str| {
        let body = json!({ "step": step });
        lab.ask("POST", "/api/v1/requests/1/step", token, &body).0
    };
    assert_eq!(step(&contact, "acknowledged"), 403, "the desk answers");
    assert_eq!(step(&technician, "started"), 409, "nothing is begun before it is answered");
    assert_eq!(step(&technician, "acknowledged"), 200);
    let taken = syslog.hears(&["restore-requested"]);
    assert!(taken.contains("acknowledged") && taken.contains("tom"), "{taken}");
    assert_eq!(step(&technician, "acknowledged"), 409, "once");
    for taken in ["started", "first-byte", "usable"] {
        assert_eq!(step(&technician, taken), 200, "{taken}");
    }
    let over = syslog.hears(&["restore-requested"]);
    assert!(over.contains("cleared"), "{over}");
    assert_eq!(step(&contact, "verified"), 200, "who asked says whether it is right");
    let request = listed(&owner)[0].take();
    assert_eq!((&request["next"], &request["by"][4]), (&Value::Null, &json!("eve")));
    assert_eq!(request["promises"][1]["state"], "kept");

    // The report of the client has it with its clocks.
    let report = lab.get("/api/v1/reports/restore-clocks?client=acme&format=json&days=1", &owner);
    assert!(report.0 == 200 && report.1.to_string().contains("eve"), "{}", report.1);
    for wrong in [
        json!({ "system": "nothing", "class": "file", "wish": "x" }),
        json!({ "system": system, "class": "all", "wish": "x" }),
        json!({ "system": system, "class": "file", "wish": " " }),
        json!({ "system": system, "class": "file", "wish": "x", "point": "0".repeat(32) }),
    ] {
        let (status, said) = lab.ask("POST", "/api/v1/requests", &contact, &wrong);
        assert!([400, 404].contains(&status), "{wrong}: {said}");
    }
    // Nobody has the MSP told of so much that alerts are lost in it.
    let asked = || lab.ask("POST", "/api/v1/requests", &contact, &wish).0;
    assert!((0..20).all(|_| asked() == 200));
    assert_eq!(asked(), 409);
    assert_eq!(lab.ask("POST", "/api/v1/requests", &owner, &wish).0, 200, "others still may");
}

#[test]
fn what_was_asked_for_comes_page_by_page() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let system = lab.system(&owner, "mail");
    for number in 1..=3 {
        let wish = json!({ "system": system, "class": "file", "wish": format!("file {number}") });
        assert_eq!(lab.ask("POST", "/api/v1/requests", &owner, &wish).0, 200);
        let work = json!({ "client": "acme", "seconds": number, "what": "looked for it" });
        assert_eq!(lab.ask("POST", "/api/v1/work", &owner, &work).0, 200);
    }
    for (path, list, number) in [("requests", "requests", "id"), ("work", "work", "number")] {
        let page = |query: &str| {
            let (status, said) = lab.get(&format!("/api/v1/{path}{query}"), &owner);
            assert_eq!(status, 200, "{said}");
            let records = said[list].as_array().expect("records");
            let numbers: Vec<u64> =
                records.iter().filter_map(|record| record[number].as_u64()).collect();
            (numbers, said["more"] == true)
        };
        assert_eq!(page(""), (vec![3, 2, 1], false));
        assert_eq!(page("?most=2"), (vec![3, 2], true));
        assert_eq!(page("?most=2&before=2"), (vec![1], false));
        assert_eq!(lab.get(&format!("/api/v1/{path}?most=1001"), &owner).0, 400);
    }
}
