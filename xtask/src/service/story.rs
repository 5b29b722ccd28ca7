//! What is done in the container, in order, with a line for each part.

use super::tools::{must, systemctl};
use super::{
    Args, agent, alerts, bus, callers, console, exports, jobs, large, manage, set_up, time, units,
};
use crate::error::Result;
use crate::process::{command, quiet};

/// The whole story, which ends with the container. When it breaks off before, the end of the
/// journal is shown.
pub(crate) fn tell(args: Args) -> Result<()> {
    // The container is booted without a word of the service manager's own on the screen.
    systemctl(&["log-level", "info"])?;
    let told = if args.large { large::check() } else { go_through() };
    systemctl(&["log-level", "warning"])?;
    if told.is_err() {
        let journal = quiet(command("journalctl").args(["--quiet", "--no-pager", "--lines=60"]));
        println!("{}", journal.unwrap_or_default());
    }
    told
}

fn go_through() -> Result<()> {
    let version = systemctl(&["--version"])?;
    println!("    {}", version.lines().next().unwrap_or_default());
    set_up::make()?;
    set_up::start()?;
    units::check()?;
    see()?;
    callers::check()?;
    let web = bus::only("points")?;
    exports::check(&web)?;
    alerts::of_restarts()?;
    let mail = jobs::check()?;
    manage::check()?;
    let files = agent::check()?;
    alerts::of_a_unit()?;
    time::check()?;
    alerts::of_a_locked_pool()?;
    let points = [(web, set_up::WEB), (mail, set_up::MAIL), (files, agent::VOLUME)];
    let id = |path: String| path.rsplit('/').next().unwrap_or_default().to_owned();
    set_up::judge(&points.map(|(path, image)| (id(path), image)))?;
    console::check()
}

/// Everything is on the bus, and can be looked at there.
fn see() -> Result<()> {
    let tree = bus::tree()?;
    for part in ["appliance", "pool", "disks/", "systems/", "points/"] {
        let part = format!("/org/holdfast/{part}");
        let has = tree.iter().any(|path| path.starts_with(&part));
        must(has, "busctl shows a tree of everything", format!("{part} is not in {tree:?}"))?;
    }
    let is_object = |path: &&String| {
        [bus::APPLIANCE, bus::POOL].contains(&path.as_str()) || path.split('/').count() > 4
    };
    let objects: Vec<&String> = tree.iter().filter(is_object).collect();
    for path in &objects {
        let described = bus::introspect(path)?;
        must(described.contains("org.holdfast."), "every object is described", described)?;
    }
    println!("    on the bus: {} objects, each described", objects.len());
    Ok(())
}
