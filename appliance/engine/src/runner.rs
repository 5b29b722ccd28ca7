//! Does the work of one job with the operations on the pool.
//!
//! Each attempt has a thread of its own, as nice as its class, and so are those that it begins: a
//! restore gets the processors before ingests, and those before upkeep.

use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use export::Overlay;
use futures_executor::block_on;
use model::{Consistency, PointId};
use operations::{
    Domain, Expire, Failure, HandedStream, Hypervisor, Ingest, Ingested, OpenPool, Pull, Receive,
    Restore, Resync, ResyncNext, Scrub, TokioPacer, Verify, VerifyPoint, random_point,
};
use record::{Progress, TenantAccess};
use rustix::process::setpriority_process;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::exports::{Exported, Exports};
use crate::jobs::{Ended, Outcome, Work};

/// The pool, unlocked.
#[derive(Debug, Clone)]
pub(crate) struct Unlocked {
    pub(crate) pool: Arc<OpenPool>,
    pub(crate) access: Arc<TenantAccess>,
    /// Disks of the pool by their paths: none of them is a source.
    pub(crate) disks: Arc<[std::path::PathBuf]>,
    /// What somebody wrote is there.
    pub(crate) exports: Arc<Exports>,
}

/// Works on its own thread until it is done, fails, or `progress` is told to stop. A fault of the
/// program's own ends the job and nothing else.
pub(crate) async fn run(
    work: Work,
    handed: Vec<OwnedFd>,
    unlocked: Unlocked,
    progress: Arc<Progress>,
    handle: Handle,
) -> Ended {
    let (tell, told) = oneshot::channel();
    let thread = std::thread::Builder::new().name(work.kind().to_owned());
    let working = thread.spawn(move || {
        // Where that may not be, all classes are alike.
        let _ = setpriority_process(None, work.class().nice());
        let attempt = AssertUnwindSafe(|| attempt(&work, handed, &unlocked, &progress, handle));
        // Nobody waits for it any more when the engine ends.
        let _ = tell.send(std::panic::catch_unwind(attempt));
    });
    if let Err(error) = working {
        let next = "wait until there is less to do; see what takes the memory of the box";
        return Ended::Failed {
            cause: format!("no thread for it: {error}"),
            next: next.to_owned(),
        };
    }
    match told.await {
        Ok(Ok(Ok(ended))) => ended,
        // An ingest that fails stops its workers by the same progress.
        Ok(Ok(Err(failure))) if failure.interrupted => Ended::Stopped,
        Ok(Ok(Err(failure))) => failed(failure),
        _ => Ended::Failed {
            cause: "it ended by a fault of the program".to_owned(),
            next: "report this with the journal of the engine; the pool is not harmed".to_owned(),
        },
    }
}

fn failed(failure: Failure) -> Ended {
    Ended::Failed { cause: failure.what, next: failure.next.into_owned() }
}

