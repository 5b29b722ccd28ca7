//! The receiver as a daemon: for agents over the network, towards the engine over the bus.

mod watchdog;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use receiver::{Config, Engine, Receiver, ReceiverError};
use sd_notify::NotifyState;

/// Takes volumes from agents over HTTPS.
#[derive(Debug, Parser)]
#[command(name = "holdfast-receiver", version)]
struct Arguments {
    /// Configuration: where it listens, which agents may add what
    #[arg(long, value_name = "FILE", default_value = "/etc/holdfast/receiver.toml")]
    config: PathBuf,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the fingerprint that agents have to pin; makes the certificate if there is none
    Fingerprint,
}

/// Threads for what waits: sockets and the bus. Digests are all that is computed here.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    daemon::run(|| run(&arguments))
}

fn run(arguments: &Arguments) -> Result<(), ReceiverError> {
    let config = Config::read(&arguments.config)?;
    if let Some(Command::Fingerprint) = arguments.command {
        println!("{}", receiver::fingerprint(&config)?);
        return Ok(());
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.map_err(|source| ReceiverError::Runtime { source })?;
    let served = runtime.block_on(serve(&config));
    // What agents had not flushed they send again.
    runtime.shutdown_background();
    served
}

async fn serve(config: &Config) -> Result<(), ReceiverError> {
    let stop = daemon::stopped().map_err(|source| ReceiverError::Runtime { source })?;
    let engine = Arc::new(Engine::connect(config).await?);
    let passed = listenfd::ListenFd::from_env().take_tcp_listener(0);
    let failed = |source| ReceiverError::Listen { address: config.listen, source };
    let receiver = Receiver::bind(config, passed.map_err(failed)?, engine.clone())?;
    let address = receiver.address().map_err(failed)?;
    let watchdog = tokio::spawn(watchdog::feed(receiver.beat(), engine));
    let status = format!("{} agents at {address}", config.agents.len());
    // Without a service manager nobody listens.
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    log::info!("ready for {status}; fingerprint {}", receiver.fingerprint());
    receiver.serve(stop).await;
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    watchdog.abort();
    Ok(())
}
