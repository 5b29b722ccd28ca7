//! Pairs as they are made, and handshakes between them in memory.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Fingerprint;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};

use crate::{Identity, PinnedError, client, fingerprint_in, make, server};

fn places(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("a/c.pem"), folder.join("a/k.pem"))
}

fn identity(folder: &Path, name: &str) -> Identity {
    let (certificate, key) = (folder.join(name), folder.join(name.to_owned() + ".key"));
    make(&certificate, &key, name).unwrap();
    Identity::read(&certificate, &key).unwrap()
}

#[test]
fn a_pair_is_made_once_and_never_over_half_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = places(folder.path());
    assert!(make(&certificate, &key, "one").unwrap());
    let first = Identity::read(&certificate, &key).unwrap().fingerprint();
    assert!(!make(&certificate, &key, "two").unwrap());
    assert_eq!(fingerprint_in(&certificate).unwrap(), first);
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(key.parent().unwrap()).unwrap().count(), 2, "nothing stays beside");
    for gone in [&certificate, &key] {
        let bytes = fs::read(gone).unwrap();
        fs::remove_file(gone).unwrap();
        assert!(!make(&certificate, &key, "two").unwrap() && !gone.exists());
        let error = Identity::read(&certificate, &key).unwrap_err();
        assert!(matches!(error, PinnedError::Identity { .. }), "{error}");
        fs::write(gone, bytes).unwrap();
    }
}

#[test]
fn who_is_killed_while_it_makes_a_pair_has_left_what_the_next_one_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = places(folder.path());
    let aside = |path: &Path| path.with_extension("pem.new");
    make(&certificate, &key, "one").unwrap();
    let first = fingerprint_in(&certificate).unwrap();
    // Between the two renames.
    fs::rename(&certificate, aside(&certificate)).unwrap();
    assert!(make(&certificate, &key, "two").unwrap());
    assert_eq!(Identity::read(&certificate, &key).unwrap().fingerprint(), first);
    // Before the first of them: half of a file may be all there is.
    fs::remove_file(&certificate).unwrap();
    fs::remove_file(&key).unwrap();
    fs::write(aside(&certificate), "-----BEGIN").unwrap();
    fs::write(aside(&key), "").unwrap();
    assert!(make(&certificate, &key, "two").unwrap());
    Identity::read(&certificate, &key).unwrap();
}

#[test]
fn what_the_administrator_makes_is_for_the_user_whose_folder_it_is_in() {
    let folder = tempfile::tempdir().unwrap();
    match chown(folder.path(), Some(12_345), Some(12_346)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return,
        done => done.unwrap(),
    }
    let (certificate, key) = (folder.path().join("c"), folder.path().join("k"));
    make(&certificate, &key, "one").unwrap();
    for path in [certificate, key] {
        let file = fs::metadata(path).unwrap();
        assert_eq!((file.uid(), file.gid(), file.mode() & 0o777), (12_345, 12_346, 0o600));
    }
}

/// Passes what the two have to say to and fro until both are through, or one refuses.
fn shake(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), String> {
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut from = bytes.as_slice();
        while !from.is_empty() {
            server.read_tls(&mut from).unwrap();
            server.process_new_packets().map_err(|error| format!("server: {error}"))?;
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut from = bytes.as_slice();
        while !from.is_empty() {
            client.read_tls(&mut from).unwrap();
            client.process_new_packets().map_err(|error| format!("client: {error}"))?;
        }
    }
    Ok(())
}

#[test]
fn two_sides_that_know_each_other_and_no_others_come_together() {
    let folder = tempfile::tempdir().unwrap();
    let own = |name: &str| identity(folder.path(), name);
    let (box_is, agent_is) = (own("box").fingerprint(), own("agent").fingerprint());
    let meet = |agent: Identity, expects: Fingerprint, knows: Fingerprint| {
        let (tls, expected) = client(agent, expects).unwrap();
        let name = ServerName::try_from("box").unwrap();
        let mut client = ClientConnection::new(tls, name).unwrap();
        let tls = server(own("box"), [knows].into()).unwrap();
        let mut server = ServerConnection::new(tls).unwrap();
        (shake(&mut client, &mut server), Arc::clone(&expected).other())
    };
    assert_eq!(meet(own("agent"), box_is, agent_is), (Ok(()), None));
    let (met, other) = meet(own("agent"), agent_is, agent_is);
    assert!(met.is_err_and(|error| error.starts_with("client:")));
    assert_eq!(other, Some(box_is), "what was found instead is told");
    let (met, other) = meet(own("stranger"), box_is, agent_is);
    assert!(met.is_err_and(|error| error.starts_with("server:")));
    assert_eq!(other, None);
}

#[test]
fn a_key_that_cannot_be_read_is_no_reason_to_make_another() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = places(folder.path());
    make(&certificate, &key, "one").unwrap();
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    let error = Identity::read(&certificate, &key).unwrap_err();
    assert!(matches!(error, PinnedError::File { .. }), "{error}");
}
