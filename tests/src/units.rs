//! The units of the image, as far as they can be judged without a service manager.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the image has its units.
const UNITS: &str = "../image/files/usr/lib/systemd/system";

/// The exposure of a unit, in tenths, that is allowed at most: 1.0 for the engine.
const MOST_EXPOSED: &str = "10";

/// That of the console, which is root, as the files of the network are root's, and that of the
/// management daemon, which is in the network.
const MORE_EXPOSED: (&[&str], &str) =
    (&["holdfast-console.service", "holdfast-manage.service"], "15");

#[test]
fn no_unit_is_more_exposed_than_it_may_be() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(UNITS);
    let entries = std::fs::read_dir(&folder).expect("the folder of units");
    let units: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "service"))
        .collect();
    assert!(!units.is_empty());
    for unit in units {
        let name = unit.file_name().and_then(|name| name.to_str()).expect("a name");
        let most = if MORE_EXPOSED.0.contains(&name) { MORE_EXPOSED.1 } else { MOST_EXPOSED };
        let output = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--no-pager"])
            .arg(format!("--threshold={most}"))
            .arg(&unit)
            .output()
            .expect("systemd-analyze can be started: it is in the Debian package systemd");
        let told = String::from_utf8_lossy(&output.stdout);
        let verdict = told.lines().last().unwrap_or_default();
        println!("{}: {verdict}", unit.display());
        assert!(output.status.success(), "{}:\n{told}", unit.display());
    }
}
