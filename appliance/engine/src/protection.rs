//! The protection plan that is in force, and what ran by it.
//!
//! The plan is kept as the text that people wrote. When each system's last run began is kept by the
//! pool's age, which no clock sets, so that a clock that jumps starts neither everything nor
//! nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use catalog::Uptime;
use health::AlertCode;
use jiff::Timestamp;
use model::Span;
use operations::Failure;
use plan::{Client, Level, Past, Plan, Source, System};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::lock;
use crate::error::Result;
use crate::jobs::Retry;
use crate::state::State;

/// Under which names these are kept.
const PLAN: &str = "plan";
const RUNS: &str = "runs";
const PAUSED: &str = "paused";

/// What stands before a system's name where it is noted since when it is in the plan.
const PLANNED: &str = "planned: ";

/// When a run began, or a task of upkeep ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The pool's age, in seconds.
    pub(crate) age: u64,
    /// By the clock on the wall.
    pub(crate) wall: u64,
    /// Which start of the machine it was.
    pub(crate) boot: String,
    /// How it ended; empty until then.
    #[serde(default)]
    pub(crate) result: String,
}

impl Run {
    /// How long ago it is, as schedules count.
    pub(crate) fn past(&self, age: u64, uptime: Uptime) -> Past {
        Past {
            wall: Timestamp::from_second(self.wall.cast_signed()).unwrap_or_default(),
            running: Span(age.saturating_sub(self.age)),
            exact: self.boot == boot_text(uptime),
        }
    }
}

/// A start of the machine as it is kept.
pub(crate) fn boot_text(uptime: Uptime) -> String {
    format!("{:032x}", u128::from_be_bytes(uptime.boot))
}

/// The plan, the runs by it, and which systems are to wait.
#[derive(Debug)]
pub(crate) struct Protection {
    plan: Mutex<Arc<Plan>>,
    runs: Mutex<BTreeMap<String, Run>>,
    paused: Mutex<BTreeMap<String, String>>,
}

impl Protection {
    /// As an earlier engine left it.
    pub(crate) fn load(state: &State) -> Result<Self> {
        let read = |key| state.small(key);
        let plan = read(PLAN)?.and_then(|text| plan::parse(&text).plan).unwrap_or_default();
        let runs = read(RUNS)?.and_then(|text| serde_json::from_str(&text).ok());
        let paused = read(PAUSED)?.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Self {
            plan: Mutex::new(Arc::new(plan)),
            runs: Mutex::new(runs.unwrap_or_default()),
            paused: Mutex::new(paused.unwrap_or_default()),
        })
    }

    pub(crate) fn plan(&self) -> Arc<Plan> {
        lock(&self.plan).clone()
    }

    /// Puts a plan in force.
    pub(crate) fn set(&self, state: &State, plan: Plan) -> Result<()> {
        state.keep_small(PLAN, &plan.to_toml())?;
        *lock(&self.plan) = Arc::new(plan);
        Ok(())
    }

    pub(crate) fn run(&self, name: &str) -> Option<Run> {
        lock(&self.runs).get(name).cloned()
    }

    /// Notes that a run began, or how it ended.
    pub(crate) fn note(&self, state: &State, name: &str, run: Run) -> Result<()> {
        let mut runs = lock(&self.runs);
        runs.insert(name.to_owned(), run);
        state.keep_small(RUNS, &serde_json::to_string(&*runs).unwrap_or_default())
    }

    /// Since when a system is in the plan.
    pub(crate) fn planned(&self, name: &str) -> Option<Run> {
        self.run(&format!("{PLANNED}{name}"))
    }

    /// Notes that systems are in the plan now; since when, of those that were before.
    pub(crate) fn note_planned(&self, state: &State, now: &Run) -> Result<()> {
        let plan = self.plan();
        for system in plan.systems.iter().filter(|system| self.planned(&system.name).is_none()) {
            self.note(state, &format!("{PLANNED}{}", system.name), now.clone())?;
        }
        Ok(())
    }

    /// Notes how the last run of a system ended.
    pub(crate) fn note_result(&self, state: &State, name: &str, result: &str) -> Result<()> {
        match self.run(name) {
            Some(run) => self.note(state, name, Run { result: result.to_owned(), ..run }),
            None => Ok(()),
        }
    }

    /// Why a system is to wait; `None` when it is not.
    pub(crate) fn paused(&self, name: &str) -> Option<String> {
        lock(&self.paused).get(name).cloned()
    }

    /// Lets a system wait, or go on.
    pub(crate) fn pause(&self, state: &State, name: &str, reason: Option<String>) -> Result<()> {
        let mut paused = lock(&self.paused);
        match reason {
            Some(reason) => drop(paused.insert(name.to_owned(), reason)),
            None => drop(paused.remove(name)),
        }
        state.keep_small(PAUSED, &serde_json::to_string(&*paused).unwrap_or_default())
    }
}

