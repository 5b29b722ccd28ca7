//! A receiver before a box of plain files, as a process of its own: what tests of the protocol
//! connect to, kill and measure.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use receiver::sim::Files;
use receiver::{Config, Receiver, ReceiverError};

#[derive(Debug, Parser)]
#[command(name = "received", about = "A receiver before a box of plain files")]
struct Args {
    /// The receiver's configuration
    config: PathBuf,

    /// The folder that is the box
    folder: PathBuf,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("received: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the address and the fingerprint on one line, and serves until it is killed.
fn run(args: &Args) -> Result<(), ReceiverError> {
    let failed = |source| ReceiverError::Runtime { source };
    let config = Config::read(&args.config)?;
    let files = Arc::new(Files::open(&args.folder).map_err(failed)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let receiver = Receiver::bind(&config, None, files)?;
        println!("{} {}", receiver.address().map_err(failed)?, receiver.fingerprint());
        receiver.serve(std::future::pending()).await;
        Ok(())
    })
}
