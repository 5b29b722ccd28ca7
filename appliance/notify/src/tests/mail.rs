//! Mail to a server that speaks SMTP.

use super::make::{event, settings};
use super::peers::{Identity, Smtp, sent};
use crate::{Event, EventKind, Settings};

fn mailing(
    identity: &Identity,
    port: u16,
    security: &str,
    login: &str,
    audience: &str,
) -> Settings {
    settings(&format!(
        "[[channel]]\nname = \"desk\"\nkind = \"email\"\naudience = \"{audience}\"\n\
         server = \"localhost\"\nport = {port}\nsecurity = \"{security}\"\n{login}\
         from = \"box17@msp.example\"\nto = [\"noc@msp.example\", \"two@msp.example\"]\n\
         ca = \"{}\"\n[[route]]\nchannels = [\"desk\"]\n",
        identity.ca.display()
    ))
}

const LOGIN: &str = "user = \"box17\"\npassword = \"canary-password\"\n";

#[tokio::test]
async fn mail_goes_encrypted_both_ways_and_logs_in() {
    let identity = Identity::new();
    for security in ["tls", "starttls", "none"] {
        let login = Some(("box17", "canary-password"));
        let server = Smtp { security, login, ..Smtp::GOOD };
        let (port, mut mails) = server.serve(&identity).await;
        let settings = mailing(&identity, port, security, LOGIN, "desk");
        sent(&settings, event("disk-failed", "disk 2", 7)).await.unwrap();
        let (secret, mail) = mails.recv().await.unwrap();
        assert_eq!(secret, security != "none");
        assert!(mail.contains("[p2 7] acme: disk-failed, disk 2 (box17)"), "{mail}");
    }
}

#[tokio::test]
async fn a_recovery_is_in_the_thread_of_its_alert() {
    let identity = Identity::new();
    let (port, mut mails) = Smtp::GOOD.serve(&identity).await;
    let settings = mailing(&identity, port, "none", "", "desk");
    let raised = event("disk-failed", "disk 2", 7);
    for kind in [EventKind::Raised, EventKind::Cleared] {
        sent(&settings, Event { kind, ..raised.clone() }).await.unwrap();
    }
    let (first, second) = (mails.recv().await.unwrap().1, mails.recv().await.unwrap().1);
    let header = |mail: &str, name: &str| {
        let start = format!("{name}: ");
        let line = mail.lines().find(|line| line.starts_with(&start));
        line.map(|line| line[start.len()..].to_owned())
    };
    let root = header(&first, "Message-ID").unwrap();
    assert_eq!(header(&second, "References").as_ref(), Some(&root));
    assert_eq!(header(&second, "In-Reply-To").as_ref(), Some(&root));
    assert_ne!(header(&second, "Message-ID"), Some(root));
    let key = header(&first, "Holdfast-Dedupe-Key");
    assert_eq!(key, Some(raised.dedupe_key()));
    assert_eq!(header(&second, "Holdfast-Dedupe-Key"), key);
    assert_eq!(header(&second, "Holdfast-Event").as_deref(), Some("cleared"));
    assert!(second.contains("Subject: Cleared: [p2 7]"), "{second}");
    assert!(first.contains("multipart/alternative") && first.contains("&lt;failed&gt;"), "{first}");
    assert!(first.contains("Next step: Put in a new disk."), "{first}");
}

#[tokio::test]
async fn a_contact_reads_plain_words_and_no_internals() {
    let identity = Identity::new();
    let (port, mut mails) = Smtp::GOOD.serve(&identity).await;
    let settings = mailing(&identity, port, "none", "", "contact");
    sent(&settings, event("disk-failed", "disk 2", 7)).await.unwrap();
    let (_, mail) = mails.recv().await.unwrap();
    assert!(mail.contains("with the backup appliance itself"), "{mail}");
    for inside in ["disk-failed", "disk 2", "Put in", "portal", "[p2"] {
        assert!(!mail.contains(inside), "{inside}: {mail}");
    }
}

#[tokio::test]
async fn refusals_pass_or_are_final_as_the_server_says() {
    let identity = Identity::new();
    for (on_rcpt, on_data, is_final) in [
        ("450 greylisted", "250 ok", false),
        ("550 nobody here", "250 ok", true),
        ("250 ok", "452 no room", false),
        ("250 ok", "554 looks like spam", true),
    ] {
        let server = Smtp { on_rcpt, on_data, ..Smtp::GOOD };
        let (port, _mails) = server.serve(&identity).await;
        let settings = mailing(&identity, port, "none", "", "desk");
        let error = sent(&settings, event("x", "one", 7)).await.unwrap_err();
        assert_eq!(error.is_final, is_final, "{error}");
        let text = if on_rcpt.starts_with('2') { on_data } else { on_rcpt };
        assert!(error.what.contains(&text[4..]), "{error}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it_and_tried_again() {
    let identity = Identity::new();
    let server = Smtp { security: "tls", login: Some(("box17", "other")), ..Smtp::GOOD };
    let (port, _mails) = server.serve(&identity).await;
    let settings = mailing(&identity, port, "tls", LOGIN, "desk");
    let error = sent(&settings, event("x", "one", 7)).await.unwrap_err();
    assert!(!error.is_final && error.to_string().contains("refuses user or password (535)"));
    // The server repeats what it was sent.
    assert!(!format!("{error:?}").contains("AUTH"), "{error:?}");
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_without_tls_or_that_nobody_vouches_for() {
    let identity = Identity::new();
    let (port, mut mails) = Smtp::GOOD.serve(&identity).await;
    let settings = mailing(&identity, port, "starttls", LOGIN, "desk");
    let error = sent(&settings, event("x", "one", 7)).await.unwrap_err();
    assert!(error.what.contains("no STARTTLS"), "{error}");
    let server = Smtp { security: "tls", ..Smtp::GOOD };
    let (port, mut others) = server.serve(&identity).await;
    let stranger = Identity::new();
    let settings = mailing(&stranger, port, "tls", LOGIN, "desk");
    let error = sent(&settings, event("x", "one", 7)).await.unwrap_err();
    assert!(error.what.contains("ertificate"), "{error}");
    assert!(mails.try_recv().is_err() && others.try_recv().is_err());
}
