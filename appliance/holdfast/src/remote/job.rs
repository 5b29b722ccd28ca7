//! Waiting for a job of the engine, as if the work were done here.
//!
//! The job is the engine's: it survives this command and the engine itself. Ctrl-C cancels it, once
//! more leaves it to the engine; a terminal that goes away leaves it too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus::{ClientError, Follow, Followed, JobKind, JobState, JobView, Object, Place};
use operations::Failure;
use serde_json::{Value, json};

use super::engine::Engine;
use super::refused::failure;
use super::wishes::{Wish, Wishes};
use crate::output::Output;
use crate::progress::{Line, Shown};

/// How often the line of progress is drawn anew, at least.
const TICK: Duration = Duration::from_millis(250);

/// How long the engine is waited for once somebody wants this command to end.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// What came of asking for a job.
#[derive(Debug)]
pub(super) enum Came {
    /// It has come to its end.
    Ended(Box<JobView>),
    /// Nobody waited for it.
    Begun(u64),
    /// Nobody waits for it any more, and it goes on.
    Left(u64),
    /// Nobody waits for it any more, and it is being cancelled.
    GivenUp(u64),
}

/// Asks for a job with `begin`, and waits for its end unless nobody wants to.
pub(super) fn run(
    engine: &Engine,
    no_wait: bool,
    output: &Output,
    begin: impl Future<Output = Result<Place, ClientError>>,
) -> Result<Came, Failure> {
    follow(engine, no_wait, None, output, begin)
}

/// As [`run`], of a job that this command has a part in: it is lost with its engine, and cannot be
/// left to it. `wished` says, before anything else is done, that somebody wants it to end.
pub(super) fn run_together(
    engine: &Engine,
    wished: &Arc<AtomicBool>,
    output: &Output,
    begin: impl Future<Output = Result<Place, ClientError>>,
) -> Result<Came, Failure> {
    follow(engine, false, Some(wished), output, begin)
}

fn follow(
    engine: &Engine,
    no_wait: bool,
    together: Option<&Arc<AtomicBool>>,
    output: &Output,
    begin: impl Future<Output = Result<Place, ClientError>>,
) -> Result<Came, Failure> {
    engine.wait(async {
        // Before there is a job: a wish to stop must find it.
        let mut wishes = Wishes::listen()?;
        if let Some(wished) = together {
            note_wish(wished.clone())?;
        }
        let (begun, wish) = answer(begin, &mut wishes).await?;
        let begun = begun.map_err(|error| failure(&error))?;
        let Place::Job(number) = begun else {
            let what = format!("the engine answered with {}, which is no job", begun.path());
            return Err(Failure::new(what, "use the holdfast of the engine's own version"));
        };
        if no_wait {
            return Ok(Came::Begun(number));
        }
        let follow = engine.client().follow(&begun).await.map_err(|error| failure(&error))?;
        let (last, cancelled) = (None, false);
        let mut waiting = Waiting { engine, output, number, together, last, cancelled };
        let came = waiting.end(follow, wishes, wish).await;
        Line::clear(output);
        came
    })
}

/// What the engine answers, and what was wished for meanwhile: a job that may have begun already
/// must still be found, to be cancelled or left. Who wishes twice does not wait for that.
async fn answer(
    begin: impl Future<Output = Result<Place, ClientError>>,
    wishes: &mut Wishes,
) -> Result<(Result<Place, ClientError>, Option<Wish>), Failure> {
    tokio::pin!(begin);
    let wish = tokio::select! {
        begun = &mut begin => return Ok((begun, None)),
        wish = wishes.next() => wish,
    };
    tokio::select! {
        begun = begin => Ok((begun, Some(wish))),
        _ = wishes.next() => Err(interrupted_early()),
        () = tokio::time::sleep(ANSWERED_WITHIN) => Err(interrupted_early()),
    }
}

