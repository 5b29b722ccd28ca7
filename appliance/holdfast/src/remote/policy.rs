//! `holdfast policy`, of an engine: retention stands in its plan.

use operations::Failure;

use super::engine::Engine;
use super::plan::in_force;
use crate::arguments::Policy;
use crate::command::policy::tell;
use crate::output::Output;

pub(crate) fn run(engine: &Engine, policy: &Policy, output: &Output) -> Result<(), Failure> {
    if !matches!(policy, Policy::Show(_)) {
        let next = "write it with `holdfast plan export`, change it, and put it in force with \
            `holdfast plan apply`";
        return Err(Failure::new("an engine keeps what its plan says", next));
    }
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
