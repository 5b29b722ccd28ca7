//! `holdfast policy`: what to keep of which protected system.

use catalog::Policy;
use disk::Access;
use model::{Span, SystemId};
use operations::{Failure, SystemNames};
use serde_json::{Value, json};

use crate::access::{close, open, unlock};
use crate::arguments::{self, PolicyDrop, PolicyRules, PolicySet, PolicyShow};
use crate::confirm::confirm;
use crate::output::Output;
use crate::remote;

/// How the policy of all systems without one of their own is called.
const ALL_SYSTEMS: &str = "all other systems";

pub(crate) fn run(policy: arguments::Policy, output: &Output) -> Result<(), Failure> {
    let pool = match &policy {
        arguments::Policy::Show(show) => &show.pool,
        arguments::Policy::Set(set) => &set.pool,
        arguments::Policy::Drop(drop) => &drop.pool,
    };
    if let Some(engine) = remote::reach(pool)? {
        return remote::policy(&engine, &policy, output);
    }
    match policy {
        arguments::Policy::Show(show) => self::show(&show, output),
        arguments::Policy::Set(set) => self::set(&set, output),
        arguments::Policy::Drop(drop) => self::drop(&drop, output),
    }
}

fn show(show: &PolicyShow, output: &Output) -> Result<(), Failure> {
    let pool = open(&show.pool, Access::ReadOnly, output)?;
    let access = unlock(&pool, &show.unlock)?;
    let points = pool.catalog.points();
    let mut names = SystemNames::new(&access);
    let mut shown: Vec<(Option<String>, Policy)> = Vec::new();
    for (tenant, system, policy) in pool.catalog.policies() {
        if tenant == access.tenant() {
            // Without a recovery point nobody knows a system's name any more.
            let name = |system: SystemId| names.find(system, &points).unwrap_or(system.to_string());
            shown.push((system.map(name), policy));
        }
    }
    tell(&shown, output);
    Ok(())
}

/// Tells the policies of systems by their names; without one it is that of all others.
pub(crate) fn tell(shown: &[(Option<String>, Policy)], output: &Output) {
    let values = shown.iter().map(|(system, policy)| to_json(system.as_deref(), policy));
    let value = json!({ "policies": values.collect::<Vec<_>>() });
    output.result(&value, || {
        let lines = shown.iter().map(|(system, policy)| to_text(system.as_deref(), policy));
        match shown.is_empty() {
            true => "no policies: every recovery point is kept".to_owned(),
            false => lines.collect::<Vec<_>>().join("\n"),
        }
    });
}

fn set(set: &PolicySet, output: &Output) -> Result<(), Failure> {
    let pool = open(&set.pool, Access::ReadWrite, output)?;
    let access = unlock(&pool, &set.unlock)?;
    let tenant = access.tenant();
    let system = set.system.as_deref().map(|name| ingest::system_id(&access, name));
    let before = pool.catalog.policy(tenant, system.unwrap_or_default());
    let policy = changed(before, &set.rules);
    let event = pool.catalog.set_policy(tenant, system, &policy)?;
    confirm_lock(&before, &policy, set.yes)?;
    let is_known = |system| pool.catalog.newest(tenant, system).is_some();
    if let (Some(name), false) = (&set.system, system.is_none_or(is_known)) {
        output.note(&format!("there is no recovery point of {name} yet"));
    }
    pool.commit(vec![event])?;
    close(&pool, output)?;
    tell_one(set.system.as_deref(), &policy, output);
    Ok(())
}

/// Asks before a lock becomes longer.
pub(crate) fn confirm_lock(before: &Policy, policy: &Policy, yes: bool) -> Result<(), Failure> {
    if policy.lock <= before.lock {
        return Ok(());
    }
    let lock = Span(policy.lock);
    confirm(
        &format!("a lock of {lock} could never be made shorter"),
        &format!("A lock of {lock} can never be made shorter, by anybody"),
        yes,
    )
}

/// Tells the policy that a system has by now; without a name that of all others.
pub(crate) fn tell_one(system: Option<&str>, policy: &Policy, output: &Output) {
    output.result(&to_json(system, policy), || to_text(system, policy));
}

fn drop(drop: &PolicyDrop, output: &Output) -> Result<(), Failure> {
    let pool = open(&drop.pool, Access::ReadWrite, output)?;
    let access = unlock(&pool, &drop.unlock)?;
    let (tenant, name) = (access.tenant(), &drop.system);
    let system = ingest::system_id(&access, name);
    let catalog = pool.catalog.clone();
    match catalog.drop_policy(tenant, system) {
        Some(event) => pool.commit(vec![event])?,
        None => output.note(&format!("{name} has no policy of its own")),
    }
    close(&pool, output)?;
    tell_one(Some(name), &catalog.policy(tenant, system), output);
    Ok(())
}

/// A policy with the rules that are given in the place of its own.
pub(crate) fn changed(before: Policy, rules: &PolicyRules) -> Policy {
    Policy {
        last: rules.last.unwrap_or(before.last),
        hourly: rules.hourly.unwrap_or(before.hourly),
        daily: rules.daily.unwrap_or(before.daily),
        weekly: rules.weekly.unwrap_or(before.weekly),
        monthly: rules.monthly.unwrap_or(before.monthly),
        yearly: rules.yearly.unwrap_or(before.yearly),
        lock: rules.lock.map_or(before.lock, |lock| lock.0),
        delay: rules.delay.map_or(before.delay, |delay| delay.0),
    }
}

fn to_json(system: Option<&str>, policy: &Policy) -> Value {
    json!({
        "system": system,
        "keeps_everything": policy.keeps_everything(),
        "last": policy.last,
        "hourly": policy.hourly,
        "daily": policy.daily,
        "weekly": policy.weekly,
        "monthly": policy.monthly,
        "yearly": policy.yearly,
        "lock_seconds": policy.lock,
        "delay_seconds": policy.delay,
    })
}

fn to_text(system: Option<&str>, policy: &Policy) -> String {
    let last = (policy.last > 0).then(|| format!("last {}", policy.last));
    let periods = policy.periods().into_iter().filter(|(_, count)| *count > 0);
    let counts = last.into_iter().chain(periods.map(|(period, count)| format!("{period} {count}")));
    let keeps = match policy.keeps_everything() {
        true => "everything".to_owned(),
        false => counts.collect::<Vec<_>>().join(", "),
    };
    let lock = match policy.lock {
        0 => "no lock".to_owned(),
        lock => format!("locked for {}", Span(lock)),
    };
    format!(
        "{}: keeps {keeps}; {lock}; gone {} after a removal, in running time",
        system.unwrap_or(ALL_SYSTEMS),
        Span(policy.delay),
    )
}
