//! Webhooks to a server that checks them.

use std::process::Command;

use serde_json::Value;

use super::make::{FRIDAY, event, settings};
use super::peers::{Identity, OK, https, say, sent};
use crate::Settings;

pub(super) fn hooking(identity: &Identity, port: u16) -> Settings {
    settings(&format!(
        "[[channel]]
name = \"hook\"
kind = \"webhook\"
url = \"https://localhost:{port}/h?x=1\"
secret = \"canary-secret\"
ca = \"{}\"
[[route]]
channels = [\"hook\"]
",
        identity.ca.display()
    ))
}

#[tokio::test]
async fn a_message_is_signed_named_and_whole() {
    let identity = Identity::new();
    let (port, mut requests) = https(&identity, |stream, _| say(stream, OK)).await;
    let event = event("disk-failed", "disk 2", 7);
    sent(&hooking(&identity, port), event.clone()).await.unwrap();
    let request = requests.recv().await.unwrap();
    assert!(request.head.starts_with("POST /h?x=1 HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("Host"), format!("localhost:{port}"));
    assert_eq!(request.header("Holdfast-Event"), "raised");
    assert_eq!(request.header("Idempotency-Key"), "abc-12");
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!((&body["id"], &body["count"]), (&"abc-12".into(), &1.into()));
    let alert = &body["alerts"][0];
    assert_eq!(alert["dedupe_key"], event.dedupe_key());
    assert_eq!((&alert["number"], &alert["code"]), (&7.into(), &"disk-failed".into()));
    assert_eq!(alert["figures"]["disk"], "disk 2");
    checked_by_python(request.header("Holdfast-Signature"), &request.body);
}

/// The snippet of CHANNELS.md finds the signature genuine, and no other.
fn checked_by_python(signature: &str, body: &str) {
    let page = include_str!("../../CHANNELS.md");
    let (_, snippet) = page.split_once("```python\n").unwrap();
    let (snippet, _) = snippet.split_once("```").unwrap();
    let program = format!(
        "{snippet}\nimport sys\nsignature, now, body = sys.argv[1], int(sys.argv[2]), sys.argv[3]\n\
         check = lambda secret, body, now: is_genuine(secret, signature, body.encode(), now)\n\
         assert check('canary-secret', body, now)\n\
         assert not check('other', body, now)\n\
         assert not check('canary-secret', body + ' ', now)\n\
         assert not check('canary-secret', body, now + 301)\n"
    );
    let now = FRIDAY.to_string();
    let python = Command::new("python3").args(["-c", &program, signature, &now, body]).output();
    // A machine without Python checks the rest.
    let Ok(output) = python else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn answers_are_told_and_say_whether_trying_again_helps() {
    let identity = Identity::new();
    for (status, is_final, next) in [
        ("410 Gone", false, "correct `url`"),
        ("404 Not Found", false, "correct `url`"),
        ("401 Unauthorized", false, "signature"),
        ("422 Unprocessable", true, "document"),
        ("301 Moved\r\nLocation: https://elsewhere.example/", false, "leads to"),
        ("503 Busy", false, "log"),
    ] {
        let (port, mut requests) = https(&identity, move |stream, _| async move {
            let body = "your key canary-secret is nice";
            let length = body.len();
            say(stream, &format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"))
                .await;
        })
        .await;
        let error = sent(&hooking(&identity, port), event("x", "one", 7)).await.unwrap_err();
        assert_eq!(error.is_final, is_final, "{error}");
        assert!(error.what.contains(&status[..3]) && error.next_step.contains(next), "{error}");
        assert!(error.what.contains("your key (kept) is nice"), "{error}");
        requests.recv().await.unwrap();
        assert!(requests.try_recv().is_err(), "no redirect is followed");
    }
}

#[tokio::test]
async fn a_stranger_with_the_right_name_gets_nothing() {
    let (identity, stranger) = (Identity::new(), Identity::new());
    let (port, mut requests) = https(&stranger, |stream, _| say(stream, OK)).await;
    let error = sent(&hooking(&identity, port), event("x", "one", 7)).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(requests.try_recv().is_err());
}
