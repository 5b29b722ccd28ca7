//! The console as a program: on tty1, or on any terminal.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use console::{Config, ConsoleError};

/// Shows how the box is, and does what has to be done in front of it.
#[derive(Debug, Parser)]
#[command(name = "holdfast-console", version)]
struct Arguments {
    /// Configuration; need not be there
    #[arg(long, value_name = "FILE", default_value = "/etc/holdfast/console.toml")]
    config: PathBuf,

    /// The engine's bus, when it is not the system's; HOLDFAST_BUS_ADDRESS says the same
    #[arg(long, value_name = "ADDRESS")]
    bus: Option<String>,

    /// Let `q` end the console
    #[arg(long)]
    quit: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    daemon::run(|| run(arguments))
}

fn run(arguments: Arguments) -> Result<(), ConsoleError> {
    let mut config = Config::read(&arguments.config)?;
    let variable = std::env::var(bus::ADDRESS_VARIABLE).ok();
    config.bus = arguments.bus.or(variable).or(config.bus);
    config.quit |= arguments.quit;
    console::run(&config)
}
