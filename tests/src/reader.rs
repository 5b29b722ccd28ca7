//! FORMAT.md is enough: a reader in another language, written from it alone, gives back what
//! `holdfast` stored. It is in `reader/`, with its own tests, which are run here.

use std::process::{Command, Stdio};

use crate::harness::{holdfast, skipped};

/// Debian's, which has the modules that Debian packages.
const PYTHON: &str = "/usr/bin/python3";

#[test]
fn a_reader_in_another_language_gives_back_what_was_stored() {
    let modules = ["-c", "import argon2, cryptography, lz4, zstandard"];
    let found = Command::new(PYTHON).args(modules).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        return skipped("needs python3 with argon2, cryptography, lz4 and zstandard");
    }
    let output = Command::new(PYTHON)
        .args(["-B", "-m", "unittest", "discover", "reader"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("HOLDFAST", holdfast())
        .output()
        .expect("Python can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // Its tests of whole pools are left out when it gets no command to make them with.
    assert!(said.trim_end().ends_with("\nOK"), "something was left out: {said}");
}
