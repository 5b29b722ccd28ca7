//! The agent as a command: one run, a run each interval, and what comes before the first.

use std::path::PathBuf;
use std::process::ExitCode;

use agent::{AgentError, Config, Output};
use clap::{Parser, Subcommand};

/// Sends what changed of this system's volumes to the appliance.
#[derive(Debug, Parser)]
#[command(name = "holdfast-agent", version)]
struct Arguments {
    /// Configuration: the box, the volumes, how each is held still
    #[arg(long, value_name = "FILE", default_value = "/etc/holdfast-agent/agent.toml")]
    config: PathBuf,

    /// Tell outcomes as JSON
    #[arg(long, global = true)]
    json: bool,

    /// No lines of progress
    #[arg(long, short, global = true)]
    quiet: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send all volumes once
    Run,
    /// Send all volumes now and after each interval
    Daemon,
    /// Make this agent's certificate if there is none, and print what the box has to know of it
    Enroll {
        /// Name of this system in the plan of the box; the name of this machine without it
        #[arg(long)]
        system: Option<String>,
    },
    /// See whether the volumes can be read, and the box be reached and knows this agent
    Check,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    daemon::run(|| run(&arguments))
}

fn run(arguments: &Arguments) -> Result<(), AgentError> {
    let config = Config::read(&arguments.config)?;
    let output = Output { json: arguments.json, quiet: arguments.quiet };
    let failed = |source| AgentError::File { path: "/proc/self".into(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(failed)?.block_on(async {
        match &arguments.command {
            Command::Run => {
                agent::run_once(&config, output, daemon::stopped().map_err(failed)?).await
            }
            Command::Daemon => {
                agent::daemon(&config, output, daemon::stopped().map_err(failed)?).await;
                Ok(())
            }
            Command::Enroll { system } => {
                let system = system.clone().unwrap_or_else(machine);
                agent::enroll(&config, &system, output)
            }
            Command::Check => agent::check(&config, output).await,
        }
    })
}

fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
