//! systemctl and the journal, and how the story waits and judges.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::process::{command, quiet};

/// The unit that all is about.
pub(super) const ENGINE: &str = "holdfast-engine.service";

/// By then everything has happened that the story waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it looks: none of these tools waits for what others do.
const LOOK: Duration = Duration::from_millis(50);

/// Demands that something holds; `facts` is what was seen.
pub(super) fn must(holds: bool, rule: &str, facts: impl ToString) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Error::Broken { rule: rule.to_owned(), facts: facts.to_string() }),
    }
}

/// Looks again and again until there is something.
pub(super) fn until<T>(awaited: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if began.elapsed() > PATIENCE {
            let awaited = awaited.to_owned();
            return Err(Error::TimedOut { awaited, seconds: PATIENCE.as_secs() });
        }
        std::thread::sleep(LOOK);
    }
}

pub(super) fn systemctl(words: &[&str]) -> Result<String> {
    quiet(command("systemctl").args(words))
}

/// A property of a unit, as the service manager has it now.
pub(super) fn property(unit: &str, name: &str) -> Result<String> {
    Ok(systemctl(&["show", "--value", "--property", name, unit])?.trim().to_owned())
}

/// The same of one that is a number.
pub(super) fn number(unit: &str, name: &str) -> Result<u64> {
    let text = property(unit, name)?;
    let what = || format!("{name} is {text}");
    text.parse().map_err(|_| Error::Unexpected { from: unit.to_owned(), what: what() })
}

/// The last entry of the journal in which these fields are so.
pub(super) fn entry(fields: &[String]) -> Result<Option<Value>> {
    let mut journalctl = command("journalctl");
    journalctl.args(["--quiet", "--output=json", "--lines=1"]).args(fields);
    let text = quiet(&mut journalctl)?;
    text.lines().last().map(|line| parse("journalctl", line)).transpose()
}

pub(super) fn parse(from: &str, text: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| Error::Unexpected { from: from.to_owned(), what: error.to_string() })
}

pub(super) fn write(path: &str, text: &str) -> Result<()> {
    let path = Path::new(path);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    std::fs::write(path, text).map_err(Error::io(path))
}
