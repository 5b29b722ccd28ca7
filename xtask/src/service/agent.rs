//! The receiver as a service, and an agent of another user that comes to it over the network. The
//! two are made known to each other as AGENT.md says, by somebody with a shell on either side.

use std::fs::create_dir_all;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::bus;
use super::set_up::random;
use super::tools::{must, parse, property, systemctl, until, write};
use crate::error::{Error, Result};
use crate::process::{command, quiet, start_error};

const SOCKET: &str = "holdfast-receiver.socket";
const RECEIVER: &str = "holdfast-receiver.service";
const EXAMPLE: &str = "/usr/share/holdfast/receiver.toml";
const CONFIGURATION: &str = "/etc/holdfast/receiver.toml";

/// Who has the receiver, and whose group may write to intakes.
const RECEIVES: &str = "holdfast-receiver";

/// Who has the agent, and the folder of its files.
const SENDER: &str = "sender";
const FOLDER: &str = "/srv/sender";
pub(super) const VOLUME: &str = "/srv/sender/volume";
const BYTES: u64 = 8 << 20;

/// What is sent at least, where anything changed.
const BLOCK: u64 = 64 << 10;

/// Has an agent send its volume, and once more when one block of it is another and somebody has
/// killed the receiver. Gives the recovery point that is the volume as it is then.
pub(super) fn check() -> Result<String> {
    systemctl(&["preset", SOCKET])?;
    is(SOCKET, "UnitFileState", "enabled", "the preset enables the receiver's socket")?;
    systemctl(&["start", SOCKET])?;
    is(SOCKET, "ActiveState", "inactive", "without configuration nothing listens for agents")?;
    plan_for_it()?;
    make_known()?;
    let (first, _) = push()?;
    must(first["sent_bytes"] == BYTES, "a first run sends the whole volume", &first)?;
    walls()?;
    change_a_block()?;
    let killed = property(RECEIVER, "MainPID")?;
    systemctl(&["kill", "--signal=KILL", RECEIVER])?;
    // Its socket is there all the time: who comes meanwhile waits.
    let (second, point) = push()?;
    must(second["sent_bytes"] == BLOCK, "a second run sends what changed", &second)?;
    let runs = property(RECEIVER, "MainPID")?;
    must(runs != killed, "a receiver that was killed is started again", runs)?;
    systemctl(&["stop", SOCKET, RECEIVER])?;
    is(RECEIVER, "Result", "success", "the receiver stops in order")?;
    println!("    agent: a volume, what changed over a killed receiver, nothing of a stranger");
    Ok(point)
}

fn is(unit: &str, name: &str, wanted: &str, rule: &str) -> Result<()> {
    let has = property(unit, name)?;
    must(has == wanted, rule, has)
}

/// The plan that is in force, with one more system.
fn plan_for_it() -> Result<()> {
    let plan = bus::call(bus::APPLIANCE, "ExportPlan", &[])?;
    let plan = format!(
        "{plan}\n[[system]]\nname = \"files\"\nclient = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\n\
         interval = \"4h\"\nretention = {{ daily = 7 }}\nsource = {{ kind = \"agent\" }}\n"
    );
    bus::call(bus::APPLIANCE, "ApplyPlan", &["sb", &plan, "false"]).map(drop)
}

/// Enters the agent's certificate at the box, and the box's at the agent. Another agent, which says
/// that it is the same system, is not entered.
fn make_known() -> Result<()> {
    quiet(command("useradd").arg(SENDER))?;
    create_dir_all(FOLDER).map_err(Error::io(Path::new(FOLDER)))?;
    random(VOLUME, BYTES)?;
    quiet(command("chown").args(["--recursive", &format!("{SENDER}:{SENDER}"), FOLDER]))?;
    configure(&"00".repeat(32))?;
    let enroll = ["enroll", "--system", "files"];
    let section = quiet(&mut agent("known", &enroll))?;
    quiet(&mut agent("stranger", &enroll))?;
    let example = std::fs::read_to_string(EXAMPLE).map_err(Error::io(Path::new(EXAMPLE)))?;
    write(CONFIGURATION, &format!("{example}\n{section}"))?;
    // By root, before the service has ever run: the key has to become the service's.
    let fingerprint = quiet(command("holdfast-receiver").arg("fingerprint"))?;
    configure(fingerprint.trim())?;
    systemctl(&["start", SOCKET])?;
    is(RECEIVER, "ActiveState", "inactive", "the receiver is started when somebody comes")?;
    quiet(&mut agent("known", &["check"])).map(drop)
}

fn configure(fingerprint: &str) -> Result<()> {
    ["known", "stranger"].into_iter().try_for_each(|name| {
        let text = format!(
            "box = \"127.0.0.1:8443\"\nfingerprint = \"{fingerprint}\"\n\
             certificate = \"{name}.pem\"\nkey = \"{name}.key\"\nstate = \"{name}.state\"\n\
             patience = \"20s\"\n[[volume]]\nname = \"root\"\npath = \"{VOLUME}\"\n"
        );
        write(&format!("{FOLDER}/{name}.toml"), &text)
    })
}

/// The agent's command, as its user gives it.
fn agent(name: &str, words: &[&str]) -> Command {
    let mut agent = command("setpriv");
    agent.args(["--reuid", SENDER, "--regid", SENDER, "--init-groups", "holdfast-agent"]);
    agent.args(["--quiet", "--config", &format!("{FOLDER}/{name}.toml")]).args(words);
    agent
}

/// Sends the volume: what the agent says of that, and the recovery point, which is on the bus.
fn push() -> Result<(Value, String)> {
    let told = quiet(&mut agent("known", &["--json", "run"]))?;
    let volume = parse("holdfast-agent", &told)?["volumes"][0].take();
    let id = volume["point"].as_str().unwrap_or_default();
    let point = format!("/org/holdfast/points/{id}");
    until("a recovery point in the place of an intake", || {
        let is_there = bus::objects("points")?.contains(&point);
        Ok((is_there && bus::objects("intakes")?.is_empty()).then_some(()))
    })?;
    Ok((volume, point))
}

/// What keeps strangers from the receiver, and the receiver from all but intakes.
fn walls() -> Result<()> {
    let mut check = agent("stranger", &["check"]);
    let refused = check.output().map_err(|source| start_error(&check, source))?;
    let says = String::from_utf8_lossy(&refused.stderr).into_owned();
    let is_refused = !refused.status.success() && says.contains("does not know the certificate");
    must(is_refused, "a certificate that nobody entered is refused", says)?;
    let process = format!("/proc/{}", property(RECEIVER, "MainPID")?);
    let stat = ["--format=%U %G", &process, "/run/holdfast-intakes"];
    let owners = quiet(command("stat").args(stat))?;
    let wanted = format!("{RECEIVES} {RECEIVES}\nholdfast {RECEIVES}\n");
    must(owners == wanted, "the receiver is a user of its own, and intakes are for it", owners)?;
    let said = bus::as_user(RECEIVES, "call", bus::POOL, &["Verify", "a{sv}", "0"])?;
    let says = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    let refused = !said.status.success() && says.contains("org.holdfast.pool.manage");
    must(refused, "polkit lets the receiver add recovery points and nothing else", says)
}

fn change_a_block() -> Result<()> {
    let mut dd = command("dd");
    dd.args(["if=/dev/zero", "bs=4096", "count=1", "seek=48", "conv=notrunc"]);
    quiet(dd.arg(format!("of={VOLUME}"))).map(drop)
}
