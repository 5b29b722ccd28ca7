//! The management daemon: HTTPS for people and programs, the bus towards the engine.

mod watchdog;

use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use manage::{Config, Manage, ManageError};
use sd_notify::NotifyState;

/// Manages the box over HTTPS.
#[derive(Debug, Parser)]
#[command(name = "holdfast-manage", version)]
struct Arguments {
    /// Configuration: where it listens and what it keeps where
    #[arg(long, value_name = "FILE", default_value = "/etc/holdfast/manage.toml")]
    config: PathBuf,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the description of the API (OpenAPI 3.1)
    Openapi,
    /// Check an export of the audit log: whether entries were changed, left out or put in
    CheckAudit {
        /// What `/api/v1/audit/export` gave; without it standard input
        file: Option<PathBuf>,
    },
}

/// Threads for what waits: sockets and the bus. Passwords are hashed on others.
const WORKERS: usize = 2;

/// Threads for what waits for a disk, or takes a processor for long.
const WAITING: usize = 16;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Openapi) => {
            println!("{:#}", manage::document());
            ExitCode::SUCCESS
        }
        Some(Command::CheckAudit { file }) => check_audit(file),
        None => daemon::run(|| run(&arguments.config)),
    }
}

fn check_audit(file: Option<PathBuf>) -> ExitCode {
    let checked = match file {
        Some(file) => match std::fs::File::open(&file) {
            Ok(open) => {
                manage::check_audit(BufReader::new(open)).map_err(|error| error.to_string())
            }
            Err(error) => Err(format!("{}: {error}", file.display())),
        },
        None => manage::check_audit(std::io::stdin().lock()).map_err(|error| error.to_string()),
    };
    match checked {
        Ok((entries, hash)) => {
            println!(
                "{entries} entries, each bound to the one before; the last has the hash {hash}"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("holdfast-manage: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &std::path::Path) -> Result<(), ManageError> {
    let config = Config::read(config)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(WORKERS).max_blocking_threads(WAITING).enable_all();
    let runtime = runtime.build();
    let runtime = runtime.map_err(|source| ManageError::Runtime { source })?;
    let served = runtime.block_on(serve(&config));
    runtime.shutdown_background();
    served
}

async fn serve(config: &Config) -> Result<(), ManageError> {
    let stop = daemon::stopped().map_err(|source| ManageError::Runtime { source })?;
    let passed = listenfd::ListenFd::from_env().take_tcp_listener(0);
    let failed = |source| ManageError::Listen { address: config.listen, source };
    let manage = Manage::open(config, passed.map_err(failed)?).await?;
    let addresses: Vec<String> = manage.addresses().iter().map(ToString::to_string).collect();
    let status = format!("at {}", addresses.join(" and "));
    let watchdog = tokio::spawn(watchdog::feed(manage.beats()));
    // Without a service manager nobody listens.
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    log::info!("ready {status}; fingerprint {}", manage.fingerprint());
    let served = manage.serve(stop).await;
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    watchdog.abort();
    served
}
