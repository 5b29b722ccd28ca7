//! Who may see and who may change: the policy of the bus, and polkit.

use super::bus;
use super::tools::must;
use crate::error::Result;

/// Demands what a stranger, a user of the group, one whom polkit lets, and root may.
pub(super) fn check() -> Result<()> {
    look("stranger", false)?;
    look("looker", true)?;
    verify("looker", false)?;
    verify("keeper", true)?;
    bus::verify()?;
    println!("    callers: a stranger sees nothing, the group looks, polkit and root let change");
    Ok(())
}

fn look(user: &str, may: bool) -> Result<()> {
    let seen = bus::as_user(user, "get-property", bus::APPLIANCE, &["State"])?;
    let says = String::from_utf8_lossy(&[seen.stdout, seen.stderr].concat()).into_owned();
    let as_it_should = match may {
        true => seen.status.success() && says.contains("ready"),
        false => says.contains("Access denied"),
    };
    must(as_it_should, &format!("the bus lets {user} look: {may}"), says)
}

fn verify(user: &str, may: bool) -> Result<()> {
    let jobs = bus::objects("jobs")?.len();
    let said = bus::as_user(user, "call", bus::POOL, &["Verify", "a{sv}", "0"])?;
    let says = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    let rule = format!("polkit lets {user} change: {may}");
    must(said.status.success() == may, &rule, &says)?;
    must(may || says.contains("org.holdfast.pool.manage"), "it says which leave is missing", says)?;
    let more = bus::objects("jobs")?.len() - jobs;
    must(more == usize::from(may), "a call that is not allowed begins nothing", more)
}
