//! schemathesis, a program of other people, asks the daemon for whatever its description allows and
//! for much that it does not: no answer is a fault, and each is what the description says.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::lab::Lab;
use crate::harness::{MIB, skipped};

/// What it looks for: faults, answers that are not as described, and answers to strangers.
const CHECKS: &str = "not_a_server_error,response_schema_conformance,status_code_conformance,\
    content_type_conformance,response_headers_conformance,ignored_auth,use_after_free,\
    unsupported_method";

/// What it leaves alone, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    ("get_events", "it does not end"),
    ("delete_session", "the run would be signed out"),
    ("post_pool_lock", "whatever comes after it would only be told that the box is locked"),
];

/// The same cases each time, as far as the identities on the box are the same.
const SEED: &str = "1";

/// A run, and how much of it must have come about.
struct Run {
    account: &'static str,
    token: String,
    /// Made-up requests for each operation, beside those at the bounds of what is described.
    examples: u32,
    /// Least operations of which some requests were carried out.
    reached: usize,
}

impl Run {
    /// Fails with what schemathesis says, in which each failed request is a command for curl.
    fn on(&self, lab: &Lab) {
        let Some(modules) = modules() else {
            return skipped("schemathesis is not there: `cargo xtask test` prepares it");
        };
        let output = self.command(lab, &modules).output().expect("Python can be started");
        let said = String::from_utf8_lossy(&output.stdout);
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}{complaints}");
        println!("{said}");
        self.came_about(lab);
    }

    fn command(&self, lab: &Lab, modules: &Path) -> Command {
        let pool = &lab.asked.pool;
        // Debian's own Python is the one that the modules were fetched for.
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-m", "schemathesis.cli", "run"]);
        command.arg(format!("https://{}/api/v1/openapi.json", lab.address));
        command.arg("--tls-verify").arg(pool.path("manage.pem"));
        command.args(["--header", &format!("Authorization: Bearer {}", self.token)]);
        // What is at the bounds of the description, what is made up, and one operation with what
        // another has answered.
        command.args(["--phases", "coverage,fuzzing,stateful"]);
        command.args(["--checks", CHECKS, "--seed", SEED]);
        command.args(["--max-examples", &self.examples.to_string()]);
        for (operation, _) in LEFT_OUT {
            command.args(["--exclude-operation-id", operation]);
        }
        command.args(["--report", "json", "--report-json-path"]).arg(pool.path("report.json"));
        command.args(["--generation-database", "none", "--warnings", "off", "--no-color"]);
        // The box is gone when somebody reads of its tokens.
        command.args(["--output-sanitize", "false"]);
        command.env("PYTHONPATH", modules).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("SCHEMATHESIS_HOOKS", hooks()).env("HOLDFAST_ACCOUNT", self.account);
        command.env("HOLDFAST_FOLDER", pool.path("")).env("COLUMNS", "100");
        command.current_dir(pool.path(""));
        command
    }

    /// That it was no run in which everybody was refused everything.
    fn came_about(&self, lab: &Lab) {
        let (status, me) = lab.get("/api/v1/me", &self.token);
        assert_eq!((status, &me["account"]), (200, &self.account.into()), "it was signed out");
        assert_eq!(lab.get("/api/v1/status", &self.token).1["engine"], true);
        let report = fs::read(lab.asked.pool.path("report.json")).expect("a report");
        let report: Value = serde_json::from_slice(&report).expect("JSON");
        let operations = &report["operations"];
        assert_eq!(report["complete"], true, "{report}");
        assert_eq!(operations["tested"], operations["selected"], "{operations}");
        let all = operations["total"].as_u64().expect("a number");
        assert_eq!(operations["selected"], all - LEFT_OUT.len() as u64, "{operations}");
        let reached = reached(&report);
        println!("{}: {} cases, {reached} operations", self.account, report["test_cases"]);
        assert!(reached >= self.reached, "{}", report["valid_rates"]);
    }
}

/// How many operations carried out some of what they were asked for.
fn reached(report: &Value) -> usize {
    let rates = report["valid_rates"].as_object().expect("by operations");
    let accepted = |phases: &Value| {
        let mut phases = phases.as_object().expect("by phases").values();
        phases.any(|phase| phase["accepted"].as_u64() > Some(0))
    };
    rates.values().filter(|phases| accepted(phases)).count()
}

/// Where `cargo xtask test` puts it.
fn modules() -> Option<PathBuf> {
    let test = std::env::current_exe().expect("the path of the test executable");
    let target = test.ancestors().nth(3).expect("target above the executable");
    Some(target.join("schemathesis")).filter(|folder| folder.is_dir())
}

fn hooks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis/confined.py")
}

/// A box with something to ask for, known by a certificate that its owner has put there, with a
/// disk that may be taken in.
fn lab() -> (Lab, String) {
    let (mut lab, owner) = Lab::claimed();
    lab.protect();
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a pair");
    fs::write(lab.asked.pool.path("manage.pem"), own.cert.pem()).expect("room");
    fs::write(lab.asked.pool.path("manage.key"), own.signing_key.serialize_pem()).expect("room");
    lab.start();
    let spare = File::create(lab.asked.pool.path("spare-0")).expect("a new file");
    spare.set_len(256 * MIB as u64).expect("a sparse file");
    (lab, owner)
}

#[test]
fn whatever_an_owner_asks_is_answered_as_described() {
    let (lab, token) = lab();
    Run { account: "owner", token, examples: 10, reached: 40 }.on(&lab);
}

#[test]
fn whatever_somebody_asks_who_may_only_look_is_answered_as_described() {
    let (lab, owner) = lab();
    let token = lab.account(&owner, "carl", "client-reader", &["acme"]);
    Run { account: "carl", token, examples: 5, reached: 12 }.on(&lab);
}
