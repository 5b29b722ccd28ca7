//! What the engine is told over the bus.

use std::sync::Arc;

use bus::{Caller, Command, Commands, Place, Refusal, RefusalKind, Reply, VerifyOptions};
use futures_util::future::BoxFuture;
use operations::{Failure, Secret};

use super::{catalog, change, disks, give, planning, receive, show};
use crate::engine::{Engine, NotTaken};
use crate::exports::{STATE_NEXT, WAIT_FOR_OTHERS};
use crate::jobs::{JobState, Refused, Retry, Work};

/// What the volume of a source is called that nobody has given a name.
const VOLUME: &str = "disk";

/// Carries out what callers want, once it is known that they may.
pub(super) struct Desk {
    engine: Arc<Engine>,
}

impl Desk {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

impl Commands for Desk {
    fn run(&self, caller: Caller, command: Command) -> BoxFuture<'_, Result<Reply, Refusal>> {
        Box::pin(async move {
            let (told, reads) = (name(&command), command.only_reads());
            let done = carry_out(&self.engine, command).await;
            let (uid, pid) = (caller.uid.unwrap_or(u32::MAX), caller.pid.unwrap_or(0));
            match &done {
                // Others ask every minute.
                Ok(_) if reads => log::debug!("user {uid}, process {pid}: {told}"),
                Ok(_) => log::info!("user {uid}, process {pid}: {told}"),
                Err(refusal) => log::info!("user {uid}, process {pid}: {told}: refused: {refusal}"),
            }
            done
        })
    }
}

