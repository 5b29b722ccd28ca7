//! A box as it stands at a site: users, a pool that is locked with a passphrase, configuration, and
//! the passphrase as a credential sealed to the box.

use std::fs::File;
use std::io::{Read, copy};
use std::path::Path;

use super::bus;
use super::tools::{ENGINE, must, number, property, systemctl, write};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

/// Disks of the pool: files, in the folder that the unit may write to.
const DISKS: [&str; 2] = ["/var/lib/holdfast/disk0", "/var/lib/holdfast/disk1"];

/// A system of 8 MiB with a recovery point, and one of 128 MiB that has none yet.
pub(super) const WEB: &str = "/var/lib/holdfast/web.img";
pub(super) const MAIL: &str = "/var/lib/holdfast/mail.img";

const PASSPHRASE: &str = "/run/passphrase";
const KIT: &str = "/run/kit";
const EXAMPLE: &str = "/usr/share/holdfast/engine.toml";
const CONFIGURATION: &str = "/etc/holdfast/engine.toml";
pub(super) const CREDENTIAL: &str = "/etc/credstore.encrypted/holdfast.passphrase";

/// Lets one user of the group do one thing.
const RULE: &str = "polkit.addRule(function(action, subject) {
    if (action.id == 'org.holdfast.pool.manage' && subject.user == 'keeper') {
        return polkit.Result.YES;
    }
});
";

/// Makes all of it. The engine does not run yet.
pub(super) fn make() -> Result<()> {
    users_and_passphrase()?;
    random(WEB, 8 << 20)?;
    random(MAIL, 128 << 20)?;
    create_pool("512MiB", &DISKS)?;
    let pool = DISKS.join(",");
    let ingest = ["ingest", "--quiet", "--pool", &pool, "--system", "web", WEB];
    quiet(&mut holdfast(&ingest))?;
    hand_over()
}

/// Who is there, and what unlocks the pool.
pub(super) fn users_and_passphrase() -> Result<()> {
    for group in [["--groups", "holdfast", "looker"], ["--groups", "holdfast", "keeper"]] {
        quiet(command("useradd").args(group))?;
    }
    quiet(command("useradd").arg("stranger"))?;
    write("/etc/polkit-1/rules.d/40-keeper.rules", RULE)?;
    write(PASSPHRASE, "correct horse battery staple\n")
}

/// Makes a pool whose kit is proved.
pub(super) fn create_pool(size: &str, disks: &[&str]) -> Result<()> {
    quiet(holdfast(&["pool", "create", "--size", size, "--kit-out", KIT]).args(disks))?;
    quiet(command("holdfast").args(["kit", "prove", "--kit-file", KIT]).args(disks)).map(drop)
}

/// Gives all that was made to the engine's user.
pub(super) fn hand_over() -> Result<()> {
    let all = ["--recursive", "holdfast:holdfast", "/var/lib/holdfast"];
    quiet(command("chown").args(all)).map(drop)
}

/// The command, with the passphrase.
fn holdfast(words: &[&str]) -> std::process::Command {
    let mut holdfast = command("holdfast");
    holdfast.args(words).args(["--passphrase-file", PASSPHRASE]);
    holdfast
}

pub(super) fn random(path: &str, bytes: u64) -> Result<()> {
    let (from, to) = (Path::new("/dev/urandom"), Path::new(path));
    let random = File::open(from).map_err(Error::io(from))?;
    let mut file = File::create(to).map_err(Error::io(to))?;
    copy(&mut random.take(bytes), &mut file).map(drop).map_err(Error::io(to))
}

/// Starts the engine as the first boot of a box does: not at all without configuration, then by the
/// example with the box's own disks, with the credential.
pub(super) fn start() -> Result<()> {
    systemctl(&["preset", ENGINE])?;
    must(property(ENGINE, "UnitFileState")? == "enabled", "the preset enables the engine", "")?;
    systemctl(&["start", ENGINE])?;
    let state = property(ENGINE, "ActiveState")?;
    must(
        state == "inactive",
        "without configuration nothing is started, and nothing fails",
        state,
    )?;
    configure(&DISKS)?;
    systemctl(&["start", ENGINE])?;
    let state = property(ENGINE, "ActiveState")?;
    must(state == "active", "the engine is started", state)?;
    let took = ready_in()?;
    let resident = bus::number(bus::APPLIANCE, "MemoryBytes")? >> 20;
    println!("    start: ready in {took:.2} s, {resident} MiB resident, {}", rings()?);
    must(took < 2.0, "an engine with an empty pool is ready in two seconds", took)?;
    let is = (bus::text(bus::APPLIANCE, "State")?, bus::text(bus::APPLIANCE, "Verdict")?);
    must(is == ("ready".into(), "healthy".into()), "a sound box is healthy", format!("{is:?}"))
}

/// The example's configuration with these disks, and the passphrase as a credential.
pub(super) fn configure(disks: &[&str]) -> Result<()> {
    let example = Path::new(EXAMPLE);
    let text = std::fs::read_to_string(example).map_err(Error::io(example))?;
    let disks = format!("disks = {disks:?}");
    let lines = text.lines().map(|line| match line.starts_with("disks = ") {
        true => disks.as_str(),
        false => line,
    });
    write(CONFIGURATION, &lines.collect::<Vec<_>>().join("\n"))?;
    write(CREDENTIAL, "")?;
    let mut seal = command("systemd-creds");
    seal.args(["encrypt", "--with-key=host", "--name=holdfast.passphrase"]);
    quiet(seal.args([PASSPHRASE, CREDENTIAL])).map(drop)
}

/// Seconds from the decision to start the engine until it said that it is ready, as the service
/// manager counts them.
pub(super) fn ready_in() -> Result<f64> {
    let begin = number(ENGINE, "InactiveExitTimestampMonotonic")?;
    let ready = number(ENGINE, "ActiveEnterTimestampMonotonic")?;
    Ok(ready.saturating_sub(begin) as f64 / 1e6)
}

/// By what the disks are read. Where the kernel has rings for everybody the unit's filter of system
/// calls must not keep them from the engine.
fn rings() -> Result<String> {
    let folder = format!("/proc/{}/fd", property(ENGINE, "MainPID")?);
    let listed = quiet(command("ls").args(["-l", &folder]))?;
    let rings = listed.matches("anon_inode:[io_uring]").count();
    let allowed = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    let missing = rings == 0 && allowed.is_ok_and(|text| text.trim() == "0");
    must(!missing, "the engine has the rings that the kernel gives", &folder)?;
    Ok(format!("{rings} rings of io_uring"))
}

/// That the pool is whole, and what was taken in is what it was: judged without the engine.
pub(super) fn judge(points: &[(String, &str)]) -> Result<()> {
    systemctl(&["stop", ENGINE])?;
    let pool = DISKS.join(",");
    quiet(&mut holdfast(&["verify", "--quiet", "--pool", &pool]))?;
    for (point, image) in points {
        let to = "/var/lib/holdfast/restored";
        quiet(&mut holdfast(&[
            "restore", "--quiet", "--pool", &pool, "--point", point, "--to", to,
        ]))?;
        quiet(command("cmp").args([to, image]))?;
        std::fs::remove_file(to).map_err(Error::io(Path::new(to)))?;
    }
    println!("    after all that: the pool verifies, {} points restore", points.len());
    Ok(())
}
