//! A machine on an export, over ends of the engine: asked for, sudden, and by the watchdog.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::machine::Machine;
use super::tools::{ENGINE, entry, must, number, property, systemctl, until, write};
use super::{bus, set_up};
use crate::error::{Error, Result};

/// Seconds that the watchdog has patience here: nobody waits for a minute.
const WATCHDOG: u64 = 4;

const DROP_IN: &str = "/run/systemd/system/holdfast-engine.service.d/watchdog.conf";

/// What a machine on an export has to go through.
pub(super) fn check(point: &str) -> Result<()> {
    let export = bus::call(point, "Export", &["a{sv}", "1", "writable", "b", "true"])?;
    let socket = PathBuf::from(bus::text(&export, "Socket")?);
    let number = inode(&socket)?;
    let mut machine = Machine::on(&socket)?;
    machine.writes(1, "1M")?;
    for (last, name, end) in [
        (1, "systemctl restart", restart as fn() -> Result<()>),
        (2, "kill -9", kill),
        (3, "a hang", hang),
    ] {
        let began = Instant::now();
        end()?;
        machine.reads(last, "1M")?;
        let waited = began.elapsed().as_secs_f64();
        machine.writes(last + 1, "1M")?;
        machine.reads(last + 1, "1M")?;
        let kept = super::tools::number(ENGINE, "NFileDescriptorStore")?;
        must(kept == 1, "the socket is with the service manager", kept)?;
        must(inode(&socket)? == number, "the socket is the one that it was", socket.display())?;
        let ready = set_up::ready_in()?;
        println!(
            "    {name}: ready again in {ready:.2} s; a machine on an export reads on after \
             {waited:.2} s"
        );
    }
    drop(machine);
    bus::call(&export, "Stop", &["b", "true"]).map(drop)
}

fn inode(socket: &Path) -> Result<u64> {
    Ok(std::fs::metadata(socket).map_err(Error::io(socket))?.ino())
}

fn restart() -> Result<()> {
    systemctl(&["restart", ENGINE]).map(drop)
}

fn kill() -> Result<()> {
    comes_back_after(|| systemctl(&["kill", "--signal=KILL", ENGINE]).map(drop))
}

/// Stops the process, so that no sign of life comes, until the service manager has had enough.
fn hang() -> Result<()> {
    write(DROP_IN, &format!("[Service]\nWatchdogSec={WATCHDOG}\n"))?;
    systemctl(&["daemon-reload"])?;
    restart()?;
    let began = Instant::now();
    comes_back_after(|| {
        systemctl(&["kill", "--kill-who=main", "--signal=STOP", ENGINE]).map(drop)
    })?;
    let took = began.elapsed().as_secs_f64();
    let by_watchdog = [format!("UNIT={ENGINE}"), "UNIT_RESULT=watchdog".to_owned()];
    let told = entry(&by_watchdog)?;
    must(
        told.is_some(),
        "the watchdog ends an engine that hangs",
        "the journal has no word of it",
    )?;
    println!(
        "    watchdog of {WATCHDOG} s: an engine that hangs is killed and back after {took:.1} s"
    );
    std::fs::remove_file(DROP_IN).map_err(Error::io(Path::new(DROP_IN)))?;
    systemctl(&["daemon-reload"]).map(drop)
}

/// Waits until the service manager has started the engine once more, by itself.
pub(super) fn comes_back_after(end: impl FnOnce() -> Result<()>) -> Result<()> {
    let before = number(ENGINE, "NRestarts")?;
    end()?;
    until("the engine to come back", || {
        let back = number(ENGINE, "NRestarts")? == before + 1;
        Ok((back && property(ENGINE, "ActiveState")? == "active").then_some(()))
    })
}
