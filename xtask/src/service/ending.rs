//! How the container went down, from its journal, when it is no more.

use std::path::Path;

use serde_json::Value;

use super::console::CONSOLE;
use super::tools::{ENGINE, must, parse};
use crate::error::Result;
use crate::process::{command, quiet};

/// Where the journal outlives the container, in its root: Debian has that folder.
const JOURNAL: &str = "var/log/journal";

/// What the service manager tells of a unit, as the journal names it.
const STOPPING: &str = "de5b426a63be47a7b6ac3eaac82e2f6f";
const SUCCEEDED: &str = "7ad2d189f7e94e70a38c781354912448";
const FAILED: &str = "d9b373ed55a64feb8242e02dbe79a49c";
const STOPPED: &str = "9d1aaa27d60140bd96365438aad20286";

/// The console, which is started once and runs to the end, ends before the engine: so this is of
/// the end of the container, and no earlier stop of the engine.
const ORDER: [(&str, &str); 4] =
    [(CONSOLE, STOPPED), (ENGINE, STOPPING), (ENGINE, SUCCEEDED), (ENGINE, STOPPED)];

/// Demands that the engine was stopped in order, and did not merely end with everything else.
pub(super) fn judge(root: &Path) -> Result<()> {
    let mut journalctl = command("journalctl");
    journalctl.args(["--quiet", "--no-pager", "--output=json", "--lines=4"]);
    journalctl.arg("--directory").arg(root.join(JOURNAL));
    journalctl.args([format!("UNIT={CONSOLE}"), format!("MESSAGE_ID={STOPPED}"), "+".into()]);
    journalctl.arg(format!("UNIT={ENGINE}"));
    let told = [STOPPING, SUCCEEDED, FAILED, STOPPED];
    journalctl.args(told.map(|message| format!("MESSAGE_ID={message}")));
    let lines = quiet(&mut journalctl)?;
    let entries = lines.lines().map(|line| parse("journalctl", line));
    let entries = entries.collect::<Result<Vec<Value>>>()?;
    let order: Vec<_> =
        entries.iter().map(|entry| (text(entry, "UNIT"), text(entry, "MESSAGE_ID"))).collect();
    must(order == ORDER, "going down, the box stops the engine in order", &lines)?;
    let took = seconds(&entries[3]) - seconds(&entries[1]);
    println!("    restart at the console: by logind, the engine stopped in order in {took:.2} s");
    Ok(())
}

fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry[field].as_str().unwrap_or_default()
}

/// When it was told, by the clock of the running machine.
fn seconds(entry: &Value) -> f64 {
    text(entry, "__MONOTONIC_TIMESTAMP").parse::<f64>().unwrap_or_default() / 1e6
}