/// As [`run`], and tells what came of it.
pub(super) fn run_and_tell(
    engine: &Engine,
    no_wait: bool,
    output: &Output,
    begin: impl Future<Output = Result<Place, ClientError>>,
) -> Result<(), Failure> {
    run(engine, no_wait, output, begin)?.tell(output)
}

/// Notes the first wish at once, whatever this command waits for then. To be called within a
/// runtime.
fn note_wish(wished: Arc<AtomicBool>) -> Result<(), Failure> {
    let mut wishes = Wishes::listen()?;
    tokio::spawn(async move {
        wishes.next().await;
        wished.store(true, Ordering::Release);
    });
    Ok(())
}

struct Waiting<'a> {
    engine: &'a Engine,
    output: &'a Output,
    number: u64,
    /// Where a wish is noted, if this command has a part in the job.
    together: Option<&'a Arc<AtomicBool>>,
    /// As it was last seen.
    last: Option<JobView>,
    cancelled: bool,
}

impl Waiting<'_> {
    /// Waits for its end. `wish` is what was wished for already.
    async fn end(
        &mut self,
        mut follow: Follow,
        mut wishes: Wishes,
        mut wish: Option<Wish>,
    ) -> Result<Came, Failure> {
        let mut line = Line::default();
        let mut job = self.look().await?;
        loop {
            if job.state.is_ended() {
                return Ok(Came::Ended(Box::new(job)));
            }
            if let Some(wish) = wish.take()
                && let Some(came) = self.heed(wish).await
            {
                return Ok(came);
            }
            line.draw(self.output, &shown(&job, self.cancelled));
            tokio::select! {
                followed = follow.next() => match followed {
                    Followed::Changed => job = self.look().await?,
                    Followed::Lost => return Err(self.lost()),
                },
                wished = wishes.next() => wish = Some(wished),
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Does what is wished for, and says what came of it if that is the end of waiting.
    async fn heed(&mut self, wish: Wish) -> Option<Came> {
        match wish {
            _ if self.cancelled => Some(Came::GivenUp(self.number)),
            Wish::Leave if self.together.is_none() => Some(Came::Left(self.number)),
            Wish::Leave | Wish::Stop => {
                Line::clear(self.output);
                self.cancel().await;
                None
            }
        }
    }

    async fn look(&mut self) -> Result<JobView, Failure> {
        match self.engine.client().object(&Place::Job(self.number)).await {
            Ok(Object::Job(job)) => {
                self.last = Some(job.clone());
                Ok(job)
            }
            Ok(_) | Err(ClientError::Missing(_)) => {
                let what = format!("job {} is not listed any more", self.number);
                Err(Failure::new(what, "see the journal of the engine for what became of it"))
            }
            Err(ClientError::Unexpected { place, property }) => {
                Err(failure(&ClientError::Unexpected { place, property }))
            }
            // Nobody is refused a look, so there is nobody to look at.
            Err(_) => Err(self.lost()),
        }
    }

    /// Has the job end. It has not yet when this returns.
    async fn cancel(&mut self) {
        self.cancelled = true;
        let number = self.number;
        let called: Result<(), _> =
            self.engine.client().call(&Place::Job(number), "Cancel", &()).await;
        self.output.note(&match called {
            Ok(()) => format!("job {number} is being cancelled; Ctrl-C again does not wait for it"),
            Err(error) => {
                let Failure { what, next, .. } = failure(&error);
                format!("job {number} is not cancelled: {what}; {next}; Ctrl-C again leaves it")
            }
        });
    }

    /// That the engine went away meanwhile.
    fn lost(&self) -> Failure {
        let number = self.number;
        let what = format!("the engine went away while job {number} was under way");
        let next = match self.last.as_ref().map(|job| job.kind) {
            _ if self.together.is_some() => {
                "see why (systemctl status holdfast-engine); when it runs again, \
                                   give this command once more"
                    .to_owned()
            }
            Some(JobKind::Restore) => {
                "see why (systemctl status holdfast-engine); what was restored is not whole: when \
                 it runs again, restore once more"
                    .to_owned()
            }
            Some(_) => format!(
                "see why (systemctl status holdfast-engine); when it runs again it goes on with \
                 the job by itself, and `holdfast jobs show {number}` tells how far it is"
            ),
            // It went before it could be asked.
            None => format!(
                "see why (systemctl status holdfast-engine); when it runs again it goes on with \
                 the job by itself, as `holdfast jobs show {number}` tells; if it was a restore, \
                 restore once more"
            ),
        };
        Failure::new(what, next).with(json!({ "job": number }))
    }
}

fn interrupted_early() -> Failure {
    let next = "`holdfast jobs list` says whether the engine began it all the same";
    Failure::interruption("interrupted before the engine answered", next)
}

/// What the line of progress says of a job.
fn shown(job: &JobView, cancelled: bool) -> Shown {
    let verb = job.kind.as_str();
    let number = job.number;
    match job.state {
        _ if cancelled => Shown::Words(format!("job {number} is being cancelled")),
        JobState::Queued => Shown::Words(format!("job {number}: {verb} waits for its turn")),
        JobState::Waiting => {
            let words = format!("job {number}: {verb} is tried again later: {}", job.cause);
            Shown::Words(words)
        }
        _ => Shown::Work {
            verb: verb.to_owned(),
            done: job.bytes_done,
            total: job.bytes_total,
            stalled: job.stalled_for,
        },
    }
}

impl Came {
    /// Tells what came of it in the way of the same work done here.
    pub(super) fn tell(self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Ended(job) => {
                let text = job.report.clone();
                tell_end(&job, outcome(&job), text, output)
            }
            Self::Begun(number) => {
                output.result(&json!({ "job": number }), || {
                    format!("job {number} began; `holdfast jobs show {number}` says how far it is")
                });
                Ok(())
            }
            Self::Left(number) => Err(left(number)),
            Self::GivenUp(number) => {
                let next = format!("`holdfast jobs show {number}` says when it has ended");
                Err(Failure::interruption(format!("job {number} is being cancelled"), next)
                    .with(json!({ "job": number })))
            }
        }
    }
}

/// That nobody waits for a job any more.
pub(super) fn left(number: u64) -> Failure {
    let next = format!("`holdfast jobs show {number}` says how far it is");
    Failure::interruption(format!("job {number} is left to the engine"), next)
        .with(json!({ "job": number }))
}

/// What came out of a job, with its number.
pub(super) fn outcome(job: &JobView) -> Value {
    let mut value = serde_json::from_str(&job.outcome).unwrap_or_else(|_| json!({}));
    if let Value::Object(fields) = &mut value {
        fields.insert("job".to_owned(), job.number.into());
    }
    value
}

/// Tells how a job ended that is over.
pub(super) fn tell_end(
    job: &JobView,
    value: Value,
    text: String,
    output: &Output,
) -> Result<(), Failure> {
    match job.state {
        // An ingest that noticed something has made its recovery point all the same.
        JobState::Warned if job.kind == JobKind::Ingest => {
            output.result(&value, || text);
            output.note(&job.cause);
            Ok(())
        }
        JobState::Warned => output.outcome(Some(ended(job)), &value, || text),
        JobState::Done => {
            output.result(&value, || text);
            Ok(())
        }
        JobState::Cancelled => {
            let next = match job.kind {
                JobKind::Scrub => "run it again: it goes on where it was",
                JobKind::Restore => "run the command again; what it wrote is not whole",
                _ => "run the command again; what was stored by then makes it shorter",
            };
            let what = format!("job {} was cancelled", job.number);
            Err(Failure::interruption(what, next).with(value))
        }
        _ => Err(ended(job).with(value)),
    }
}

/// What is wrong with a job that is over.
fn ended(job: &JobView) -> Failure {
    match job.next_step.is_empty() {
        true => Failure::new(&job.cause, format!("see `holdfast jobs show {}`", job.number)),
        false => Failure::new(&job.cause, job.next_step.clone()),
    }
}
