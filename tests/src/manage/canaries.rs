//! Secrets go where they belong and nowhere else: into no log, error, list, report or file that is
//! sent to whoever helps.

use serde_json::{Value, json};

use super::lab::{Lab, PASSWORD};

const PASSWORDS: [&str; 3] =
    ["canary-new-password", "canary-wrong-password", "canary-wrong-passphrase"];
const OF_CHANNELS: [&str; 4] = ["canary-mail", "canary-webhook", "canary-community", "canary-path"];

fn channels() -> String {
    let [mail, webhook, community, path] = OF_CHANNELS;
    format!(
        "format = 1\n[[channel]]\nname = \"office\"\nkind = \"email\"\nserver = \"127.0.0.1\"\n\
         port = 9\nuser = \"box\"\npassword = {mail:?}\nfrom = \"b@msp.example\"\n\
         to = [\"o@acme.example\"]\n[[channel]]\nname = \"pager\"\nkind = \"webhook\"\n\
         url = \"https://127.0.0.1:9/{path}\"\nsecret = {webhook:?}\n[[channel]]\nname = \"nms\"\n\
         kind = \"snmp\"\nhost = \"127.0.0.1\"\nport = 9\ncommunity = {community:?}\n\
         [[route]]\nmin_severity = 1\nchannels = [\"office\", \"pager\", \"nms\"]\n"
    )
}

/// What is said where a secret was sent; it must not come back.
struct Said<'a> {
    lab: &'a Lab,
    texts: Vec<String>,
}

impl Said<'_> {
    fn post(&mut self, verb: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let said = self.lab.ask(verb, &format!("/api/v1/{path}"), token, body);
        self.texts.push(format!("{verb} {path}: {}", said.1));
        said
    }
}

#[test]
fn no_secret_comes_out_anywhere() {
    let lab = Lab::new();
    let code = lab.told()["code"].as_str().expect("a code").to_owned();
    let owner = lab.claims();
    lab.protect();
    let mut said = Said { lab: &lab, texts: Vec::new() };
    let [new, wrong, passphrase] = PASSWORDS;
    let sign_in = json!({ "name": "owner", "password": wrong });
    assert_eq!(said.post("POST", "session", "", &sign_in).0, 401);
    let made = json!({ "name": "tom", "role": "technician", "password": new });
    assert_eq!(said.post("POST", "accounts", &owner, &made).0, 200);
    let sent = json!({ "channels": channels() });
    assert_eq!(said.post("PUT", "channels", &owner, &sent).0, 200);
    let slip = json!({ "channels": channels().replace("kind = \"snmp\"", "kind = \"smnp\"") });
    assert_eq!(said.post("PUT", "channels", &owner, &slip).0, 400);
    for channel in ["office", "pager", "nms"] {
        said.post("POST", &format!("channels/{channel}/test"), &owner, &json!({}));
    }
    let offered = lab.ask("POST", "/api/v1/me/factor", &owner, &json!({ "password": PASSWORD }));
    let factor = offered.1["secret"].as_str().expect("a secret").to_owned();
    let purpose = json!({ "password": PASSWORD, "purpose": "watching", "days": 7 });
    let token = lab.ask("POST", "/api/v1/me/tokens", &owner, &purpose).1["token"].take();
    let token = token.as_str().expect("a token").to_owned();
    assert_eq!(said.post("POST", "pool/lock", &owner, &json!({})).0, 200);
    let unlock = json!({ "passphrase": passphrase });
    assert_eq!(said.post("POST", "pool/unlock", &owner, &unlock).0, 422, "{:?}", said.texts);
    let right = std::fs::read_to_string(lab.asked.pool.path("passphrase")).expect("the file");
    let right = right.trim().to_owned();
    assert_eq!(said.post("POST", "pool/unlock", &owner, &json!({ "passphrase": right })).0, 200);
    // Whatever stands where something else is expected is not repeated.
    let garbage = json!({ "password": [new], "name": wrong });
    said.post("POST", "session", "", &garbage);

    for path in [
        "support",
        "channels",
        "channels/status",
        "accounts",
        "audit",
        "audit/export",
        "me",
        "me/tokens",
        "metrics",
        "plan",
        "alerts",
        "status",
        "reports",
        "notices",
        "contracts",
        "work",
        "requests",
        "jobs",
        "reports/evidence?format=json&days=1",
        "reports/job-summary?format=json&days=1",
        "openapi.json",
    ] {
        said.texts.push(format!("{path}: {}", text(&lab, path, &owner)));
    }
    let log = lab.log.lock().expect("nobody panics").clone();
    assert!(log.contains("ready at"), "{log}");
    said.texts.push(log);
    let mut canaries = vec![code, owner, factor, token, right, PASSWORD.to_owned()];
    canaries.extend(PASSWORDS.iter().chain(&OF_CHANNELS).map(|&canary| canary.to_owned()));
    for (text, canary) in said.texts.iter().flat_map(|text| canaries.iter().map(move |c| (text, c)))
    {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
}

/// The body of what a page answers with.
fn text(lab: &Lab, path: &str, token: &str) -> String {
    let mut peer = lab.peer();
    let head = format!(
        "GET /api/v1/{path} HTTP/1.1\r\nhost: box\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    assert!(peer.send(head.as_bytes()));
    let (status, _, body) = peer.whole_answer();
    assert_eq!(status, 200, "{path}");
    String::from_utf8(body).expect("text")
}

#[test]
fn what_is_sent_to_whoever_helps_has_what_he_needs() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let bundle: Value = serde_json::from_str(&text(&lab, "support", &owner)).expect("JSON");
    assert_eq!(bundle["objects"]["system"].as_array().map(Vec::len), Some(2));
    assert_eq!(bundle["objects"]["pool"].as_array().map(Vec::len), Some(1));
    assert!(bundle["plan"].as_str().expect("a plan").contains("globex"));
    assert!(bundle["machine"]["kernel"].as_str().expect("a text").contains("Linux"));
    let audit = bundle["audit"].as_array().expect("entries");
    assert!(audit.iter().any(|entry| entry["what"] == "POST /api/v1/claim"), "{audit:?}");
    let technician = lab.account(&owner, "bound", "technician", &["acme"]);
    assert_eq!(lab.get("/api/v1/support", &technician).0, 403, "it is of all clients");
}