fn attempt(
    work: &Work,
    handed: Vec<OwnedFd>,
    unlocked: &Unlocked,
    progress: &Progress,
    handle: Handle,
) -> Result<Ended, Failure> {
    let Unlocked { pool, access, disks, .. } = unlocked;
    Ok(match work {
        Work::Ingest { system, volume, source, full } => {
            let ingest = Ingest { no_parent: *full, ..Ingest::of(system, volume, source) };
            let source = ingest.open_source(disks)?;
            taken_in(&ingest.run(pool, access, source.as_ref(), progress)?)
        }
        Work::Pull { system, socket, disks, excluded, guest_agent, full } => {
            let from = Hypervisor::Qemu {
                socket: socket.clone(),
                disks: disks.clone(),
                excluded: excluded.clone(),
                guest_agent: guest_agent.clone(),
            };
            let pull = Pull { system: system.clone(), from, full: *full };
            taken_in(&pull.run(pool, access, progress)?)
        }
        Work::PullDomain { system, uri, domain, disks, excluded, full } => {
            let from = Hypervisor::Libvirt(Domain {
                uri: uri.clone(),
                name: domain.clone(),
                disks: disks.clone(),
                excluded: excluded.clone(),
            });
            let pull = Pull { system: system.clone(), from, full: *full };
            taken_in(&pull.run(pool, access, progress)?)
        }
        Work::Receive { system, volume, intake, point, consistency } => {
            let id: PointId = point.parse().unwrap_or_else(|_| random_point());
            // An engine that was killed had come so far.
            if pool.catalog.point(id).is_some() {
                let text = format!("recovery point {id} was there already");
                return Ok(ended(json!({ "point": point }), text, None));
            }
            let (exported, overlay) = written(unlocked, *intake, &handle)?;
            let (system, volume) = (system.clone(), volume.clone());
            let base = exported.point.parse().ok();
            let consistency = Consistency::parse(consistency).unwrap_or_default();
            let receive = Receive { system, volume, base, point: id, consistency };
            taken_in(&receive.run(pool, access, (overlay, handle), progress)?)
        }
        Work::Stream { system, volume, .. } => {
            let Ok([stream, end]) = <[OwnedFd; 2]>::try_from(handed) else {
                return Err(Failure::new("the pipe that it came from is gone", "send it again"));
            };
            let stream = HandedStream::new(stream, end);
            let ingest = Ingest::of(system, volume, "a stream");
            taken_in(&ingest.run_stream(pool, access, &stream, &stream, progress)?)
        }
        Work::Restore { point, volume, to } => {
            let point = pool.point(access, point)?;
            let restore = Restore { volume: *volume, to: to.clone() };
            let done = restore.run(&point, access, progress)?;
            ended(done.json(), done.text(), None)
        }
        Work::Give { point, volume, .. } => {
            let target = handed.into_iter().next().ok_or_else(|| {
                Failure::new("what it was to be written to is gone", "start it again")
            })?;
            let point = pool.point(access, point)?;
            let done = Restore::give(*volume, target, &point, access, progress)?;
            ended(done.json(), done.text(), None)
        }
        Work::Verify { deep } => {
            let done = Verify { deep: *deep, no_heal: false }.run(pool, access, progress)?;
            ended(done.json(), done.text(), done.failure())
        }
        Work::VerifyPoint { point } => {
            let point = pool.find(access.tenant(), point)?;
            let done = VerifyPoint { point }.run(access, progress)?;
            ended(done.json(), done.text(), done.failure())
        }
        Work::Scrub { duty, seconds, new } => {
            let run_for = seconds.map(Duration::from_secs);
            let scrub = Scrub { duty: (*duty).clamp(1, 100), run_for, new: *new };
            let pacer = TokioPacer::new(handle, progress);
            let done = scrub.run(pool, access, progress, &pacer)?;
            if progress.stopped() {
                return Ok(Ended::Stopped);
            }
            ended(done.json(), done.text(), done.failure())
        }
        Work::Reclaim(wanted) => {
            let done = wanted.of().run(pool, access, progress)?;
            ended(done.json(), done.text(), None)
        }
        Work::Expire => {
            let done = Expire::default().run(pool, access)?;
            ended(done.json(), done.text(), None)
        }
        Work::Resync { rate } => resync(pool, *rate, None, progress, handle)?,
        Work::Relieve { member, by, rate } => {
            resync(pool, *rate, Some((*member, *by)), progress, handle)?
        }
    })
}

/// What was written to an intake, opened by a task of the runtime's: threads that it needs for that
/// then are not as nice as this one.
fn written(
    unlocked: &Unlocked,
    intake: u64,
    handle: &Handle,
) -> Result<(Exported, Arc<Overlay>), Failure> {
    let own = unlocked.clone();
    let opened =
        handle.spawn(async move { own.exports.written(&own.pool, &own.access, intake).await });
    handle.block_on(opened).map_err(|error| Failure::new(error, "finish the intake again"))?
}

/// Copies what disks lack; then one member leaves, if another has come to take over from it.
fn resync(
    pool: &OpenPool,
    rate: Option<NonZeroU64>,
    relieved: Option<(usize, usize)>,
    progress: &Progress,
    handle: Handle,
) -> Result<Ended, Failure> {
    let pacer = TokioPacer::new(handle, progress);
    let done = Resync { rate }.run(pool, progress, &pacer)?;
    if progress.stopped() {
        return Ok(Ended::Stopped);
    }
    let leaves = relieved.filter(|_| done.is_whole());
    let done = match leaves {
        Some((member, by)) => done.after_leaving(pool, leave(pool, member, by)?),
        None => done,
    };
    Ok(ended(done.json(), done.text(), done.failure(ResyncNext::default())))
}

/// Lets a member go, and says which disk that was. One that has left already did so before the
/// engine was ended.
fn leave(pool: &OpenPool, member: usize, by: usize) -> Result<Option<String>, Failure> {
    let members = block_on(pool.store.members());
    let Some(old) = members.into_iter().find(|known| known.number == member) else {
        return Ok(None);
    };
    let name = old.name.unwrap_or_else(|| old.disk_id.to_string());
    if !block_on(pool.store.relieve(member, by))? {
        log::warn!("{name} {UNTOLD}");
    }
    Ok(Some(name))
}

/// Of a disk that has left the pool.
pub(crate) const UNTOLD: &str = "took no writes any more and does not say that it has left: \
    alone it would pass for the pool; destroy it or overwrite it";

fn taken_in(done: &Ingested) -> Ended {
    let warning = done.warning().map(|what| Failure::new(what, done.next_step()));
    ended(done.json(), done.text(), warning)
}

fn ended(value: serde_json::Value, text: String, failure: Option<Failure>) -> Ended {
    let result = Outcome { value, text };
    match failure {
        None => Ended::Done(result),
        Some(failure) => Ended::Warned(result, failure.what, failure.next.into_owned()),
    }
}
