//! The protection plan that is in force, and what ran by it.
//!
//! The plan is a file of its own, which people may read when nothing else works. When each system's
//! last run began is kept by the pool's age, which no clock sets, so that a clock that jumps starts
//! neither everything nor nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use catalog::Uptime;
use health::AlertCode;
use jiff::Timestamp;
use model::{PointId, Span};
use operations::Failure;
use plan::{Client, Level, Past, Plan, Source, System};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::lock;
use crate::error::{EngineError, Result};
use crate::file;
use crate::jobs::{Retry, Work};
use crate::state::State;

/// The plan's file, in the folder of the state.
const PLAN: &str = "plan.toml";

/// Under which names the others are kept.
const RUNS: &str = "runs";
const PAUSED: &str = "paused";
const VERIFIED: &str = "verified";

/// What a moment is noted of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of<'a> {
    /// The last run of a system began.
    System(&'a str),
    /// All of a system's live source was last compared with what it said of itself.
    Compared(&'a str),
    /// A system came into the plan.
    Planned(&'a str),
    /// A task of upkeep last began.
    Upkeep(&'a str),
    /// A task of upkeep last ended well, or could have been begun.
    Upheld(&'a str),
}

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(name) => write!(f, "system: {name}"),
            Self::Compared(name) => write!(f, "compared: {name}"),
            Self::Planned(name) => write!(f, "planned: {name}"),
            Self::Upkeep(name) => write!(f, "upkeep: {name}"),
            Self::Upheld(name) => write!(f, "upheld: {name}"),
        }
    }
}

/// When something happened.
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
    path: PathBuf,
    plan: Mutex<Known>,
    runs: Mutex<BTreeMap<String, Run>>,
    paused: Mutex<BTreeMap<String, String>>,
    /// When all blocks of a recovery point were last compared with their tags, by the wall.
    verified: Mutex<BTreeMap<String, u64>>,
}

/// The plan as far as it can be read.
#[derive(Debug, Clone)]
struct Known {
    plan: Arc<Plan>,
    /// What is wrong with the file.
    unreadable: Option<String>,
}

impl Known {
    /// No file is a box that has no plan yet.
    fn read(path: &Path) -> Self {
        let known = |plan: Plan, unreadable| Self { plan: Arc::new(plan), unreadable };
        let text = match file::read(path) {
            Ok(Some(text)) => text,
            Ok(None) => return known(Plan::default(), None),
            Err(error) => return known(Plan::default(), Some(error.to_string())),
        };
        let parsed = plan::parse(&text);
        let wrong = parsed.problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        match parsed.plan {
            Some(plan) => known(plan, None),
            None => known(Plan::default(), Some(wrong.join("; "))),
        }
    }
}

impl Protection {
    /// As an earlier engine left it. A plan that cannot be read stops nothing but schedules.
    pub(crate) fn load(state: &State, folder: &Path) -> Result<Self> {
        let path = folder.join(PLAN);
        let plan = Known::read(&path);
        if let Some(wrong) = &plan.unreadable {
            log::error!(
                "the plan {} cannot be read, nothing is scheduled: {wrong}",
                path.display()
            );
        }
        Ok(Self {
            path,
            plan: Mutex::new(plan),
            runs: Mutex::new(state.value(RUNS)?.unwrap_or_default()),
            paused: Mutex::new(state.value(PAUSED)?.unwrap_or_default()),
            verified: Mutex::new(state.value(VERIFIED)?.unwrap_or_default()),
        })
    }

    pub(crate) fn plan(&self) -> Arc<Plan> {
        lock(&self.plan).plan.clone()
    }

    /// Why there is no plan although there is a file of one.
    pub(crate) fn unreadable(&self) -> Option<Failure> {
        let wrong = lock(&self.plan).unreadable.clone()?;
        let what = format!("the plan {} cannot be read: {wrong}", self.path.display());
        Some(Failure::new(what, "apply the plan again"))
    }

    /// Puts a plan in force.
    pub(crate) fn set(&self, plan: Plan) -> Result<()> {
        let mut known = lock(&self.plan);
        let kept = file::replace(&self.path, &plan.to_toml());
        kept.map_err(|source| EngineError::File { path: self.path.clone(), source })?;
        *known = Known { plan: Arc::new(plan), unreadable: None };
        Ok(())
    }

    pub(crate) fn run(&self, of: Of<'_>) -> Option<Run> {
        lock(&self.runs).get(&of.to_string()).cloned()
    }

    /// Notes that something happened.
    pub(crate) fn note(&self, state: &State, of: Of<'_>, run: Run) -> Result<()> {
        self.change_runs(state, |runs| drop(runs.insert(of.to_string(), run)))
    }

