//! Programs of others: scripts around a run, and those that hold a volume still.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
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
    let late =
        |_| failed(words, format!("it took longer than {} s and was ended", limit.as_secs()));
    timeout(limit, start(words, true)).await.map_err(late)?
}

/// Programs that nothing here ever ends: each must come to its own end, one after the other,
/// whether anybody waits for it or not.
#[derive(Debug, Default)]
pub(crate) struct Unbroken(Arc<Mutex<()>>);

impl Unbroken {
    /// As [`run`], after all that were begun before have ended.
    ///
    /// # Errors
    /// Also when they have not within `limit`: then it is not begun. One that takes longer goes on.
    pub(crate) async fn run(&self, words: &[String], limit: Duration) -> Result<String> {
        let alone = self.turn(words, limit).await?;
        let (tell, told) = oneshot::channel();
        let own = words.to_vec();
        tokio::spawn(async move {
            let done = start(&own, false).await;
            drop(alone);
            // Who waited for it may have been told to end.
            let _ = tell.send(done);
        });
        match timeout(limit, told).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(failed(words, "nobody knows how it ended".to_owned())),
            Err(_) => {
                let what = format!("it took longer than {} s and goes on", limit.as_secs());
                Err(failed(words, what))
            }
        }
    }

    /// Waits until none runs, for the sake of these words, and keeps others away.
    pub(crate) async fn turn(
        &self,
        words: &[String],
        limit: Duration,
    ) -> Result<OwnedMutexGuard<()>> {
        let what = || "a program that was begun before it has not come to its end".to_owned();
        let turn = timeout(limit, self.0.clone().lock_owned()).await;
        turn.map_err(|_| failed(words, what()))
    }

    /// Whether none runs.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.try_lock().is_ok()
    }
}

fn failed(words: &[String], what: String) -> AgentError {
    AgentError::Program { program: words.first().cloned().unwrap_or_default(), what }
}

async fn start(words: &[String], ends: bool) -> Result<String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(String::new()) };
    let failed = |what: String| failed(words, what);
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
    let mut reading = Box::pin(async { tokio::join!(kept(out), kept(complaints)) });
    let (status, out, complaints) = tokio::select! {
        // What it leaves running may keep its output open.
        status = child.wait() => {
            let rest = timeout(LAST_WORDS, reading).await.unwrap_or_default();
            (status, rest.0, rest.1)
        }
        (out, complaints) = &mut reading => (child.wait().await, out, complaints),
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
    async fn one_that_is_unbroken_ends_before_the_next_though_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let (begun, made) = (folder.path().join("begun"), folder.path().join("made"));
        let text = format!("touch {}; sleep 1; touch {}", begun.display(), made.display());
        let (limit, unbroken) = (Duration::from_secs(30), Unbroken::default());
        let words = sh(&text);
        tokio::select! {
            _ = unbroken.run(&words, limit) => panic!("it takes a second"),
            () = async { while !begun.exists() { tokio::task::yield_now().await } } => {}
        }
        assert!(!unbroken.is_idle() && !made.exists());
        let late = unbroken.run(&sh("true"), Duration::from_millis(1)).await.unwrap_err();
        assert!(late.to_string().contains("begun before"), "{late}");
        unbroken.run(&sh(&format!("rm {}", made.display())), limit).await.unwrap();
        assert!(unbroken.is_idle() && !made.exists(), "it was there, and is not any more");
    }

    #[tokio::test]
    async fn what_is_printed_without_end_is_bounded() {
        let text = "head -c 10000000 /dev/zero | tr '\\0' x";
        let out = run(&sh(text), Duration::from_secs(30)).await.unwrap();
        assert_eq!(out.len() as u64, MAX_OUTPUT);
    }
}