/// What a command is called. What it carries may be long, or nobody else's business.
fn name(command: &Command) -> String {
    let text = format!("{command:?}");
    text.split(|end: char| !end.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

async fn carry_out(engine: &Arc<Engine>, command: Command) -> Result<Reply, Refusal> {
    match command {
        Command::Unlock { passphrase } => unlock(engine, &passphrase).await,
        Command::Lock => lock(engine).await,
        Command::ProbeTimes => Ok(Reply::Times(engine.answer_times())),
        Command::Scrub(options) => begin(engine, Work::scrub(&options)),
        Command::ListScrubs => Ok(Reply::Scrubs(catalog::scrubs(engine))),
        Command::Reclaim(options) => begin(engine, Work::reclaim(&options)),
        Command::Verify(options) => verify(engine, &options),
        Command::Expire { dry_run } => change::expire(engine, dry_run).await,
        Command::Ingest { system, source, options } => {
            let volume = options.volume.unwrap_or_else(|| VOLUME.to_owned());
            begin(engine, Work::Ingest { system, volume, source, full: options.full })
        }
        Command::Resync(options) => disks::resync(engine, &options),
        Command::AddDisk { device } => disks::add(engine, device).await,
        Command::RemoveDisk { disk } => disks::remove(engine, disk).await,
        Command::ReturnDisk { disk } => disks::take_back(engine, disk).await,
        Command::ReplaceDisk { disk, device } => disks::replace(engine, disk, device).await,
        Command::ExportPoint { point, options } => give::export(engine, point, options).await,
        Command::IngestStream { system, options, stream, end } => {
            receive::stream(engine, system, options, stream, end)
        }
        Command::RestorePoint { point, options } => give::restore(engine, point, options).await,
        Command::RestoreTo { point, volume, target } => {
            give::restore_to(engine, point, &volume, target).await
        }
        Command::StopExport { export, discard_overlay } => {
            engine.stop_export(export, discard_overlay).await.map_err(failed)?;
            show::show_exports(engine);
            Ok(Reply::Done)
        }
        Command::Receive { system, options } => receive::receive(engine, &system, options).await,
        Command::FinishIntake { intake, options } => receive::finish(engine, intake, options).await,
        Command::DiscardIntake { intake } => receive::discard(engine, intake).await,
        Command::HoldPoint { .. }
        | Command::ReleasePoint { .. }
        | Command::RemovePoint { .. }
        | Command::RemoveNewestPoint { .. }
        | Command::ReturnPoint { .. }
        | Command::ClearPoint { .. } => change::point(engine, command).await,
        Command::CancelJob { job } => {
            engine.cancel(job).map_err(refused)?;
            Ok(Reply::Done)
        }
        Command::RetryJob { job } => retry(engine, job),
        Command::ExportPlan => match engine.protection.unreadable() {
            None => Ok(Reply::Text(engine.protection.plan().to_toml())),
            Some(failure) => Err(failed(failure)),
        },
        Command::ApplyPlan { plan, dry_run } => planning::apply(engine, plan, dry_run).await,
        Command::RunSystem { system, options } => planning::run(engine, &system, options.full),
        Command::PauseSystem { system, reason } => planning::pause(engine, &system, Some(reason)),
        Command::ResumeSystem { system } => planning::pause(engine, &system, None),
        Command::VerifyPoint { point } => {
            begin(engine, Work::VerifyPoint { point: point.to_string() })
        }
        Command::TestAlert => Ok(test_alert()),
        Command::AcknowledgeAlert { alert, by } => acknowledge(engine, alert, &by),
    }
}

async fn unlock(engine: &Arc<Engine>, passphrase: &bus::Passphrase) -> Result<Reply, Refusal> {
    let text = std::str::from_utf8(passphrase.as_bytes());
    let text =
        text.map_err(|_| Refusal::new(INVALID, "the passphrase is no UTF-8", "type it again"))?;
    let secret = Secret::either(text.to_owned());
    let own = engine.clone();
    // Argon2 takes a moment of a processor.
    let unlocked = tokio::task::spawn_blocking(move || own.unlock(&secret)).await;
    unlocked.map_err(|_| panicked())?.map_err(failed)?;
    engine.resume_exports().await;
    show::show_whether_locked(engine).await;
    engine.refresh.notify_one();
    Ok(Reply::Done)
}

async fn lock(engine: &Arc<Engine>) -> Result<Reply, Refusal> {
    if engine.lock_keys() {
        show::show_whether_locked(engine).await;
        engine.refresh.notify_one();
        return Ok(Reply::Done);
    }
    Err(Refusal::new(RefusalKind::Busy, "jobs or exports are using the keys", "stop them first"))
}

fn verify(engine: &Arc<Engine>, options: &VerifyOptions) -> Result<Reply, Refusal> {
    if options.no_heal {
        let problem = "an engine heals whatever it finds damaged";
        let next = "leave `no_heal` out, or stop the engine and use `holdfast verify --no-heal`";
        return Err(Refusal::new(INVALID, problem, next));
    }
    begin(engine, Work::Verify { deep: options.deep })
}

/// Writes a line to the journal as an alert would, so that whoever forwards it can be seen to.
fn test_alert() -> Reply {
    log::warn!("a test of alerts: somebody asked for it, nothing is wrong");
    Reply::Done
}

fn acknowledge(engine: &Arc<Engine>, alert: u64, by: &str) -> Result<Reply, Refusal> {
    match engine.alerts.acknowledge(alert, by, &engine.state, &engine.tree) {
        Ok(true) => Ok(Reply::Done),
        Ok(false) => {
            let problem = format!("there is no alert {alert} any more, or no name was given");
            Err(Refusal::new(RefusalKind::NotFound, problem, "list the alerts again"))
        }
        Err(error) => Err(Refusal::new(RefusalKind::Failed, error.to_string(), STATE_NEXT)),
    }
}

/// Does what a job did, or failed to do, once more.
fn retry(engine: &Arc<Engine>, number: u64) -> Result<Reply, Refusal> {
    let job = engine.job(number).ok_or_else(|| refused(Refused::Unknown { number }))?;
    if job.state == JobState::Running {
        let problem = format!("job {number} is running");
        return Err(Refusal::new(RefusalKind::Busy, problem, "cancel it first"));
    }
    // What it is done to may be something else by now, and other leave is needed for it.
    let once = format!("job {number} is not done a second time without being asked for");
    let (problem, next) = match &job.work {
        Work::Give { .. } => {
            let problem = format!("what job {number} was to write to is gone");
            (problem, "ask for the restore again")
        }
        Work::Stream { .. } => {
            (format!("what job {number} was to read is gone"), "send the stream again")
        }
        _ if matches!(job.state, JobState::Waiting { .. }) => {
            return submit(engine, job.work, &job.client, job.retry);
        }
        Work::Restore { .. } => (once, "ask for the restore again"),
        Work::Relieve { .. } => (once, "ask for the disk to be replaced again"),
        Work::Receive { .. } => (once, "finish the intake again"),
        _ => return submit(engine, job.work, &job.client, job.retry),
    };
    Err(Refusal::new(INVALID, problem, next))
}

/// Takes a job that is tried once: who asked for it looks at what comes of it.
pub(super) fn begin(engine: &Arc<Engine>, work: Work) -> Result<Reply, Refusal> {
    submit(engine, work, "", Retry::NEVER)
}

fn submit(engine: &Arc<Engine>, work: Work, client: &str, retry: Retry) -> Result<Reply, Refusal> {
    if engine.access().is_none() {
        return Err(locked());
    }
    let taken = engine.submit(work, client, retry);
    taken.map(|number| Reply::Object(Place::Job(number))).map_err(|error| match error {
        NotTaken::Refused(error) => refused(error),
        NotTaken::State(error) => Refusal::new(RefusalKind::Failed, error.to_string(), STATE_NEXT),
    })
}

pub(super) const INVALID: RefusalKind = RefusalKind::InvalidArguments;

pub(super) fn locked() -> Refusal {
    Refusal::new(RefusalKind::Locked, "the pool is locked", "unlock it first")
}

pub(super) fn panicked() -> Refusal {
    let next = "report this with the journal of the engine";
    Refusal::new(RefusalKind::Failed, "it ended by a fault of the program", next)
}

pub(super) fn failed(failure: Failure) -> Refusal {
    let kind = match &*failure.next {
        operations::MAKE_ROOM => RefusalKind::Full,
        WAIT_FOR_OTHERS => RefusalKind::Busy,
        _ => RefusalKind::Failed,
    };
    Refusal::new(kind, failure.what, failure.next)
}

fn refused(error: Refused) -> Refusal {
    let text = error.to_string();
    let (problem, next) = text.split_once("; ").unwrap_or((&text, "see the list of jobs"));
    let kind = match error {
        Refused::Full => RefusalKind::Busy,
        Refused::Unknown { .. } | Refused::Over { .. } => RefusalKind::NotFound,
    };
    Refusal::new(kind, problem, next)
}
