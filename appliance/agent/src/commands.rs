//! What the command can do, and how it tells.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::config::Config;
use crate::device::Device;
use crate::error::{AgentError, Result};
use crate::progress::Progress;
use crate::remote::Remote;
use crate::run::{self, Outcome};

/// How outcomes are told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Output {
    /// As JSON, one object on a line of standard output.
    pub json: bool,
    /// Without lines of progress on standard error.
    pub quiet: bool,
}

/// Does one run, unless `stop` ends before.
///
/// # Errors
/// Also when only some of the volumes failed; the others have their recovery points.
pub async fn run_once(
    config: &Config,
    output: Output,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let outcome = run::run(config, &mut Progress::new(output.quiet), stop).await?;
    tell(output, &shown(&outcome), &lines(&outcome));
    let done = outcome.done.len();
    match (outcome.failed.len(), outcome.post) {
        (0, None) => Ok(()),
        (0, Some(error)) => Err(error),
        (failed, _) => Err(AgentError::Volumes { failed, all: failed + done }),
    }
}

/// Does a run, and another one each interval, until `stop` ends. A run that failed is told, and is
/// no end.
pub async fn daemon(config: &Config, output: Output, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    loop {
        let began = Instant::now();
        let mut stopped = false;
        let stopping = async {
            (&mut stop).await;
            stopped = true;
        };
        if let Err(error) = run_once(config, output, stopping).await {
            log::error!("{error}");
        }
        if stopped {
            return;
        }
        // A run that took longer than the interval is followed by the next, after a moment.
        let next = (began + config.interval).max(Instant::now() + Duration::from_secs(1));
        tokio::select! {
            () = sleep_until(next) => {}
            () = &mut stop => return,
        }
    }
}

/// Makes the agent's key and certificate if there are none, and says what the box has to know.
pub fn enroll(config: &Config, system: &str, output: Output) -> Result<()> {
    let name = format!("holdfast agent {system}");
    let made = pinned::make(&config.certificate, &config.key, &name)?;
    let fingerprint = pinned::fingerprint_in(&config.certificate)?;
    let names: Vec<&str> = config.volumes.iter().map(|volume| volume.name.as_str()).collect();
    let largest = config.volumes.iter().filter_map(|volume| Device::open(&volume.path).ok());
    let largest = largest.map(|device| device.bytes()).max().unwrap_or(0);
    // Room to grow: twice the largest volume, in whole gibibytes.
    let most = format!("{}G", (largest >> 29) + 1);
    let value = json!({
        "system": system, "fingerprint": fingerprint.to_string(), "volumes": names,
        "most_bytes": most, "made": made,
    });
    let text = format!(
        "# Lines for the configuration of the box's receiver:\n[[agent]]\nsystem = {system:?}\n\
         fingerprint = \"{fingerprint}\"\nvolumes = {names:?}\nmost_bytes = \"{most}\"\n"
    );
    tell(output, &value, &text);
    Ok(())
}

/// Looks whether a run could begin: configuration, volumes, certificates, box.
pub async fn check(config: &Config, output: Output) -> Result<()> {
    for volume in &config.volumes {
        Device::open(&volume.path)?;
    }
    let greeting = Remote::new(config)?.greet().await?;
    if greeting.protocol != 1 {
        let what = format!("it speaks version {} of the protocol", greeting.protocol);
        return Err(AgentError::Protocol { what });
    }
    for volume in &config.volumes {
        let bytes = Device::open(&volume.path)?.bytes();
        if !greeting.volumes.contains(&volume.name) {
            let what = format!("the box takes no volume {} of this agent", volume.name);
            return Err(AgentError::Refused { word: "unknown".to_owned(), what });
        }
        if bytes > greeting.most_bytes {
            let what = format!("volume {} is larger than most_bytes there", volume.name);
            return Err(AgentError::Refused { word: "too-large".to_owned(), what });
        }
    }
    let value = json!({ "system": greeting.system, "volumes": greeting.volumes });
    let text = format!("the box knows this agent as system {}\n", greeting.system);
    tell(output, &value, &text);
    Ok(())
}

fn shown(outcome: &Outcome) -> Value {
    let failed: Vec<Value> = outcome
        .failed
        .iter()
        .map(|(name, error)| json!({ "name": name, "cause": error.to_string() }))
        .collect();
    let after = outcome.post.as_ref().map(ToString::to_string);
    json!({ "volumes": outcome.done, "failed": failed, "after": after })
}

fn lines(outcome: &Outcome) -> String {
    let mut text = String::new();
    for volume in &outcome.done {
        text += &format!(
            "{}: recovery point {}: {} of {} sent in {:.1} s ({})\n",
            volume.name,
            volume.point,
            model::Bytes(volume.sent_bytes),
            model::Bytes(volume.bytes),
            volume.seconds,
            volume.consistency,
        );
    }
    for (name, error) in &outcome.failed {
        text += &format!("{name}: {error}\n");
    }
    text
}

/// Nobody has to read it: a closed standard output ends nothing.
fn tell(output: Output, value: &Value, text: &str) {
    let mut to = std::io::stdout().lock();
    let _ = match output.json {
        true => writeln!(to, "{value}"),
        false => write!(to, "{text}"),
    };
}
