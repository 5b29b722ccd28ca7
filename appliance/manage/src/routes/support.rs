//! What somebody who helps from afar needs to see, in one file without secrets.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::{Map, Value, json};

use crate::http::Answer;
use crate::problem::{Kind as Wrong, Problem};
use crate::render::tagged;
use crate::role::DESK;
use crate::route::{Access, Asked, Gives, Route};
use crate::server::{Server, now};
use crate::state::{Entry, State};

/// Entries of the audit log, the newest.
const AUDITED: u64 = 1000;

/// Lines of the journal, the newest of the last days, and the most bytes of them.
const LINES: &str = "5000";
const SINCE: &str = "--since=-14d";
const JOURNAL: usize = 4 << 20;

/// Seconds that the journal may take.
const PATIENCE: &str = "15";

/// What the kernel tells of the machine.
const TOLD: &[(&str, &str)] = &[
    ("kernel", "/proc/version"),
    ("load", "/proc/loadavg"),
    ("memory", "/proc/meminfo"),
    ("running", "/proc/uptime"),
    ("disks", "/proc/diskstats"),
    ("release", "/etc/os-release"),
];

/// Most bytes of one of these.
const MOST_TOLD: usize = 64 << 10;

pub(crate) const ROUTES: &[Route] = &[Route::get(
    "/api/v1/support",
    Access::Wide(DESK),
    "Everything that helps to find a fault, without a secret: objects, plan, channels, newest \
     entries of the audit log and lines of the journal, and the machine",
    Gives::Fields(&[
        ("made", "When, in seconds since 1970"),
        ("name", "What the appliance is called"),
        ("version", "Of the management daemon"),
        ("certificate", "Fingerprint of the certificate that it shows"),
        ("objects", "All that the engine shows, by what they are"),
        ("plan", "The plan in force, as TOML; null while the engine is away"),
        ("channels", "The channels' settings, as TOML with `(kept)` for secrets"),
        ("channel_status", "How each channel fares"),
        ("audit", "The newest entries of the audit log"),
        ("journal", "The newest lines of our services; null where it cannot be read"),
        ("machine", "What the kernel tells"),
    ]),
    |server, asked| bundle(server, asked).boxed(),
)];

async fn bundle(server: Arc<Server>, _: Asked) -> Result<Answer, Problem> {
    // It is large: one is made at a time.
    let Ok(_alone) = server.support.try_acquire() else {
        let what = "another file for support is being made";
        return Err(Problem::new(Wrong::TooOften, what, "try again in a minute"));
    };
    let plan: Option<String> =
        server.client.call(&bus::Place::Appliance, "ExportPlan", &()).await.ok();
    let audit = server.with_state(newest_entries).await?;
    let own = server.clone();
    let made = tokio::task::spawn_blocking(move || made(&own, plan.as_deref(), &audit)).await;
    made.map_err(Problem::inside)?
}

fn made(server: &Server, plan: Option<&str>, audit: &[Entry]) -> Result<Answer, Problem> {
    let bundle = json!({
        "made": now(),
        "name": server.name,
        "version": env!("CARGO_PKG_VERSION"),
        "certificate": server.fingerprint.to_string(),
        "objects": objects(server),
        "plan": plan,
        "channels": server.channels.notifier.settings().shown(),
        "channel_status": server.channels.status()?,
        "audit": audit,
        "journal": journal(),
        "machine": machine(),
    });
    Ok(Answer::json(&bundle).named("holdfast-support.json"))
}

/// Everything that the engine shows, by tag.
fn objects(server: &Server) -> Value {
    let mut by_tag: Map<String, Value> = Map::new();
    // Whoever shows something would wait while they are written.
    let all: Vec<_> = server.world.objects().values().cloned().collect();
    for object in &all {
        let (tag, view) = tagged(object);
        if let Value::Array(list) = by_tag.entry(tag).or_insert_with(|| json!([])) {
            list.push(view);
        }
    }
    by_tag.into()
}

fn newest_entries(state: &State) -> crate::Result<Vec<Entry>> {
    let newest = state.audited(0, 0)?.newest;
    let page = state.audited(newest.saturating_sub(AUDITED), AUDITED as usize)?;
    Ok(page.entries)
}

/// The newest lines of our services. Only who is in the journal's group reads them, and a
/// workstation has no such services.
fn journal() -> Option<String> {
    let mut journalctl = Command::new("timeout");
    journalctl.args([PATIENCE, "journalctl", "--quiet", "--no-pager", "--output=short-iso"]);
    journalctl.args(["--lines", LINES, SINCE, "--unit=holdfast*"]).stdin(Stdio::null());
    let mut journalctl = journalctl.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let last = last_of(journalctl.stdout.take()?, JOURNAL);
    // It may not have been read to its end.
    let _ = journalctl.kill();
    let _ = journalctl.wait();
    let text = String::from_utf8_lossy(&last.ok()?).into_owned();
    Some(text).filter(|lines| !lines.is_empty())
}

/// The last bytes of what somebody says, in memory of that order however much he says.
fn last_of(mut said: impl Read, most: usize) -> std::io::Result<Vec<u8>> {
    let mut last = Vec::new();
    loop {
        let length = (&mut said).take(most as u64).read_to_end(&mut last)?;
        last.drain(..last.len().saturating_sub(most));
        if length == 0 {
            return Ok(last);
        }
    }
}

fn machine() -> Value {
    let told = TOLD.iter().filter_map(|(name, path)| {
        let mut text = std::fs::read_to_string(path).ok()?;
        text.truncate(text.floor_char_boundary(MOST_TOLD));
        Some(((*name).to_owned(), Value::String(text)))
    });
    Value::Object(told.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_said_the_last_is_kept() {
        let said: Vec<u8> = (0..=250).cycle().take(1_000_003).collect();
        for most in [0, 1, 1000, 999_999, 1_000_003, 2_000_000] {
            let last = last_of(&said[..], most).unwrap();
            assert!(last == said[said.len().saturating_sub(most)..], "{most}");
        }
        assert!(last_of(&[][..], 7).unwrap().is_empty());
    }
}
