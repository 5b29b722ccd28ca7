//! A job that is in the way when the service manager stops the engine.

use std::path::Path;
use std::time::Instant;

use super::bus;
use super::set_up::MAIL;
use super::tools::{ENGINE, must, property, systemctl, until};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

/// Seconds that the engine gives its jobs: with them it is through in the unit's `TimeoutStopSec`.
const STOPS_WITHIN: f64 = 20.0;

/// The disk of the system as its hypervisor serves it, so slowly that an ingest takes four seconds.
const SERVER: &str = "mail-disk.service";
const SOCKET: &str = "/run/mail-disk/nbd";
const BYTES_A_SECOND: u64 = 32 << 20;

/// What the server has read when the ingest has surely begun.
const BEGUN: u64 = 4 << 20;

/// Stops the engine while an ingest runs, and demands that the next engine does it; gives the
/// recovery point that comes of it.
pub(super) fn check() -> Result<String> {
    serve_disk()?;
    apply_plan()?;
    let system = find("systems", "Name", "mail")?;
    let before = bytes_read()?;
    let job = bus::call(&system, "RunNow", &["a{sv}", "0"])?;
    until("the ingest to come forward", || Ok((bytes_read()? > before + BEGUN).then_some(())))?;
    let began = Instant::now();
    systemctl(&["stop", ENGINE])?;
    let took = began.elapsed().as_secs_f64();
    let result = property(ENGINE, "Result")?;
    must(result == "success" && took < STOPS_WITHIN, "the engine stops in order", &result)?;
    systemctl(&["start", ENGINE])?;
    let ended = until("the ingest to end", || {
        let state = bus::text(&job, "State")?;
        Ok((!["queued", "running", "waiting"].contains(&state.as_str())).then_some(state))
    })?;
    let attempt = bus::number(&job, "Attempt")?;
    must(
        ended == "done" && attempt == 2,
        "the next engine does it",
        format!("{attempt}: {ended}"),
    )?;
    println!("    stopped amid an ingest: {took:.2} s; the next start did it, attempt {attempt}");
    bus::text(&job, "Point")
}

/// Has QEMU serve the disk, as a transient unit.
fn serve_disk() -> Result<()> {
    let mut run = command("systemd-run");
    run.args(["--quiet", "--unit", SERVER, "--property=User=holdfast"]);
    run.args(["--property=RuntimeDirectory=mail-disk", "qemu-nbd", "--persistent", "--read-only"]);
    run.arg(format!("--object=throttle-group,id=slow,x-bps-total={BYTES_A_SECOND}"));
    run.arg("--shared=0").arg(format!("--socket={SOCKET}")).arg("--image-opts");
    run.arg(format!(
        "driver=throttle,throttle-group=slow,file.driver=raw,file.file.driver=file,\
         file.file.filename={MAIL}"
    ));
    quiet(&mut run)?;
    until("the server of the disk", || Ok(Path::new(SOCKET).exists().then_some(())))
}

/// Bytes that the server has read of the disk.
fn bytes_read() -> Result<u64> {
    let path = format!("/proc/{}/io", property(SERVER, "MainPID")?);
    let text = std::fs::read_to_string(&path).map_err(Error::io(Path::new(&path)))?;
    let read = text.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok());
    read.ok_or(Error::Unexpected { from: path, what: text })
}

fn apply_plan() -> Result<()> {
    let plan = format!(
        "format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\n[[system]]\nname = \"mail\"\n\
         client = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\ninterval = \"4h\"\n\
         retention = {{ daily = 7 }}\n\
         source = {{ kind = \"nbd\", uri = \"nbd+unix:///?socket={SOCKET}\" }}\n"
    );
    bus::call(bus::APPLIANCE, "ApplyPlan", &["sb", &plan, "false"]).map(drop)
}

/// The object of a kind with this text as a property.
pub(super) fn find(kind: &str, property: &str, text: &str) -> Result<String> {
    until(&format!("{text} among {kind}"), || {
        for path in bus::objects(kind)? {
            if bus::text(&path, property)? == text {
                return Ok(Some(path));
            }
        }
        Ok(None)
    })
}