    fn change_runs(
        &self,
        state: &State,
        change: impl FnOnce(&mut BTreeMap<String, Run>),
    ) -> Result<()> {
        let mut runs = lock(&self.runs);
        change(&mut runs);
        state.keep_value(RUNS, &*runs)
    }

    /// Notes which systems are in the plan from now on, and forgets those that are not.
    pub(crate) fn note_planned(&self, state: &State, now: &Run) -> Result<()> {
        let plan = self.plan();
        let of = |name| {
            [Of::System(name), Of::Compared(name), Of::Planned(name)].map(|of| of.to_string())
        };
        let known = plan.systems.iter().flat_map(|system| of(&system.name));
        let known: BTreeSet<String> = known.collect();
        self.change_runs(state, |runs| {
            let is_upkeep = |key: &str| key.starts_with("upkeep: ") || key.starts_with("upheld: ");
            runs.retain(|key, _| is_upkeep(key) || known.contains(key));
            for system in &plan.systems {
                let key = Of::Planned(&system.name).to_string();
                runs.entry(key).or_insert_with(|| now.clone());
            }
        })
    }

    /// Notes how the last run of a system ended.
    pub(crate) fn note_result(&self, state: &State, name: &str, result: &str) -> Result<()> {
        match self.run(Of::System(name)) {
            Some(run) => {
                self.note(state, Of::System(name), Run { result: result.to_owned(), ..run })
            }
            None => Ok(()),
        }
    }

    /// When a recovery point was last verified, by the clock on the wall.
    pub(crate) fn verified(&self, point: PointId) -> Option<u64> {
        lock(&self.verified).get(&point.to_string()).copied()
    }

    /// Notes that recovery points were verified, and forgets those that are gone.
    pub(crate) fn note_verified(
        &self,
        state: &State,
        points: &[PointId],
        wall: u64,
        all: &[PointId],
    ) -> Result<()> {
        let all: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
        let mut verified = lock(&self.verified);
        verified.extend(points.iter().map(|point| (point.to_string(), wall)));
        verified.retain(|point, _| all.contains(point));
        state.keep_value(VERIFIED, &*verified)
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
        state.keep_value(PAUSED, &*paused)
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
    let mut warnings = said(Level::Warning);
    let errors = said(Level::Error);
    let plan = parsed.plan.unwrap_or_default();
    warnings.extend(plan.systems.iter().filter_map(unheeded));
    if !errors.is_empty() {
        return Err(Failure::new(errors.join("\n"), "mend the plan; the old one stays in force"));
    }
    let changes = plan::diff(old, &plan);
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    let value = json!({ "changes": changes, "lines": lines, "warnings": warnings });
    Ok((plan, value))
}

/// Whether somebody else begins: who writes to the box.
pub(crate) fn comes_by_itself(source: &Source) -> bool {
    matches!(source, Source::Push | Source::Agent { .. } | Source::Stream)
}

/// That more is taken in than the plan wants.
fn unheeded(system: &System) -> Option<String> {
    let heeded = matches!(system.source, Source::Qmp { .. } | Source::Libvirt { .. });
    (!heeded && !system.excluded.is_empty()).then(|| {
        format!(
            "[[system]] \"{}\": excluded has no effect on sources of kind {}: all of it is taken",
            system.name,
            system.source.kind()
        )
    })
}

/// What an ingest calls the volume of a source that has one.
const VOLUME: &str = "disk0";

/// What a run of a system does.
pub(crate) fn work(system: &System, full: bool) -> Option<Work> {
    let ingest = |source: &str| Work::Ingest {
        system: system.name.clone(),
        volume: VOLUME.to_owned(),
        source: source.to_owned(),
        full,
    };
    match &system.source {
        Source::Image { path } => Some(ingest(path)),
        Source::Nbd { uri } => Some(ingest(uri)),
        Source::Qmp { socket, guest_agent, disks } => Some(Work::Pull {
            system: system.name.clone(),
            socket: socket.into(),
            disks: disks.clone(),
            excluded: system.excluded.clone(),
            guest_agent: guest_agent.as_ref().map(Into::into),
            full,
        }),
        Source::Libvirt { uri, domain, disks } => Some(Work::PullDomain {
            system: system.name.clone(),
            uri: uri.clone(),
            domain: domain.clone(),
            disks: disks.clone(),
            excluded: system.excluded.clone(),
            full,
        }),
        Source::Push | Source::Agent { .. } | Source::Stream => None,
    }
}

/// How a client's failed runs are tried again.
pub(crate) fn retry(client: Option<&Client>) -> Retry {
    client.map_or_else(Retry::default, |client| Retry::from(&client.retry))
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
        let protection = Protection::load(&state, folder.path()).unwrap();
        let (plan, changes) = read(&protection.plan(), MAIL).unwrap();
        assert!(changes["lines"][0].as_str().unwrap().contains("acme"), "{changes}");
        protection.set(plan.clone()).unwrap();
        protection.pause(&state, "mail", Some("moves house".to_owned())).unwrap();
        let again = Protection::load(&state, folder.path()).unwrap();
        assert_eq!(*again.plan(), plan);
        assert_eq!(again.paused("mail").as_deref(), Some("moves house"));
        again.pause(&state, "mail", None).unwrap();
        let third = Protection::load(&state, folder.path()).unwrap();
        assert_eq!(third.paused("mail"), None);
    }

