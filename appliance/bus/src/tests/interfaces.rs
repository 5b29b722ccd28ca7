//! The committed descriptions are those of the server.

use std::path::{Path, PathBuf};

use zbus::Connection;
use zbus::fdo::IntrospectableProxy;

use super::harness::usual;
use crate::SERVICE;
use crate::object::INTERFACES;
use crate::server::introspect::file;

/// Set to write the files instead of comparing them.
pub(super) const WRITE: &str = "HOLDFAST_WRITE_INTERFACES";

/// What to do when a file is not as it should be.
pub(super) const ADVICE: &str = "if the change is meant, run \
    `HOLDFAST_WRITE_INTERFACES=1 cargo test -p bus committed` and commit what it writes";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interfaces")
}

/// What the server says about a path.
pub(super) async fn introspect(connection: &Connection, path: &str) -> String {
    let proxy = IntrospectableProxy::builder(connection).destination(SERVICE).path(path);
    proxy.build().await.unwrap().introspect().await.unwrap()
}

/// Name and text of each committed description.
pub(super) fn committed() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        files.push((name, std::fs::read_to_string(&path).unwrap()));
    }
    files.sort();
    files
}

/// Compares a file with what it should hold, or writes it.
pub(super) fn hold_against(path: &Path, expected: &str) {
    if std::env::var_os(WRITE).is_some() {
        return std::fs::write(path, expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    let different = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    assert!(found == expected, "{}: {different:?}\n{ADVICE}", path.display());
}

#[test]
fn committed_descriptions_are_complete_and_up_to_date() {
    for interface in INTERFACES {
        let path = folder().join(format!("{}.xml", interface.name));
        hold_against(&path, &file(interface));
    }
    assert_eq!(committed().len(), INTERFACES.len(), "a file too many in {}", folder().display());
}

#[tokio::test]
async fn the_server_describes_its_objects_as_committed() {
    let served = usual().await;
    for place in served.tree.places() {
        let xml = introspect(served.connection(), place.path().as_str()).await;
        let name = crate::object::interface_at(&place).name;
        let (_, file) = committed().into_iter().find(|(file, _)| file == name).unwrap();
        let start = file.find("  <interface").unwrap();
        let own = file.get(start..).unwrap().trim_end_matches("</node>\n");
        assert!(xml.contains(own), "{place:?}\n{ADVICE}");
    }
}
