//! The management daemon as a service: claimed, asked and reset as people do that, with curl.

use std::path::Path;

use serde_json::{Value, json};

use super::bus;
use super::tools::{ENGINE, must, parse, property, systemctl, until};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

const MANAGE: &str = "holdfast-manage.service";
const SOCKET: &str = "holdfast-manage.socket";
const CLAIM: &str = "/run/holdfast-manage/claim.json";
const RESET: &str = "/run/holdfast-manage/reset";

/// Of the owner.
const PASSWORD: &str = "correct horse battery staple";

/// Of the pool.
const PASSPHRASE: &str = "correct horse battery staple";

/// What the engine, which has done some jobs, and this daemon have in memory together when nothing
/// is under way, in MiB; the rest up to 80 is the console's.
const RESIDENT: u64 = 68;

/// Starts it as the first boot does, and goes through a day of it.
pub(super) fn check() -> Result<()> {
    systemctl(&["preset", MANAGE, SOCKET])?;
    systemctl(&["start", SOCKET, MANAGE])?;
    let kept = quiet(command("stat").args(["--format=%U %a", CLAIM]))?;
    must(kept.trim() == "holdfast-manage 600", "only root and the daemon read the code", kept)?;
    claim()?;
    let token = sign_in()?;
    change(&token)?;
    systemctl(&["kill", "--signal=KILL", MANAGE])?;
    // Its socket is there all the time: who asks meanwhile waits.
    let (status, _) = ask("GET", "/api/v1/me", &token, &Value::Null)?;
    must(status == 200, "who is signed in stays so when the daemon is killed", status)?;
    let (engine, manage) = (resident(ENGINE)?, resident(MANAGE)?);
    let both = format!("engine {engine} MiB, management {manage} MiB");
    must(engine + manage < RESIDENT, "engine and management are small", &both)?;
    reset(&token)?;
    println!(
        "    manage: claimed, a verify by polkit's leave, locked, unlocked, killed, reset; {both}"
    );
    Ok(())
}

fn claim() -> Result<()> {
    let told = told()?;
    must(told["locked"] == false && told["claimed"] == false, "a box is unclaimed", &told)?;
    let body = json!({ "code": told["code"], "name": "owner", "password": PASSWORD });
    let (status, answer) = ask("POST", "/api/v1/claim", "", &body)?;
    must(status == 200, "the code of the console makes an owner", answer)?;
    must(self::told()?["claimed"] == true, "the console is told", "")
}

fn sign_in() -> Result<String> {
    let body = json!({ "name": "owner", "password": PASSWORD, "bearer": true });
    let (status, answer) = ask("POST", "/api/v1/session", "", &body)?;
    must(status == 200, "an owner signs in", &answer)?;
    Ok(answer["token"].as_str().unwrap_or_default().to_owned())
}

/// Has a recovery point verified: the bus lets the daemon look, polkit lets it change.
fn change(token: &str) -> Result<()> {
    let points = until("recovery points over HTTPS", || {
        let (status, answer) = ask("GET", "/api/v1/points", token, &Value::Null)?;
        let points = answer["points"].as_array().cloned().unwrap_or_default();
        Ok((status == 200 && !points.is_empty()).then_some(points))
    })?;
    let point = points[0]["id"].as_str().unwrap_or_default();
    let path = format!("/api/v1/points/{point}/verify");
    let (status, answer) = ask("POST", &path, token, &json!({}))?;
    must(status == 200, "polkit lets the daemon do what it has routes for", &answer)?;
    let job = format!("/org/holdfast/jobs/{}", answer["job"]);
    let ended = until("the verify to end", || {
        let state = bus::text(&job, "State")?;
        Ok((!["queued", "running"].contains(&state.as_str())).then_some(state))
    })?;
    must(ended == "done", "a sound point verifies", ended)?;
    let system = bus::objects("systems")?.pop().unwrap_or_default();
    let receive = ["Receive", "a{sv}", "1", "bytes", "t", "1048576"];
    let said = bus::as_user("holdfast-manage", "call", &system, &receive)?;
    let says = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    let refused = !said.status.success() && says.contains("org.holdfast.points.add");
    must(refused, "polkit lets the daemon do nothing that it has no route for", says)?;
    lock_and_unlock(token)
}

/// A box that started without its credential is unlocked from afar.
fn lock_and_unlock(token: &str) -> Result<()> {
    let (status, answer) = ask("POST", "/api/v1/pool/lock", token, &json!({}))?;
    must(status == 200, "the keys can be taken away", &answer)?;
    let secret = json!({ "passphrase": PASSPHRASE });
    let (status, answer) = ask("POST", "/api/v1/pool/unlock", token, &secret)?;
    must(status == 200, "the keys can be given back", &answer)?;
    let state = bus::text(bus::APPLIANCE, "State")?;
    must(state == "ready", "an engine that was unlocked is ready", state)
}

/// Has everybody forgotten, as the console does it.
fn reset(token: &str) -> Result<()> {
    let path = Path::new(RESET);
    std::fs::write(path, "").map_err(Error::io(path))?;
    systemctl(&["restart", MANAGE])?;
    must(!path.exists(), "a wish is granted once", "")?;
    must(told()?["claimed"] == false, "a box that was reset is unclaimed", "")?;
    let (status, _) = ask("GET", "/api/v1/me", token, &Value::Null)?;
    must(status == 401, "a box that was reset knows nobody", status)
}

fn told() -> Result<Value> {
    let path = Path::new(CLAIM);
    parse(CLAIM, &std::fs::read_to_string(path).map_err(Error::io(path))?)
}

/// What a service has in memory, in MiB.
pub(super) fn resident(unit: &str) -> Result<u64> {
    let path = format!("/proc/{}/status", property(unit, "MainPID")?);
    let text = std::fs::read_to_string(&path).map_err(Error::io(Path::new(&path)))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.map(|kib| kib >> 10).ok_or(Error::Unexpected { from: path, what: text })
}

/// The status and the body of the answer.
fn ask(verb: &str, path: &str, token: &str, body: &Value) -> Result<(u64, Value)> {
    let mut curl = command("curl");
    curl.args(["--silent", "--show-error", "--max-time", "30", "--insecure"]);
    curl.args(["--request", verb, "--write-out", "\n%{http_code}"]);
    if !body.is_null() {
        curl.args(["--header", "Content-Type: application/json", "--data", &body.to_string()]);
    }
    if !token.is_empty() {
        curl.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    let answer = quiet(curl.arg(format!("https://127.0.0.1{path}")))?;
    let (body, status) = answer.trim_end().rsplit_once('\n').unwrap_or_default();
    Ok((status.parse().unwrap_or_default(), parse(path, body)?))
}
