//! Every route with everybody: the committed description is walked through.

use std::path::Path;

use serde_json::{Value, json};

use super::lab::{Lab, ask};

/// The committed description.
fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../appliance/manage/openapi.json");
    serde_json::from_slice(&std::fs::read(path).expect("it is committed")).expect("JSON")
}

struct Operation {
    verb: String,
    path: String,
    open: bool,
    /// `None` for whoever is signed in.
    roles: Option<Vec<String>>,
    /// It concerns the appliance as a whole.
    wide: bool,
}

fn operations() -> Vec<Operation> {
    let document = document();
    let mut operations = Vec::new();
    for (path, verbs) in document["paths"].as_object().expect("paths") {
        for (verb, operation) in verbs.as_object().expect("verbs") {
            let roles = operation["x-roles"].as_array();
            let roles = roles.map(|roles| {
                roles.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
            });
            operations.push(Operation {
                verb: verb.to_uppercase(),
                path: path.clone(),
                open: operation["security"] == json!([]),
                roles,
                wide: operation["x-appliance"] == true,
            });
        }
    }
    operations
}

/// What stands where a path has braces: something that is not there.
fn filled(path: &str) -> String {
    path.replace("{point}", &"0".repeat(32))
        .replace("{disk}", &"0".repeat(32))
        .replace("{number}", "4711")
        .replace("{system}", "nobody")
        .replace("{name}", "nobody")
        .replace("{client}", "nobody")
        .replace("{kind}", "nothing")
        .replace("{id}", "nobody")
}

#[test]
fn every_route_refuses_whom_it_is_not_for() {
    let (lab, owner) = Lab::claimed();
    let roles = ["owner", "technician", "client-technician", "client-reader", "auditor", "device"];
    let mut accounts = vec![("owner", false, owner.clone())];
    for role in &roles[1..] {
        let bound = role.starts_with("client");
        let clients: &[&str] = if bound { &["acme"] } else { &[] };
        accounts.push((role, bound, lab.account(&owner, &format!("a-{role}"), role, clients)));
    }
    accounts.push(("technician", true, lab.account(&owner, "bound", "technician", &["acme"])));
    let operations = operations();
    assert!(operations.len() > 50, "{}", operations.len());
    let (mut peer, mut tried) = (lab.peer(), 0);
    for operation in operations.iter().filter(|operation| !operation.open) {
        let path = filled(&operation.path);
        // Nobody, and somebody with a token that is none.
        for token in ["", &"0".repeat(64)] {
            let said = ask(&mut peer, &operation.verb, &path, token, &Value::Null);
            assert_eq!(said.0, 401, "{} {path} {}", operation.verb, said.1);
            assert_eq!(said.1["error"], "anonymous");
        }
        let Some(for_roles) = &operation.roles else { continue };
        for (role, bound, token) in &accounts {
            let admitted = for_roles.iter().any(|one| one == role) && !(operation.wide && *bound);
            if admitted {
                continue;
            }
            let said = ask(&mut peer, &operation.verb, &path, token, &Value::Null);
            assert_eq!(said.0, 403, "{role} {} {path} {}", operation.verb, said.1);
            assert_eq!(said.1["error"], "forbidden");
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn what_looks_answers_with_what_was_described() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let document = document();
    let mut peer = lab.peer();
    for operation in operations().iter().filter(|operation| operation.verb == "GET") {
        let described = &document["paths"][&operation.path]["get"]["responses"]["200"]["content"];
        let schema = &described["application/json"]["schema"];
        if operation.path.contains('{') || schema.is_null() {
            continue;
        }
        let (status, said) = ask(&mut peer, "GET", &operation.path, &owner, &Value::Null);
        assert_eq!(status, 200, "{}: {said}", operation.path);
        let properties = schema["properties"].as_object().expect("fields");
        for (name, described) in properties {
            assert!(said.get(name).is_some(), "{}: no {name} in {said}", operation.path);
            let Some(reference) = described["items"]["$ref"].as_str() else { continue };
            let tag = reference.rsplit('/').next().expect("a name");
            let wanted = document["components"]["schemas"][tag]["required"].clone();
            for object in said[name].as_array().expect("a list") {
                let mut wanted = wanted.as_array().expect("names").iter().filter_map(Value::as_str);
                assert!(wanted.all(|field| object.get(field).is_some()), "{object}");
            }
        }
    }
}

#[test]
fn a_technician_does_his_day_without_a_shell() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let token = lab.account(&owner, "anna", "technician", &[]);
    let post = |path: &str, body: &Value| {
        let (status, said) = lab.ask("POST", &format!("/api/v1/{path}"), &token, body);
        assert_eq!(status, 200, "{path}: {said}");
        said
    };
    let ended = |said: &Value| {
        let number = said["job"].as_u64().expect("a job");
        lab.asked.engine().job_is(number, bus::JobState::Done);
    };
    ended(&post(&format!("systems/{}/run", lab.system(&token, "mail")), &json!({})));
    let point = lab.point(&token, "mail");
    ended(&post(&format!("points/{point}/verify"), &json!({})));
    let target = lab.asked.pool.path("restored").display().to_string();
    ended(&post(&format!("points/{point}/restore"), &json!({ "target": target })));
    let source = std::fs::read(lab.asked.pool.path("mail.img")).expect("the source");
    assert!(std::fs::read(target).expect("what was restored") == source);
    let export = post(&format!("points/{point}/export"), &json!({ "writable": true }));
    post(&format!("exports/{}/stop", export["export"]), &json!({ "discard": true }));
    for upkeep in ["scrub", "reclaim", "verify"] {
        ended(&post(&format!("pool/{upkeep}"), &json!({})));
    }
    let fates = post("pool/expire", &json!({ "dry_run": true }));
    // Of two of one day the policy keeps the last; nothing went yet.
    let fates = fates["points"].as_array().expect("a list");
    let of = |verdict: &str| fates.iter().filter(|fate| fate["verdict"] == verdict).count();
    assert_eq!((of("stays"), of("goes")), (2, 1), "{fates:?}");
    assert_eq!(lab.get("/api/v1/points", &token).1["points"].as_array().map(Vec::len), Some(3));
    let plan = lab.get("/api/v1/plan", &token).1["plan"].as_str().expect("a plan").to_owned();
    let other = plan.replacen("rpo = \"8h\"", "rpo = \"6h\"", 1);
    let body = json!({ "plan": other, "dry_run": true });
    let said = lab.ask("PUT", "/api/v1/plan", &token, &body).1;
    assert!(said["difference"].as_str().expect("text").contains("rpo"), "{said}");
    let wrong = lab.ask("PUT", "/api/v1/plan", &token, &json!({ "plan": "nonsense = 1" }));
    assert_eq!((wrong.0, &wrong.1["error"]), (400, &json!("invalid")), "{}", wrong.1);
    assert_eq!(lab.get("/api/v1/plan", &token).1["plan"], plan.as_str());
}
