//! Programs of others: scripts around a run, and those that hold a volume still.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::error::{AgentError, Result};

/// Most bytes that are kept of what a program prints, for its failure or for its answer.
const MAX_OUTPUT: u64 = 16 << 10;

/// How long what a program printed is waited for after its end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs a program to its success, within `limit`, and gives what it printed.
///
/// What it leaves running when it succeeds goes on.
///
/// # Errors
/// It cannot be started, fails, or takes longer: then it is ended with all that it has started in
/// its own process group.
pub(crate) async fn run(words: &[String], limit: Duration) -> Result<String> {
    start(words, limit, true).await
}

/// As [`run`], but nothing here ever ends the program: it must come to its own end.
pub(crate) async fn run_unbroken(words: &[String], limit: Duration) -> Result<String> {
    start(words, limit, false).await
}

async fn start(words: &[String], limit: Duration, ends: bool) -> Result<String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(String::new()) };
    let failed = |what: String| AgentError::Program { program: program.clone(), what };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let mut ending = Group(group.filter(|_| ends));
    let (out, complaints) = (child.stdout.take(), child.stderr.take());
    let whole = async {
        let mut reading = Box::pin(async { tokio::join!(kept(out), kept(complaints)) });
        tokio::select! {
            // What it leaves running may keep its output open.
            status = child.wait() => {
                let rest = timeout(LAST_WORDS, reading).await.unwrap_or_default();
                (status, rest.0, rest.1)
            }
            (out, complaints) = &mut reading => (child.wait().await, out, complaints),
        }
    };
    let Ok((status, out, complaints)) = timeout(limit, whole).await else {
        let then = if ends { "was ended" } else { "goes on" };
        return Err(failed(format!("it took longer than {} s and {then}", limit.as_secs())));
    };
    match status {
        Ok(status) if status.success() => {
            ending.0 = None;
            Ok(out)
        }
        Ok(status) => Err(failed(format!("{status}: {}{}", out.trim(), complaints.trim()))),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Reads what a program prints to its end, and keeps the beginning.
async fn kept(from: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else { return String::new() };
    let mut bytes = Vec::new();
    // What cannot be read was not printed, as far as anybody can tell.
    let _ = (&mut from).take(MAX_OUTPUT).read_to_end(&mut bytes).await;
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Ends what is left of a program and what it has started.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Mostly there is nobody left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn sh(text: &str) -> Vec<String> {
        ["/bin/sh", "-c", text].map(str::to_owned).to_vec()
    }

    #[tokio::test]
    async fn a_program_gives_what_it_prints_or_says_why_it_failed() {
        let limit = Duration::from_secs(30);
        assert_eq!(run(&sh("echo out; echo err >&2"), limit).await.unwrap(), "out\n");
        let error = run(&sh("echo reason >&2; exit 3"), limit).await.unwrap_err().to_string();
        assert!(error.contains("reason") && error.contains('3'), "{error}");
        let error = run(&["/nowhere/x".to_owned()], limit).await.unwrap_err();
        assert!(error.to_string().contains("/nowhere/x"), "{error}");
        assert_eq!(run(&[], limit).await.unwrap(), "");
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_ended_with_its_children() {
        let began = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let text = format!("(sleep 2; touch {}) & sleep 60", mark.display());
        let error = run(&sh(&text), Duration::from_millis(300)).await.unwrap_err();
        assert!(error.to_string().contains("longer"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(!mark.exists(), "its child has gone on");
    }

    #[tokio::test]
    async fn what_is_printed_without_end_is_bounded() {
        let text = "head -c 10000000 /dev/zero | tr '\\0' x";
        let out = run(&sh(text), Duration::from_secs(30)).await.unwrap();
        assert_eq!(out.len() as u64, MAX_OUTPUT);
    }
}
