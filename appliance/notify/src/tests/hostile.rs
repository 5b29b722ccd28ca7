//! Peers that mean harm cost a message its time, and nothing more.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::make::{event, settings};
use super::peers::{Identity, Smtp, https, sent_within, serve};
use super::webhooks::hooking;
use crate::Settings;

const SHORT: Duration = Duration::from_millis(1500);

async fn fails_in_time(settings: &Settings) -> String {
    let begun = Instant::now();
    let error = sent_within(settings, event("x", "one", 7), SHORT).await.unwrap_err();
    assert!(begun.elapsed() < SHORT * 4, "{error}");
    assert!(!error.is_final);
    error.to_string()
}

fn mailing(port: u16) -> Settings {
    settings(&format!(
        "[[channel]]\nname = \"a\"\nkind = \"email\"\nserver = \"127.0.0.1\"\nport = {port}\n\
         security = \"none\"\nfrom = \"a@b.example\"\nto = [\"c@d.example\"]\n"
    ))
}

#[tokio::test]
async fn a_mail_server_that_hangs_babbles_or_never_ends() {
    let identity = Identity::new();
    let (port, _mails) = Smtp { greeting: b"", ..Smtp::GOOD }.serve(&identity).await;
    assert!(fails_in_time(&mailing(port)).await.contains("has not taken it within"));
    let garbage = b"\xff\xfe\x00 what? \r\n220\r\n";
    let (port, _mails) = Smtp { greeting: garbage, ..Smtp::GOOD }.serve(&identity).await;
    fails_in_time(&mailing(port)).await;
    const LONG: &[u8] = &[b'2'; 4096];
    for line in [LONG, b"220-more\r\n"] {
        let port =
            serve(move |mut stream| async move { while stream.write_all(line).await.is_ok() {} });
        fails_in_time(&mailing(port.await)).await;
    }
    let port = serve(|stream| async move { drop(stream) }).await;
    fails_in_time(&mailing(port)).await;
}

#[tokio::test]
async fn a_webhook_that_never_ends_or_is_slow() {
    let identity = Identity::new();
    let (port, _requests) = https(&identity, |mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 500 No\r\n\r\n").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let error = fails_in_time(&hooking(&identity, port)).await;
    assert!(error.contains("500") && error.len() < 400, "{error}");
    let (port, _requests) = https(&identity, |mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"X-More: more\r\n").await.is_ok() {}
    })
    .await;
    fails_in_time(&hooking(&identity, port)).await;
    let (port, _requests) = https(&identity, |mut stream, _| async move {
        for byte in b"HTTP/1.1 200 OK\r\n\r\n" {
            let _ = stream.write_all(&[*byte]).await;
            sleep(SHORT / 4).await;
        }
    })
    .await;
    assert!(fails_in_time(&hooking(&identity, port)).await.contains("has not taken it within"));
}

#[tokio::test]
async fn nobody_there_is_told_with_where_it_was_looked_for() {
    for kind in [
        "kind = \"syslog\"",
        "kind = \"syslog\"\ntransport = \"tcp\"",
        "kind = \"snmp\"\ncommunity = \"canary\"",
    ] {
        let settings = settings(&format!(
            "[[channel]]\nname = \"a\"\n{kind}\nhost = \"127.0.0.1\"\nport = 9\n"
        ));
        let error = fails_in_time(&settings).await;
        assert!(error.contains("127.0.0.1:9") && error.contains("firewall"), "{error}");
    }
}