    #[test]
    fn a_plan_that_cannot_be_read_is_no_empty_plan() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.sqlite")).unwrap();
        let load = || Protection::load(&state, folder.path()).unwrap();
        assert!(load().unreadable().is_none(), "there is none yet");
        std::fs::write(folder.path().join(PLAN), "format = 1\n[[system]\n").unwrap();
        let failure = load().unreadable().unwrap();
        assert!(failure.what.contains("plan.toml"), "{}", failure.what);
        let broken = load();
        broken.set(read(&broken.plan(), MAIL).unwrap().0).unwrap();
        assert!(broken.unreadable().is_none() && load().unreadable().is_none());
        assert_eq!(load().plan().systems.len(), 1);
    }

    #[test]
    fn what_was_noted_of_a_system_goes_with_it_and_upkeep_stays() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.sqlite")).unwrap();
        let protection = Protection::load(&state, folder.path()).unwrap();
        let run = |age| Run { age, wall: 5, boot: String::new(), result: String::new() };
        protection.set(read(&protection.plan(), MAIL).unwrap().0).unwrap();
        protection.note_planned(&state, &run(1)).unwrap();
        // A system may be called as it likes.
        for of in [Of::System("mail"), Of::System("upkeep: x"), Of::Upkeep("scrub")] {
            protection.note(&state, of, run(2)).unwrap();
        }
        protection.note_planned(&state, &run(3)).unwrap();
        let age = |of| protection.run(of).map(|run| run.age);
        assert_eq!((age(Of::Planned("mail")), age(Of::System("mail"))), (Some(1), Some(2)));
        assert_eq!((age(Of::System("upkeep: x")), age(Of::Upkeep("scrub"))), (None, Some(2)));
        protection.set(Plan::default()).unwrap();
        protection.note_planned(&state, &run(4)).unwrap();
        assert_eq!((age(Of::Planned("mail")), age(Of::Upkeep("scrub"))), (None, Some(2)));
    }

    #[test]
    fn a_machine_of_libvirts_is_pulled_as_the_plan_says() {
        let text = MAIL.replace(
            "kind = \"image\", path = \"/dev/vdb\"",
            "kind = \"libvirt\", domain = \"mail\", disks = [\"vda\"]",
        );
        let (plan, _) = read(&Plan::default(), &text).unwrap();
        let work = work(&plan.systems[0], true).unwrap();
        let domain = work.domain().unwrap();
        assert_eq!((domain.uri.as_str(), domain.name.as_str()), ("qemu:///system", "mail"));
        assert!(domain.disks == ["vda"] && domain.excluded.is_empty());
        assert!(matches!(work, Work::PullDomain { full: true, .. }));
    }

    #[test]
    fn what_is_not_heeded_is_said_when_the_plan_comes() {
        let warnings = |text: &str| read(&Plan::default(), text).unwrap().1["warnings"].clone();
        assert_eq!(warnings(MAIL), json!([]));
        let text = format!("{MAIL}excluded = [\"swap\"]\n");
        let told = warnings(&text).to_string();
        assert!(told.contains("mail") && told.contains("no effect"), "{told}");
        let machine = "kind = \"qmp\", socket = \"/vm/qmp\"";
        let text = text.replace("kind = \"image\", path = \"/dev/vdb\"", machine);
        assert_eq!(warnings(&text), json!([]), "disks of a machine can be left out");
    }

    #[test]
    fn how_long_ago_a_run_began_is_counted_by_the_pools_age() {
        let here = Uptime { boot: [1; 16], seconds: 50, proven: None };
        let (age, wall, boot) = (100, 1_800_000_000, boot_text(here));
        let run = Run { age, wall, boot, result: String::new() };
        let past = run.past(160, here);
        assert_eq!((past.running, past.exact), (Span(60), true));
        assert!(!run.past(160, Uptime { boot: [2; 16], ..here }).exact);
    }
}
