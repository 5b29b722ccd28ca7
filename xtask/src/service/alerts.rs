//! Alerts: on the bus, and in the journal with the fields that ALERTS.md promises.

use serde_json::Value;

use super::bus;
use super::jobs::find;
use super::set_up::CREDENTIAL;
use super::tools::{ENGINE, entry, must, systemctl, until, write};
use crate::error::{Error, Result};

/// A unit of ours that fails.
const PROBE: &str = "holdfast-probe.service";
const PROBE_UNIT: &str = "[Service]\nType=oneshot\nExecStart=/bin/false\n";

const RESTARTED: (&str, &str) = ("engine-restarted", "75aec7c86bbaf6b016e6efcf3a2f65fc");
const FAILED: (&str, &str) = ("service-failed", "2dac141189c9dba4edc18ab90be4fabb");
const LOCKED: (&str, &str) = ("pool-locked", "f642a5f7ce335b433ce9b27cb40b1ccf");

/// That the engine ended unasked, twice by now.
pub(super) fn of_restarts() -> Result<()> {
    let alert = find("alerts", "Code", RESTARTED.0)?;
    let fields = told(RESTARTED)?;
    demand(
        &fields,
        &[
            ("PRIORITY", "4"),
            ("HOLDFAST_COUNT", "2"),
            ("HOLDFAST_SEVERITY", "6"),
            ("HOLDFAST_SIDE", "box"),
            ("_SYSTEMD_SLICE", "holdfast.slice"),
        ],
    )?;
    println!("    alert {}: {}", RESTARTED.0, bus::text(&alert, "Cause")?);
    Ok(())
}

/// That a unit of ours has failed, until that is over.
pub(super) fn of_a_unit() -> Result<()> {
    write(&format!("/run/systemd/system/{PROBE}"), PROBE_UNIT)?;
    systemctl(&["daemon-reload"])?;
    must(systemctl(&["start", PROBE]).is_err(), "the probe fails", "it did not")?;
    bus::verify()?;
    let alert = find("alerts", "Code", FAILED.0)?;
    must(bus::text(&alert, "Subject")? == PROBE, "the alert names the unit", &alert)?;
    demand(&told(FAILED)?, &[("HOLDFAST_SERVICE", PROBE), ("PRIORITY", "3")])?;
    must(is_found(&alert)?, "a unit that has failed is found again at each look", &alert)?;
    systemctl(&["reset-failed", PROBE])?;
    until("a look that finds no failed unit", || Ok((!is_found(&alert)?).then_some(())))?;
    println!("    alert {}: raised for {PROBE}, not found any more once that is reset", FAILED.0);
    Ok(())
}

/// Whether the cause of an alert was there when the engine looked last. It looks when a job ends.
fn is_found(alert: &str) -> Result<bool> {
    let ended = bus::verify()?;
    let verified = || bus::number(bus::POOL, "LastVerifyAt");
    until("a look of the engine", || Ok((verified()? >= ended).then_some(())))?;
    Ok(bus::number(alert, "LastSeen")? >= verified()?)
}

/// A box without its credential starts, locked, and says so.
pub(super) fn of_a_locked_pool() -> Result<()> {
    let aside = "/etc/credstore.encrypted/aside";
    let moved = |from: &str, to: &str| {
        std::fs::rename(from, to).map_err(Error::io(std::path::Path::new(from)))
    };
    moved(CREDENTIAL, aside)?;
    systemctl(&["restart", ENGINE])?;
    let state = bus::text(bus::APPLIANCE, "State")?;
    must(state == "locked", "without its credential a box starts locked", state)?;
    find("alerts", "Code", LOCKED.0)?;
    demand(&told(LOCKED)?, &[("PRIORITY", "3"), ("HOLDFAST_SEVERITY", "8")])?;
    moved(aside, CREDENTIAL)?;
    systemctl(&["restart", ENGINE])?;
    let state = bus::text(bus::APPLIANCE, "State")?;
    must(state == "ready", "with its credential a box starts ready", state)?;
    println!("    alert {}: without its credential a box starts locked", LOCKED.0);
    Ok(())
}

/// The journal's last entry of an alert, with what all of them have.
fn told((code, id): (&str, &str)) -> Result<Value> {
    let fields = entry(&[format!("MESSAGE_ID={id}")])?.unwrap_or_default();
    demand(
        &fields,
        &[
            ("HOLDFAST_CODE", code),
            ("SYSLOG_IDENTIFIER", "holdfast-engine"),
            ("_SYSTEMD_UNIT", ENGINE),
            ("_TRANSPORT", "journal"),
        ],
    )?;
    Ok(fields)
}

fn demand(fields: &Value, wanted: &[(&str, &str)]) -> Result<()> {
    for (name, text) in wanted {
        let has = &fields[*name];
        must(has == text, &format!("the journal has {name}={text}"), format!("{has} in {fields}"))?;
    }
    Ok(())
}
