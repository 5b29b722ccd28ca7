//! All automation of the project. One subcommand is one module; nothing is written in shell.
//!
//! `cargo xtask test` is what continuous integration runs and `cargo xtask demo` is what a
//! newcomer runs. Both install the Debian packages they need and say why, so that a fresh machine
//! with rustup's toolchain is enough. A task that fails prints one line and exits with 1.

mod axe;
mod bench;
mod cache;
mod compare;
mod debian;
mod demo;
mod error;
mod fuzz;
mod guest;
mod mounted;
mod process;
mod python;
mod run;
mod schemathesis;
mod service;
mod soak;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Result;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Automation of the project")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Protect a real Debian system, boot it from its recovery point, restore, damage and heal.
    Demo(demo::Args),
    /// Run the engine on this machine, with disks that are files and a bus of its own.
    Run(run::Args),
    /// Make the demo's disk images in an empty folder: a part of `demo`, in a process of its own.
    #[command(hide = true)]
    System { folder: PathBuf },
    /// Run the engine under systemd, in a container, and see that it does what its units say.
    Service(service::Args),
    /// Boot the container of `service`: a part of it, in name spaces of its own.
    #[command(hide = true)]
    Container {
        tree: PathBuf,
        state: PathBuf,
        #[command(flatten)]
        args: service::Args,
    },
    /// What is done in the container of `service`.
    #[command(hide = true)]
    Inside(service::Args),
    /// Prepare the guest whose disk the tests pull: a part of `test`.
    Guest,
    /// Run every check, installing the Debian packages that they need.
    Test,
    /// Compare with rivals and limits on the same images, in one table.
    Bench(bench::Args),
    /// Feed damaged bytes to everything that reads bytes.
    Fuzz(fuzz::Args),
    /// Run the campaigns of the tests from other seeds, for a long time.
    Soak(soak::Args),
    /// Check layers, lints, banned crates and words only.
    Tidy,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Demo(args) => demo::run(&args),
        Task::Run(args) => run::run(&args),
        Task::System { folder } => demo::make_system(&folder),
        Task::Service(args) => service::run(args),
        Task::Container { tree, state, args } => service::boot(&tree, &state, args),
        Task::Inside(args) => service::tell(args),
        Task::Guest => guest::prepare(),
        Task::Test => test::run(),
        Task::Bench(args) => bench::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Soak(args) => soak::run(&args),
        Task::Tidy => tidy::run(),
    }
}