/// Reads a plan that somebody wants in force: what would change, or all that is wrong with it.
pub(crate) fn read(old: &Plan, text: &str) -> std::result::Result<(Plan, Value), Failure> {
    let codes: Vec<&str> = AlertCode::ALL.iter().map(|code| code.as_str()).collect();
    let parsed = plan::parse_knowing(text, Some(&codes));
    let said = |level| {
        let problems = parsed.problems.iter().filter(move |problem| problem.level == level);
        problems.map(ToString::to_string).collect::<Vec<_>>()
    };
    let warnings = said(Level::Warning);
    let mut errors = said(Level::Error);
    let plan = parsed.plan.unwrap_or_default();
    errors.extend(plan.systems.iter().filter_map(unreadable));
    if !errors.is_empty() {
        return Err(Failure::new(errors.join("\n"), "mend the plan; the old one stays in force"));
    }
    let changes = plan::diff(old, &plan);
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    let value = json!({ "changes": changes, "lines": lines, "warnings": warnings });
    Ok((plan, value))
}

/// That this engine cannot read from a system's source: better said now than never run.
fn unreadable(system: &System) -> Option<String> {
    match source(system) {
        Some(_) => None,
        None => Some(format!(
            "[[system]] \"{}\": sources of the kind {} are not read by this version: use image or \
             nbd",
            system.name,
            system.source.kind()
        )),
    }
}

/// What an ingest of a system reads.
pub(crate) fn source(system: &System) -> Option<&str> {
    match &system.source {
        Source::Image { path } => Some(path),
        Source::Nbd { uri } => Some(uri),
        _ => None,
    }
}

/// How a client's failed runs are tried again.
pub(crate) fn retry(client: Option<&Client>) -> Retry {
    let Some(client) = client else { return Retry::default() };
    let retry = &client.retry;
    Retry { attempts: u32::from(retry.count) + 1, pause: retry.back_off.0, longest: retry.window.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "format = 1\n[[client]]\nname = \"acme\"\nzone = \"Europe/Berlin\"\n\
        [[system]]\nname = \"mail\"\nclient = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\n\
        interval = \"4h\"\nsource = { kind = \"image\", path = \"/dev/vdb\" }\n\
        retention = { daily = 7 }\n";

    #[test]
    fn a_plan_is_there_again_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.sqlite")).unwrap();
        let protection = Protection::load(&state).unwrap();
        let (plan, changes) = read(&protection.plan(), MAIL).unwrap();
        assert!(changes["lines"][0].as_str().unwrap().contains("acme"), "{changes}");
        protection.set(&state, plan.clone()).unwrap();
        protection.pause(&state, "mail", Some("moves house".to_owned())).unwrap();
        let again = Protection::load(&state).unwrap();
        assert_eq!(*again.plan(), plan);
        assert_eq!(again.paused("mail").as_deref(), Some("moves house"));
        again.pause(&state, "mail", None).unwrap();
        assert_eq!(Protection::load(&state).unwrap().paused("mail"), None);
    }

    #[test]
    fn a_source_that_nothing_reads_is_refused_when_the_plan_comes() {
        let text = MAIL.replace("kind = \"image\", path = \"/dev/vdb\"", "kind = \"stream\"");
        let failure = read(&Plan::default(), &text).unwrap_err();
        assert!(failure.what.contains("stream"), "{}", failure.what);
    }

    #[test]
    fn how_long_ago_a_run_began_is_counted_by_the_pools_age() {
        let here = Uptime { boot: [1; 16], seconds: 50 };
        let (age, wall, boot) = (100, 1_800_000_000, boot_text(here));
        let run = Run { age, wall, boot, result: String::new() };
        let past = run.past(160, here);
        assert_eq!((past.running, past.exact), (Span(60), true));
        assert!(!run.past(160, Uptime { boot: [2; 16], ..here }).exact);
    }
}
