//! One run: holds all volumes still, sends each, lets go, and says what came of it.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;

use crate::config::{Config, Hold, VolumeConfig};
use crate::device::Device;
use crate::error::{AgentError, Result};
use crate::hold::{self, Held};
use crate::marks::{Mark, Marks};
use crate::progress::Progress;
use crate::remote::{Consistency, Intake, Prepared, Remote, Stage};
use crate::script;
use crate::send::{Sender, Sent};
use crate::state::{Known, Left, VolumeState};

/// Readings after which a volume that changes all the time is given up.
const MOST_PASSES: u32 = 5;

/// Readings that are made anew because the box lost what it had taken.
const MOST_LOST: u32 = 5;

/// What came of a volume.
#[derive(Debug, Serialize)]
pub(crate) struct Volume {
    pub(crate) name: String,
    /// Identity of the recovery point.
    pub(crate) point: String,
    pub(crate) bytes: u64,
    pub(crate) read_bytes: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) zeroed_bytes: u64,
    /// Went on with what an earlier run had sent.
    pub(crate) resumed: bool,
    /// Lies above a recovery point of which the digests were known.
    pub(crate) incremental: bool,
    pub(crate) consistency: &'static str,
    pub(crate) seconds: f64,
}

/// What came of a run: of each volume that was done, and of each that was not.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) done: Vec<Volume>,
    pub(crate) failed: Vec<(String, AgentError)>,
    /// What could not be let go after it, or a script that failed; the points are there.
    pub(crate) post: Option<AgentError>,
}

/// Keeps other runs away until it is dropped.
#[derive(Debug)]
struct Alone(#[expect(dead_code, reason = "holds the lock")] std::fs::File);

/// Where an earlier run was, nothing is written: the folder may be on a file system that this run
/// left frozen.
fn alone(folder: &Path) -> Result<Alone> {
    let failed = |source| AgentError::File { path: folder.to_owned(), source };
    let lock = folder.join("lock");
    let file = match std::fs::File::open(&lock) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            std::fs::create_dir_all(folder).map_err(failed)?;
            std::fs::File::create(lock)
        }
        other => other,
    };
    let file = file.map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Alone(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(AgentError::Running),
        Err(error) => Err(failed(error.into())),
    }
}

/// Does one run, unless `stop` ends before; what was held is let go in either case.
pub(crate) async fn run(
    config: &Config,
    progress: &mut Progress,
    stop: impl Future<Output = ()>,
) -> Result<Outcome> {
    let _alone = alone(&config.state)?;
    let mut marks = Marks::read(&config.state)?;
    // What a run left that was killed. A copy that stays would be in the way of the next one.
    if let Err(error) = hold::undo_all(config, &mut marks).await {
        log::error!("what the last run left: {error}");
    }
    let outcome = tokio::select! {
        outcome = work(config, &mut marks, progress) => outcome,
        () = stop => Err(AgentError::Program {
            program: "holdfast-agent".to_owned(),
            what: "it was told to end; the next run goes on".to_owned(),
        }),
    };
    let tidied = hold::undo_all(config, &mut marks).await;
    let mut outcome = outcome?;
    outcome.post = outcome.post.or(tidied.err());
    Ok(outcome)
}

async fn work(config: &Config, marks: &mut Marks, progress: &mut Progress) -> Result<Outcome> {
    let mut remote = Remote::new(config)?;
    if !config.scripts.pre.is_empty() || !config.scripts.post.is_empty() {
        marks.add(Mark::Post)?;
        script::run(&config.scripts.pre, config.scripts.pre_timeout).await?;
    }
    let mut outcome = Outcome::default();
    let mut held = Vec::new();
    for volume in &config.volumes {
        match hold::hold(volume, marks).await {
            Ok(one) => held.push((volume, one)),
            Err(error) => outcome.failed.push((volume.name.clone(), error)),
        }
    }
    let kept = |(_, held): &(_, Held)| matches!(held.kind, Hold::Lvm | Hold::Btrfs);
    if held.iter().all(kept) && marks.all().contains(&Mark::Post) {
        // Its failure is told, and is no reason to send nothing.
        outcome.post = hold::undo(config, marks, &Mark::Post).await.err();
    }
    for (volume, held) in held {
        match send(config, &mut remote, volume, &held, progress).await {
            Ok(done) => outcome.done.push(done),
            Err(error) => outcome.failed.push((volume.name.clone(), error)),
        }
        progress.end();
    }
    Ok(outcome)
}

