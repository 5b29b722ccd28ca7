//! `holdfast jobs`: what the engine does, did and is to do.

use std::cmp::Reverse;

use bus::{JobState, JobView, Object, Place};
use model::{Bytes, Span, WallTime};
use operations::Failure;
use serde_json::{Value, json};

use super::engine::Engine;
use super::job::{outcome, run_and_tell};
use super::lines::{cut, minute, wrapped};
use crate::arguments::{JobRetry, Jobs, JobsList};
use crate::output::Output;

/// Jobs that are over and listed unless all are wanted, the newest.
const MOST_OVER: usize = 10;

/// Characters of a subject.
const SUBJECT: usize = 28;

pub(crate) fn run(jobs: &Jobs, output: &Output) -> Result<(), Failure> {
    match jobs {
        Jobs::List(list) => self::list(list, output),
        Jobs::Show(named) => {
            let job = job(&Engine::on(&named.on)?, named.job)?;
            output.result(&to_json(&job), || to_text(&job));
            Ok(())
        }
        Jobs::Cancel(named) => {
            let engine = Engine::on(&named.on)?;
            job(&engine, named.job)?;
            engine.call::<_, ()>(&Place::Job(named.job), "Cancel", &())?;
            let value = json!({ "job": named.job, "cancelled": true });
            output.result(&value, || format!("job {} is being cancelled", named.job));
            Ok(())
        }
        Jobs::Retry(retry) => self::retry(retry, output),
    }
}

fn list(list: &JobsList, output: &Output) -> Result<(), Failure> {
    let jobs = Engine::on(&list.on)?.seen()?.jobs;
    let (mut over, mut jobs): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| job.state.is_ended());
    over.sort_by_key(|job| Reverse((job.ended_at, job.number)));
    let most = if list.all { over.len() } else { MOST_OVER };
    jobs.extend(over.into_iter().take(most));
    let values: Vec<Value> = jobs.iter().map(to_json).collect();
    output.result(&json!({ "jobs": values }), || match jobs.is_empty() {
        true => "no jobs".to_owned(),
        false => jobs.iter().map(line).collect::<Vec<_>>().join("\n"),
    });
    Ok(())
}

fn retry(retry: &JobRetry, output: &Output) -> Result<(), Failure> {
    let engine = Engine::on(&retry.named.on)?;
    job(&engine, retry.named.job)?;
    let place = Place::Job(retry.named.job);
    run_and_tell(&engine, retry.no_wait, output, engine.client().begin(&place, "Retry", &()))
}

fn job(engine: &Engine, number: u64) -> Result<JobView, Failure> {
    match engine.object(&Place::Job(number))? {
        Some(Object::Job(job)) => Ok(job),
        _ => {
            let what = format!("there is no job {number}");
            Err(Failure::new(what, "see `holdfast jobs list --all`; the oldest go first"))
        }
    }
}

fn to_json(job: &JobView) -> Value {
    json!({
        "job": job.number,
        "kind": job.kind.as_str(),
        "state": job.state.as_str(),
        "subject": job.subject,
        "client": job.client,
        "attempt": job.attempt,
        "queued": job.queued_at,
        "started": job.started_at,
        "ended": job.ended_at,
        "bytes_done": job.bytes_done,
        "bytes_total": job.bytes_total,
        "bytes_per_second": job.bytes_per_second,
        "bytes_per_second_limit": job.bytes_per_second_limit,
        "seconds_left": job.seconds_left,
        "stalled_for": job.stalled_for,
        "cause": job.cause,
        "next": job.next_step,
        "result": outcome(job),
    })
}

/// One job in the list: a line, and why it is not well.
fn line(job: &JobView) -> String {
    let share = (u128::from(job.bytes_done) * 100).checked_div(job.bytes_total.into());
    let far = match (job.state, share) {
        (JobState::Running, Some(share)) => format!("{} %", share.min(100)),
        _ => String::new(),
    };
    let line = format!(
        "{:>6}  {:<8}{:<12}{}  {:<SUBJECT$}  {far:>5}",
        job.number,
        job.kind,
        job.state,
        minute(job.queued_at),
        cut(&job.subject, SUBJECT),
    );
    match why(job) {
        None => line.trim_end().to_owned(),
        Some(why) => format!("{}\n{}", line.trim_end(), wrapped(&why, 8)),
    }
}

fn why(job: &JobView) -> Option<String> {
    match (job.cause.as_str(), job.next_step.as_str()) {
        ("", _) => None,
        (cause, "") => Some(cause.to_owned()),
        (cause, next) => Some(format!("{cause}; {next}")),
    }
}

fn to_text(job: &JobView) -> String {
    let when = |at: u64| if at == 0 { "-".to_owned() } else { WallTime(at).to_string() };
    let mut text = format!(
        "job {}: {} of {}\n  {}, attempt {}\n  queued {}\n  started {}\n  ended {}\n",
        job.number,
        job.kind,
        job.subject,
        job.state,
        job.attempt,
        when(job.queued_at),
        when(job.started_at),
        when(job.ended_at),
    );
    text += &format!("  {} of {}", Bytes(job.bytes_done), Bytes(job.bytes_total));
    if job.state == JobState::Running {
        text += &format!(", {}/s", Bytes(job.bytes_per_second));
        if job.bytes_per_second_limit > 0 {
            text += &format!(" of at most {}/s", Bytes(job.bytes_per_second_limit));
        }
        if job.seconds_left > 0 {
            text += &format!(", {} left", Span(job.seconds_left));
        }
        if job.stalled_for > 0 {
            text += &format!(", nothing for {}", Span(job.stalled_for));
        }
    }
    if let Some(why) = why(job) {
        text += &format!("\n{}", wrapped(&why, 2));
    }
    if !job.report.is_empty() {
        text += &format!("\n{}", job.report);
    }
    text
}

#[cfg(test)]
mod tests {
    use bus::JobKind;

    use super::*;

    #[test]
    fn a_job_in_the_list_fits_a_terminal_and_says_why_it_is_not_well() {
        let job = JobView {
            number: 123_456,
            kind: JobKind::Restore,
            state: JobState::Interrupted,
            subject: "the accounts of a company with a very long name".to_owned(),
            queued_at: 1_800_000_000,
            cause: "the engine ended while it ran".to_owned(),
            next_step: "see what it left behind, then start it again".to_owned(),
            ..JobView::default()
        };
        let text = line(&job);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("interrupted") && text.contains("left behind"), "{text}");
        let job = JobView { state: JobState::Running, bytes_done: 1, bytes_total: 4, ..job };
        assert!(line(&JobView { cause: String::new(), ..job }).ends_with(" 25 %"));
    }
}
