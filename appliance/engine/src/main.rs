//! The engine: the daemon that owns the disks and keys of a pool and does its jobs.
//!
//! It is the only process that has the pool open. It takes jobs over the bus and by its plan, does
//! them in the order of their urgency, and remembers them: killed at any moment, it goes on with
//! them or says what became of each. It speaks to the network by nothing but local sockets.

mod alerts;
mod clock;
mod config;
mod disks;
mod engine;
mod error;
mod exports;
mod facts;
mod file;
mod jobs;
mod protection;
mod returned;
mod runner;
mod schedule;
mod seen;
mod serve;
mod state;
mod watchdog;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use disk::{Access, Disk};
use operations::{Failure, Io, OpenPool};
use sd_notify::NotifyState;
use store::Standing;

use crate::config::Config;
use crate::disks::{Disks, Found, Keeper};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::state::State;

/// Owns the disks and keys of a pool and does its jobs.
#[derive(Debug, Parser)]
#[command(name = "holdfast-engine", version)]
struct Arguments {
    /// Configuration: disks, key, folders, limits.
    #[arg(long, value_name = "FILE", default_value = "/etc/holdfast/engine.toml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    daemon::run(|| run(&arguments))
}

fn run(arguments: &Arguments) -> Result<()> {
    let config = Config::read(&arguments.config)?;
    let secret = config.secret()?;
    for folder in [&config.state, &config.runtime] {
        let failed = |source| EngineError::File { path: folder.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let state = State::open(&config.state.join("state.sqlite"))?;
    if let Some(aside) = &state.put_aside {
        log::warn!("the state of jobs was damaged and is now {}: history is lost", aside.display());
    }
    let disks = Disks::load(&state, &config.disks)?;
    let pool = open(&disks, &state, &config)?;
    let engine = Engine::new(config, state, disks, pool)?;
    let keeper = Arc::new(Keeper(Arc::downgrade(&engine)));
    futures_executor::block_on(engine.pool.store.witnessed_by(keeper)).map_err(Failure::from)?;
    if let Some(secret) = &secret {
        engine.unlock(secret)?;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(WORKERS).enable_all();
    let runtime = runtime.build().map_err(|source| EngineError::Runtime { source })?;
    let served = runtime.block_on(serve(engine.clone()));
    // Jobs that did not stop in time are left behind with the process.
    runtime.shutdown_background();
    engine.pool.close()?;
    served?;
    engine.life.end(&engine.state)
}

/// Opens the pool on the disks that are there. Those that are not, or cannot be used, count as left
/// behind: the pool goes on without them, and takes them back when somebody says so.
fn open(disks: &Disks, state: &State, config: &Config) -> Result<OpenPool> {
    let wait = Duration::from_secs(config.disk_wait_seconds);
    let found = disks.find(config.degraded, wait);
    if config.degraded && disks.is_used_up() && !found.degraded {
        log::warn!(
            "`degraded = true` of the configuration has been made use of: to allow it once more, \
             start without that line, then with it"
        );
    }
    let Found { there, mut gone, degraded, forced } = found;
    let mut opened = Vec::new();
    for path in there {
        match operations::open_disk(&path, Access::ReadWrite, Io::Auto) {
            Ok(disk) => opened.push(disk),
            Err(failure) if degraded => gone.push((path, failure.what)),
            Err(failure) => return Err(failure.into()),
        }
    }
    if degraded {
        opened = without_strangers(opened, &mut gone);
    }
    let mut pool = OpenPool::open_on(opened, degraded, Access::ReadWrite)?;
    for (path, why) in &gone {
        log::warn!("{}: {why}: the pool goes on without", path.display());
    }
    pool.stale.extend(gone.iter().map(|(path, _)| path.display().to_string()));
    disks.note_forced(state, config.degraded, forced)?;
    Ok(pool)
}

/// Those that are disks of the pool that the first is of. One that has left it, as when a crash
/// came before that was kept, is no reason not to start.
fn without_strangers(
    disks: Vec<Arc<dyn Disk>>,
    gone: &mut Vec<(PathBuf, String)>,
) -> Vec<Arc<dyn Disk>> {
    // What is wrong with all of them is told by who opens them.
    let Ok(standings) = futures_executor::block_on(store::standings(&disks)) else { return disks };
    let mut own = Vec::new();
    for (disk, standing) in disks.into_iter().zip(standings) {
        let why = match standing {
            Standing::InService | Standing::LeftBehind => {
                own.push(disk);
                continue;
            }
            Standing::Left => "it has left the pool; what it holds is not needed any more",
            Standing::Stranger => "it is no disk of the pool",
        };
        gone.push((PathBuf::from(disk.name()), why.to_owned()));
    }
    own
}

/// Threads for what waits: sockets, timers, the bus. Work has threads of its own.
const WORKERS: usize = 2;

/// Serves until it is told to end; or until the bus does, which does not come back: nobody can see
/// or ask the engine any more, and the service manager starts it again.
async fn serve(engine: Arc<Engine>) -> Result<()> {
    let stop = daemon::stopped().map_err(|source| EngineError::Runtime { source })?;
    engine.resume_exports().await;
    let serving = serve::open(&engine, engine.config.bus.as_deref()).await?;
    let shower = tokio::spawn(keep_shown(engine.clone()));
    let ager = tokio::spawn(keep_age(engine.clone()));
    let watchdog = tokio::spawn(watchdog::feed(engine.clone()));
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status("ready")]);
    log::info!("ready");
    let mut ended = Ok(());
    let end = async {
        tokio::select! {
            () = stop => {}
            () = serving.closed() => ended = Err(EngineError::BusEnded),
        }
    };
    engine.clone().conduct(end).await;
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    watchdog.abort();
    shower.abort();
    ager.abort();
    serving.stop().await;
    engine.exports.suspend().await;
    ended
}

/// How often what nobody tells of is looked at: room, memory, disks.
const LOOK: Duration = Duration::from_secs(30);

/// How often what clients of exports and intakes have done is looked at, when there are any.
const LOOK_AT_CLIENTS: Duration = Duration::from_secs(2);

/// Shows what changed, when something did and from time to time.
async fn keep_shown(engine: Arc<Engine>) {
    let mut look = Instant::now() + LOOK;
    loop {
        let left = look.saturating_duration_since(Instant::now());
        let pause = if engine.exports.is_empty() { left } else { left.min(LOOK_AT_CLIENTS) };
        let changed = tokio::time::timeout(pause, engine.refresh.notified()).await.is_ok();
        if changed || look <= Instant::now() {
            look = Instant::now() + LOOK;
            serve::show(&engine).await;
        } else {
            serve::show_exports(&engine);
        }
    }
}

/// Makes the pool's age durable, at once and from time to time.
async fn keep_age(engine: Arc<Engine>) {
    loop {
        let own = engine.clone();
        let _ = tokio::task::spawn_blocking(move || schedule::commit_age(&own)).await;
        tokio::time::sleep(Duration::from_secs(schedule::COMMIT.0)).await;
    }
}