/// Sends one volume and waits until its recovery point is there.
async fn send(
    config: &Config,
    remote: &mut Remote,
    volume: &VolumeConfig,
    held: &Held,
    progress: &mut Progress,
) -> Result<Volume> {
    let began = Instant::now();
    let device = Arc::new(Device::open(&held.path)?);
    let box_name = config.fingerprint.to_string();
    let state = VolumeState::new(&config.state, &volume.name, box_name, device.bytes());
    settle_left(remote, &state).await?;
    let (intake, mut known, resumed) = begin(remote, &state, volume, device.bytes()).await?;
    let mut passes = Passes::default();
    let sender = Sender::new(remote, &mut known, intake.number, progress);
    let consistency = read_until_good(sender, volume, held, &device, &mut passes).await?;
    let incremental = known.is_above_known();
    known.seal()?;
    // Had the script failed there would be no run.
    let scripted = !config.scripts.pre.is_empty();
    let prepared = if scripted { Prepared::Application } else { held.prepared };
    let point = remote.finish(intake.number, consistency, prepared).await?;
    state.adopt(&point)?;
    Ok(Volume {
        name: volume.name.clone(),
        point,
        bytes: device.bytes(),
        read_bytes: passes.count * device.bytes(),
        sent_bytes: passes.written,
        zeroed_bytes: passes.zeroed,
        resumed,
        incremental,
        consistency: consistency.word(),
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Brings an intake to its end that an earlier run had finished: what it sent is a recovery point,
/// or becomes one now.
async fn settle_left(remote: &mut Remote, state: &VolumeState) -> Result<()> {
    let Some(Left { number, since, sealed }) = state.left() else { return Ok(()) };
    // A box that lost its state gives numbers anew: another intake is none of this one's.
    let found = remote.find(number).await?.filter(|found| found.since == since);
    let point = match found.map(|found| found.stage) {
        None => return state.forget(),
        Some(Stage::Open) => return Ok(()),
        Some(Stage::Done { point }) => Ok(point),
        Some(Stage::Finishing | Stage::Failed { .. }) => {
            remote.finish(number, Consistency::Unknown, Prepared::Nothing).await
        }
    };
    match point {
        Ok(point) if sealed => state.adopt(&point),
        Ok(_) => state.forget(),
        Err(AgentError::NoPoint { cause, .. }) => {
            log::warn!("what an earlier run sent is given up: {cause}");
            remote.discard(number).await?;
            state.forget()
        }
        Err(error) => Err(error),
    }
}

/// Begins an intake, or goes on with one of which it is known what it holds.
async fn begin(
    remote: &mut Remote,
    state: &VolumeState,
    volume: &VolumeConfig,
    bytes: u64,
) -> Result<(Intake, Known, bool)> {
    let mut intake = remote.begin(&volume.name, bytes).await?;
    if intake.resumed {
        if let Some(known) = state.go_on(&intake) {
            log::info!("volume {}: going on with intake {}", volume.name, intake.number);
            return Ok((intake, known, true));
        }
        remote.discard(intake.number).await?;
        intake = remote.begin(&volume.name, bytes).await?;
    }
    let known = state.begin(&intake)?;
    Ok((intake, known, false))
}

/// What all readings of a volume came to.
#[derive(Debug, Default)]
struct Passes {
    count: u64,
    written: u64,
    zeroed: u64,
}

/// Reads and sends until the box has what was read, and, where nothing holds the volume still,
/// until that is what it was at one moment.
async fn read_until_good(
    mut sender: Sender<'_>,
    volume: &VolumeConfig,
    held: &Held,
    device: &Arc<Device>,
    passes: &mut Passes,
) -> Result<Consistency> {
    let (mut settling, mut lost) = (0, 0);
    loop {
        sender.progress.begin(&volume.name, device.bytes());
        let sent = sender.pass(device).await?;
        passes.add(&sent);
        if sent.lost {
            lost += 1;
            if lost == MOST_LOST {
                return Err(AgentError::Lost { times: lost });
            }
            continue;
        }
        match held.kind {
            Hold::Lvm | Hold::Btrfs => return Ok(Consistency::Moment),
            Hold::None => return Ok(Consistency::Unknown),
            Hold::Freeze => {}
        }
        settling += 1;
        if settling > 1 && sent.is_nothing() {
            return Ok(Consistency::Settled);
        }
        if settling == MOST_PASSES && volume.accept_torn {
            return Ok(Consistency::Torn);
        }
        if settling == MOST_PASSES {
            let (volume, passes) = (volume.name.clone(), settling);
            return Err(AgentError::Torn { volume, passes });
        }
    }
}

impl Passes {
    fn add(&mut self, sent: &Sent) {
        self.count += 1;
        self.written += sent.written;
        self.zeroed += sent.zeroed;
    }
}
