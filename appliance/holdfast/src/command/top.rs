//! `holdfast top`: what a running engine does, live.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use bus::{AlertView, ApplianceView, Client, ExportView, JobView, Object, PoolView};
use model::{Bytes, Span};
use operations::Failure;
use serde_json::{Value, json};

use crate::arguments::Top;
use crate::interrupt::{requested, runtime};
use crate::output::Output;
use crate::remote::failure;

/// How often the picture is drawn anew.
const EVERY: Duration = Duration::from_secs(1);

/// Jobs that are over and shown, the newest.
const MOST_OVER: usize = 5;

/// Characters of a subject.
const SUBJECT: usize = 24;

/// Clears the terminal.
const CLEAR: &str = "\x1b[H\x1b[2J";

pub(crate) fn run(top: &Top, output: &Output) -> Result<(), Failure> {
    // Whoever reads a pipe wants what there is now.
    let once = top.once || !std::io::stdout().is_terminal();
    runtime(1)?.block_on(async {
        let client = match &top.on.bus {
            Some(address) => Client::connect_to(address).await,
            None => Client::connect().await,
        };
        let client = client.map_err(|error| failure(&error))?;
        let ended = requested();
        tokio::pin!(ended);
        let mut rates = Rates::default();
        loop {
            let picture =
                Picture::of(client.objects().await.map_err(|error| failure(&error))?, &mut rates);
            let clear = if once { "" } else { CLEAR };
            output.result(&picture.json(), || format!("{clear}{}", picture.text()));
            if once {
                return Ok(());
            }
            tokio::select! {
                () = &mut ended => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    })
}

/// Bytes of running jobs as they were last seen.
#[derive(Debug, Default)]
struct Rates(HashMap<u64, (Instant, u64)>);

impl Rates {
    /// Bytes in a second since the job was last seen; on average, when it was not.
    fn of(&mut self, job: &JobView, now: Instant) -> u64 {
        let before = self.0.insert(job.number, (now, job.bytes_done));
        let Some((then, bytes)) = before else { return job.bytes_per_second };
        let seconds = now.saturating_duration_since(then).as_secs_f64();
        (job.bytes_done.saturating_sub(bytes) as f64 / seconds.max(0.001)) as u64
    }
}

/// Everything that is shown.
#[derive(Debug, Default)]
struct Picture {
    appliance: ApplianceView,
    pool: PoolView,
    /// Those that are not over first, each with its rate in bytes a second.
    jobs: Vec<(JobView, u64)>,
    exports: Vec<ExportView>,
    alerts: Vec<AlertView>,
}

impl Picture {
    fn of(objects: Vec<Object>, rates: &mut Rates) -> Self {
        let (mut picture, mut over) = (Self::default(), Vec::new());
        let now = Instant::now();
        for object in objects {
            match object {
                Object::Appliance(appliance) => picture.appliance = appliance,
                Object::Pool(pool) => picture.pool = pool,
                Object::Job(job) if job.state.is_ended() => over.push((job, 0)),
                Object::Job(job) => {
                    let rate = rates.of(&job, now);
                    picture.jobs.push((job, rate));
                }
                Object::Export(export) => picture.exports.push(export),
                Object::Alert(alert) => picture.alerts.push(alert),
                _ => {}
            }
        }
        over.sort_by_key(|(job, _)| std::cmp::Reverse(job.ended_at));
        picture.jobs.extend(over.into_iter().take(MOST_OVER));
        picture
    }

    fn text(&self) -> String {
        let (appliance, pool) = (&self.appliance, &self.pool);
        let mut text = format!(
            "holdfast {}  {}  {}  {} of memory\npool: {}, {} stored, {} free{}\n",
            appliance.version,
            appliance.state.as_str(),
            appliance.verdict.as_str(),
            Bytes(appliance.memory_bytes),
            pool.state.as_str(),
            Bytes(pool.stored_bytes),
            Bytes(pool.free_bytes),
            match pool.days_until_full {
                ..0 => String::new(),
                days => format!(", full in {days} days"),
            },
        );
        for alert in &self.alerts {
            text += &format!("alert {}: {} {}\n", alert.code, alert.cause, alert.next_step);
        }
        text += &format!(
            "\n{:>6}  {:<8}{:<12}{:<SUBJECT$}  {:>5}  {:>12}  left\n",
            "job", "kind", "state", "subject", "done", "rate"
        );
        self.jobs.iter().for_each(|(job, rate)| text += &job_line(job, *rate));
        for export in &self.exports {
            let (read, written) = (Bytes(export.bytes_read), Bytes(export.bytes_written));
            text += &format!("export {}: {read} read, {written} written\n", export.number);
        }
        text.trim_end().to_owned()
    }

    fn json(&self) -> Value {
        let (appliance, pool) = (&self.appliance, &self.pool);
        let jobs = self.jobs.iter().map(|(job, rate)| {
            json!({
                "job": job.number,
                "kind": job.kind.as_str(),
                "state": job.state.as_str(),
                "subject": job.subject,
                "bytes_done": job.bytes_done,
                "bytes_total": job.bytes_total,
                "bytes_per_second": rate,
                "cause": job.cause,
                "next": job.next_step,
            })
        });
        let alerts = self.alerts.iter().map(
            |alert| json!({ "code": alert.code, "cause": alert.cause, "next": alert.next_step }),
        );
        let exports = self.exports.iter().map(|export| {
            json!({ "export": export.number, "bytes_read": export.bytes_read,
                    "bytes_written": export.bytes_written })
        });
        json!({
            "version": appliance.version,
            "state": appliance.state.as_str(),
            "verdict": appliance.verdict.as_str(),
            "memory_bytes": appliance.memory_bytes,
            "pool": pool.state.as_str(),
            "stored_bytes": pool.stored_bytes,
            "free_bytes": pool.free_bytes,
            "jobs": jobs.collect::<Vec<_>>(),
            "exports": exports.collect::<Vec<_>>(),
            "alerts": alerts.collect::<Vec<_>>(),
        })
    }
}

fn job_line(job: &JobView, rate: u64) -> String {
    let (done, total) = (job.bytes_done, job.bytes_total);
    let share = (u128::from(done) * 100).checked_div(total.into());
    let share = share.map_or_else(|| "-".to_owned(), |share| format!("{} %", share.min(100)));
    let left = total.saturating_sub(done).checked_div(rate);
    let (rate, left) = match job.state.is_ended() {
        true => (String::new(), job.cause.clone()),
        false => (
            format!("{}/s", Bytes(rate)),
            left.map_or_else(|| "-".to_owned(), |left| Span(left).to_string()),
        ),
    };
    let subject: String = job.subject.chars().take(SUBJECT).collect();
    let (kind, state) = (job.kind.as_str(), job.state.as_str());
    let line = format!(
        "{:>6}  {kind:<8}{state:<12}{subject:<SUBJECT$}  {share:>5}  {rate:>12}  {left}",
        job.number
    );
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use bus::{JobKind, JobState};

    use super::*;

    fn job(number: u64, state: JobState, done: u64) -> JobView {
        JobView {
            number,
            state,
            kind: JobKind::Ingest,
            subject: "mail of a company with a long name".to_owned(),
            bytes_done: done,
            bytes_total: 4_000_000_000,
            bytes_per_second: 1_000_000,
            ended_at: number,
            ..JobView::default()
        }
    }

    #[test]
    fn what_runs_stands_above_what_is_over_of_which_the_newest_is_shown() {
        let over = (1..9).map(|number| Object::Job(job(number, JobState::Done, 0)));
        let objects = over.chain([Object::Job(job(9, JobState::Running, 1_000_000_000))]);
        let picture = Picture::of(objects.collect(), &mut Rates::default());
        let numbers: Vec<u64> = picture.jobs.iter().map(|(job, _)| job.number).collect();
        assert_eq!(numbers, [9, 8, 7, 6, 5, 4]);
        let text = picture.text();
        let line = text.lines().find(|line| line.contains("running")).unwrap();
        assert!(line.contains("25 %") && line.contains("1.0 MB/s"), "{line}");
        assert!(line.contains("50 minutes") && !line.contains("long name"), "{line}");
        assert_eq!(picture.json()["jobs"].as_array().unwrap().len(), 6);
    }

    #[test]
    fn a_rate_is_that_since_the_last_picture() {
        let (mut rates, began) = (Rates::default(), Instant::now());
        assert_eq!(rates.of(&job(1, JobState::Running, 0), began), 1_000_000);
        let later = began + Duration::from_secs(2);
        assert_eq!(rates.of(&job(1, JobState::Running, 50_000_000), later), 25_000_000);
    }
}
