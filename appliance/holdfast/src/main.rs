//! The holdfast command: pools, recovery points, restores and exports at a shell.
//!
//! Every command prints for people, or with `--json` one JSON object in one line on standard
//! output; as the last line on standard error when standard output takes the data of a restore. A
//! failure is one line on standard error that says what is wrong and what to do, the fields
//! `error` and `next` of the object, and an exit code other than 0; nothing that was there before
//! is damaged by it. Only an export can print twice: when it serves, and if it cannot end well.

mod access;
mod arguments;
mod command;
mod confirm;
mod interrupt;
mod output;
mod passphrase;
mod progress;
mod remote;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::output::Output;
use operations::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json, arguments.quiet, arguments.fills_stdout());
    match run(arguments.command, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(failure);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Pool(pool) => command::pool::run(pool, output),
        Command::Disk(disk) => command::disk::run(disk, output),
        Command::Kit(kit) => command::kit::run(kit, output),
        Command::Ingest(ingest) => command::ingest::run(&ingest, output),
        Command::Points(points) => command::points::run(&points, output),
        Command::Policy(policy) => command::policy::run(policy, output),
        Command::Expire(expire) => command::expire::run(&expire, output),
        Command::Reclaim(reclaim) => command::reclaim::run(&reclaim, output),
        Command::Restore(restore) => command::restore::run(&restore, output),
        Command::Export(export) => command::export::run(&export, output),
        Command::Verify(verify) => command::verify::run(&verify, output),
        Command::Scrub(scrub) => command::scrub::run(&scrub, output),
        Command::Inspect(inspect) => command::inspect::run(&inspect, output),
        Command::Top(top) => command::top::run(&top, output),
        Command::Jobs(jobs) => remote::jobs(&jobs, output),
        Command::Alerts(alerts) => remote::alerts(&alerts, output),
        Command::Plan(plan) => remote::plan(&plan, output),
        Command::Systems(systems) => remote::systems(&systems, output),
        Command::Receive(receive) => remote::receive(&receive, output),
        Command::Unlock(unlock) => remote::unlock(&unlock, output),
        Command::Lock(on) => remote::lock(&on, output),
    }
}
