//! `holdfast policy`, of an engine: retention stands in its plan.

use operations::Failure;

use super::engine::Engine;
use super::plan::{ask, in_force};
use crate::arguments::{Policy, PolicySet};
use crate::command::policy::{changed, confirm_lock, tell, tell_one};
use crate::output::Output;

pub(crate) fn run(engine: &Engine, policy: &Policy, output: &Output) -> Result<(), Failure> {
    match policy {
        Policy::Show(_) => show(engine, output),
        Policy::Set(set) => self::set(engine, set, output),
        Policy::Drop(_) => {
            let next = "change it with `holdfast policy set`";
            Err(Failure::new("each system of an engine's plan has a policy of its own", next))
        }
    }
}

fn show(engine: &Engine, output: &Output) -> Result<(), Failure> {
    let (plan, _) = in_force(engine)?;
    let shown: Vec<_> =
        plan.systems.into_iter().map(|system| (Some(system.name), system.retention)).collect();
    let is_planned = |name: &str| shown.iter().any(|(own, _)| own.as_deref() == Some(name));
    let seen = engine.seen()?;
    let others = seen.systems.iter().filter(|system| !is_planned(&system.name)).count();
    tell(&shown, output);
    if others > 0 {
        output.note(&format!(
            "{others} systems are in no plan: what is kept of them stands in the pool, and is \
             shown with --pool when the engine is stopped"
        ));
    }
    Ok(())
}

/// Puts the plan in force once more, with other retention of one system.
fn set(engine: &Engine, set: &PolicySet, output: &Output) -> Result<(), Failure> {
    let Some(name) = &set.system else {
        let next = "name one system with --system; of all, write the plan with `holdfast plan \
            export`, change it, and put it in force with `holdfast plan apply`";
        return Err(Failure::new("an engine keeps of each system what its plan says of it", next));
    };
    let (mut plan, _) = in_force(engine)?;
    let found = plan.systems.iter_mut().find(|system| system.name == *name);
    let system = found.ok_or_else(|| {
        let next = "add it there and put that in force with `holdfast plan apply`; of a system \
            that is to be in no plan, stop the engine and name the disks of the pool with --pool";
        Failure::new(format!("the plan of the engine has no system {name}"), next)
    })?;
    let before = system.retention;
    let policy = changed(before, &set.rules);
    system.retention = policy;
    let text = plan.to_toml();
    // What is wrong with it is said before anything is asked.
    ask(engine, &text, true, output)?;
    confirm_lock(&before, &policy, set.yes)?;
    ask(engine, &text, false, output)?;
    tell_one(Some(name), &policy, output);
    Ok(())
}
