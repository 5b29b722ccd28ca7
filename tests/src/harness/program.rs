//! The programs under test: `target/<profile>/holdfast` and `holdfast-engine`, next to the folder
//! of the test's own executable.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of the command. The first call in a run has cargo bring it up to date, in the profile
/// of the tests themselves, so that no scenario judges an old one; `HOLDFAST_BINARY` names another
/// one to test as it is.
pub(crate) fn holdfast() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let build = || build().join("holdfast");
    PROGRAM.get_or_init(|| env::var_os("HOLDFAST_BINARY").map_or_else(build, PathBuf::from))
}

/// The path of the engine, brought up to date in the same way; next to another command that is to
/// be tested there is an engine to test.
pub(crate) fn engine() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| named("holdfast-engine").unwrap_or_else(|| build().join("holdfast-engine")))
}

/// The path of another program of the workspace, brought up to date with all of them; next to
/// another command there is another one of these as well.
pub(crate) fn beside(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let built = || FOLDER.get_or_init(|| build_these(&["--workspace", "--bins"])).join(name);
    named(name).unwrap_or_else(built)
}

/// The program of this name next to the command that is to be tested, if one is named.
fn named(name: &str) -> Option<PathBuf> {
    let holdfast = env::var_os("HOLDFAST_BINARY").map(PathBuf::from)?;
    Some(holdfast.with_file_name(name)).filter(|program| program.exists())
}

/// Has cargo build both, so that what they share is built once; the folder that they are in.
fn build() -> PathBuf {
    build_these(&["--package", "holdfast", "--package", "engine"])
}

fn build_these(which: &[&str]) -> PathBuf {
    let test = env::current_exe().expect("the path of the test executable");
    let folder = test.ancestors().nth(2).expect("target/<profile>/deps above the executable");
    let profile = if folder.ends_with("release") { "release" } else { "dev" };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--locked"])
        .args(which)
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(folder.parent().expect("target above the profile"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(status.expect("cargo can be started").success(), "the programs do not build");
    folder.to_owned()
}
