//! Time that is proven: a real server with Network Time Security, chrony as the box has it, and the
//! engine, which believes the one and not the clock.

use super::bus;
use super::tools::{entry, must, property, systemctl, until, write};
use crate::error::Result;
use crate::process::{command, quiet};

const TIMEKEEPER: &str = "holdfast-timekeeper.service";

/// The server's key and certificate.
const KEY: &str = "/run/time-server/key.pem";
const CERTIFICATE: &str = "/run/time-server/certificate.pem";

/// The server, which has its time from nobody. `-x`: no container may set the clock.
const SERVER: &str = "port 11123
ntsserverkey /run/time-server/key.pem
ntsservercert /run/time-server/certificate.pem
local stratum 5
allow 127.0.0.1
allow ::1
cmdport 0
bindcmdaddress /
pidfile /run/time-server/pid
user root
";

/// What takes the place of the servers that the image names, as none can be reached from here.
const HERE: &str = "server localhost port 11123 iburst minpoll 0 maxpoll 1";
const SOURCES: &str = "/etc/chrony/conf.d/holdfast.conf";

/// chrony's own unit, where nobody may set the clock.
const DROP_IN: &str = "/etc/systemd/system/chrony.service.d/container.conf";
const CONTAINER: &str = "[Unit]\nConditionCapability=\n";

pub(super) fn check() -> Result<()> {
    let shipped = std::fs::read_to_string(SOURCES).unwrap_or_default();
    let servers = shipped.lines().filter(|line| line.starts_with("server ")).count();
    let proven = shipped.lines().filter(|line| line.ends_with(" nts")).count();
    must(servers == 3 && proven == 3, "a box asks servers that prove themselves", shipped)?;
    start_server()?;
    write(DROP_IN, CONTAINER)?;
    write("/etc/default/chrony", "DAEMON_OPTS=\"-x\"\n")?;
    systemctl(&["daemon-reload"])?;
    asks(&format!("{HERE}\n"))?;
    until("the time keeper to say who proves nothing", || said("which does not prove who it is"))?;
    must(!is_proven()?, "time that nobody proves is not believed", "")?;
    asks(&format!("{HERE} nts\nntstrustedcerts {CERTIFICATE}\n"))?;
    let by = until("time that is proven", || said("the time is proven by"))?;
    bus::verify()?;
    until("an engine that knows that the time is proven", || Ok(is_proven()?.then_some(())))?;
    let user = property(TIMEKEEPER, "User")?;
    println!("    time: {by} with Network Time Security; the time keeper is the user {user}");
    Ok(())
}

fn start_server() -> Result<()> {
    write("/run/time-server/server.conf", SERVER)?;
    let mut pair = command("openssl");
    pair.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    pair.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    quiet(pair.args(["-keyout", KEY, "-out", CERTIFICATE]))?;
    let mut server = command("systemd-run");
    server.args(["--quiet", "--unit=time-server", "chronyd", "-x", "-d", "-f"]);
    quiet(server.arg("/run/time-server/server.conf")).map(drop)
}

/// Has chrony ask these servers, and the time keeper ask chrony. It asks once a minute, and once
/// when it starts.
fn asks(sources: &str) -> Result<()> {
    write(SOURCES, sources)?;
    systemctl(&["restart", "chrony.service"])?;
    until("chrony to choose its server", || {
        let sources = quiet(command("chronyc").args(["-n", "-c", "sources"]));
        Ok(sources.is_ok_and(|sources| sources.contains("^,*,")).then_some(()))
    })?;
    systemctl(&["restart", TIMEKEEPER])?;
    must(property(TIMEKEEPER, "ActiveState")? == "active", "the time keeper runs", "it does not")
}

/// What the time keeper said last, if it has these words.
fn said(words: &str) -> Result<Option<String>> {
    let last = entry(&[format!("_SYSTEMD_UNIT={TIMEKEEPER}")])?.unwrap_or_default();
    let message = last["MESSAGE"].as_str().unwrap_or_default();
    Ok(message.contains(words).then(|| message.to_owned()))
}

fn is_proven() -> Result<bool> {
    Ok(bus::get(bus::APPLIANCE, "TimeProven")?.as_bool().unwrap_or_default())
}
