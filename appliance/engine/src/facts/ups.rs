//! Uninterruptible power supplies, as Network UPS Tools' server knows them.
//!
//! Its protocol is lines of text (developer guide of NUT, chapter 10). What it says comes from
//! devices and drivers, so every length is bounded, and what does not parse is not known.

use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use health::facts::{Reading, UpsFacts, UpsState};
use model::Span;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};

use crate::engine::lock;

/// How long all questions and answers take at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that a server answers with in all, at most: a UPS with all its variables has about 4 KiB.
const MOST_BYTES: u64 = 256 << 10;

/// Supplies that are looked at, at most.
const MOST: usize = 16;

/// What is known of the supplies that the server at `address` has: `unix:/path`, or host and port.
/// `names` are those that it had when it answered last: what is silent now is each of them.
pub(super) async fn ask(address: &str, names: &Mutex<Vec<String>>) -> Reading<Vec<UpsFacts>> {
    match tokio::time::timeout(PATIENCE, supplies(address)).await {
        Ok(Ok(found)) if !found.is_empty() => {
            *lock(names) = found.iter().map(|supply| supply.name.clone()).collect();
            Reading::Known(found)
        }
        _ => {
            let names = lock(names).clone();
            // Whoever named a server has a supply.
            let names = if names.is_empty() { vec!["ups".to_owned()] } else { names };
            let silent = |name| UpsFacts { name, state: None };
            Reading::Known(names.into_iter().map(silent).collect())
        }
    }
}

async fn supplies(address: &str) -> std::io::Result<Vec<UpsFacts>> {
    match address.strip_prefix("unix:") {
        Some(path) => list(UnixStream::connect(Path::new(path)).await?).await,
        None => list(TcpStream::connect(address).await?).await,
    }
}

async fn list(stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<Vec<UpsFacts>> {
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read.take(MOST_BYTES));
    let mut names = Vec::new();
    for line in answer(&mut lines, &mut write, "UPS").await?.unwrap_or_default() {
        let name = line.strip_prefix("UPS ").and_then(|rest| rest.split(' ').next());
        names.extend(name.map(str::to_owned));
    }
    let mut found = Vec::new();
    for name in names.into_iter().take(MOST) {
        // One that cannot be heard out is as silent as those behind it.
        let told = answer(&mut lines, &mut write, &format!("VAR {name}")).await.ok().flatten();
        let start = format!("VAR {name} ");
        let variables = told.map(|lines| {
            let pairs = lines.iter().filter_map(|line| line.strip_prefix(&start)?.split_once(' '));
            pairs.map(|(key, value)| (key.to_owned(), unquoted(value))).collect::<Vec<_>>()
        });
        found.push(UpsFacts { state: variables.and_then(|variables| state(&variables)), name });
    }
    Ok(found)
}

/// The lines between `BEGIN LIST` and `END LIST` of one question; `None` when the server has no
/// answer, as of a supply that does not speak to it.
async fn answer(
    lines: &mut (impl AsyncBufReadExt + Unpin),
    write: &mut (impl AsyncWrite + Unpin),
    what: &str,
) -> std::io::Result<Option<Vec<String>>> {
    write.write_all(format!("LIST {what}\n").as_bytes()).await?;
    let (begin, end) = (format!("BEGIN LIST {what}"), format!("END LIST {what}"));
    let mut found = Vec::new();
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line).await? == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the server said no more"));
        }
        match String::from_utf8_lossy(&line).trim_end() {
            line if line.starts_with("ERR ") => return Ok(None),
            line if line == begin => {}
            line if line == end => return Ok(Some(found)),
            line => found.push(line.to_owned()),
        }
    }
}

/// A value without its quotes and what escapes in it.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

/// `None` when it does not even say whether it has mains.
fn state(variables: &[(String, String)]) -> Option<UpsState> {
    let value = |wanted: &str| {
        let mut all = variables.iter();
        all.find(|(key, _)| key == wanted).map(|(_, value)| value.as_str())
    };
    let number = |wanted: &str| value(wanted)?.parse::<f64>().ok().filter(|number| *number >= 0.0);
    let status = value("ups.status")?;
    let says = |word: &str| status.split_whitespace().any(|said| said == word);
    let test = value("ups.test.result").map(str::to_lowercase);
    Some(UpsState {
        on_battery: says("OB"),
        low: says("LB"),
        charge_percent: number("battery.charge").map(|percent| percent.min(100.0) as u8),
        runtime: number("battery.runtime").map(|seconds| Span(seconds as u64)),
        replace_battery: says("RB"),
        // Makers write dates in all ways.
        battery_age: None,
        test_failed: test.as_deref().and_then(failed),
    })
}

/// What drivers say of a test that is over, in small letters; `None` of anything else.
fn failed(test: &str) -> Option<bool> {
    let says = |words: &[&str]| words.iter().any(|word| test.contains(word));
    match test {
        _ if says(&["fail", "error", "warning"]) || test == "ng" => Some(true),
        _ if says(&["pass"]) || test == "ok" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client hears of a server that says this, whatever it is asked.
    fn heard(said: &'static str) -> std::io::Result<Vec<UpsFacts>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (client, mut server) = tokio::io::duplex(1 << 20);
            server.write_all(said.as_bytes()).await.unwrap();
            server.shutdown().await.unwrap();
            list(client).await
        })
    }

    #[test]
    fn what_a_server_says_of_its_supplies_is_known() {
        let said = "BEGIN LIST UPS\nUPS apc \"Back-UPS \\\"1500\\\"\"\nUPS far \"\"\nEND LIST UPS\n\
                    BEGIN LIST VAR apc\nVAR apc battery.charge \"42.5\"\n\
                    VAR apc battery.runtime \"1260\"\nVAR apc ups.status \"OB DISCHRG LB RB\"\n\
                    VAR apc ups.test.result \"Test failed\"\nEND LIST VAR apc\n\
                    ERR DRIVER-NOT-CONNECTED\n";
        let found = heard(said).unwrap();
        let state = UpsState {
            on_battery: true,
            low: true,
            charge_percent: Some(42),
            runtime: Some(Span(1260)),
            replace_battery: true,
            battery_age: None,
            test_failed: Some(true),
        };
        let expected = [("apc", Some(state)), ("far", None)];
        let expected = expected.map(|(name, state)| UpsFacts { name: name.into(), state });
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_answer_is_not_known() {
        assert!(heard("").is_err());
        assert!(heard("BEGIN LIST UPS\nUPS apc \"\"\n").is_err());
        assert_eq!(heard("ERR ACCESS-DENIED\n").unwrap(), []);
        let variables = [("ups.status", "OL CHRG"), ("battery.charge", "-3"), ("x", "")];
        let variables = variables.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(state(&variables), Some(UpsState::default()));
        assert_eq!(state(&variables[1..]), None);
        let tests = ["done and error", "done and passed", "in progress", "no test initiated"];
        assert_eq!(tests.map(failed), [Some(true), Some(false), None, None]);
        assert_eq!(unquoted(r#""a \"b\" \\ c""#), r#"a "b" \ c"#);
        assert_eq!(unquoted(r#""\"#), "\"");
    }
}
