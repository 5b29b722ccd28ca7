//! `holdfast reclaim`: give back the room of what no recovery point needs.

use disk::Access;
use operations::{Failure, Reclaim};

use crate::access::{close, open, unlock};
use crate::arguments;
use crate::interrupt;
use crate::output::Output;
use crate::progress::shown;
use crate::remote;

pub(crate) fn run(arguments: &arguments::Reclaim, output: &Output) -> Result<(), Failure> {
    if let Some(engine) = remote::reach(&arguments.pool)? {
        return remote::reclaim(&engine, arguments, output);
    }
    let mode = if arguments.dry_run { Access::ReadOnly } else { Access::ReadWrite };
    let pool = open(&arguments.pool, mode, output)?;
    let access = unlock(&pool, &arguments.unlock)?;
    let (_runtime, progress) = interrupt::stoppable()?;
    let reclaim = Reclaim {
        least_dead_percent: u32::from(arguments.least_dead),
        most_moved_bytes: arguments.most.unwrap_or(u64::MAX),
        release_after: arguments.release_after,
        recompress: arguments.recompress,
        dry_run: arguments.dry_run,
    };
    let outcome = shown(output, "reclaim", &progress, || reclaim.run(&pool, &access, &progress));
    let closed = close(&pool, output);
    let outcome = outcome?;
    closed?;
    output.result(&outcome.json(), || outcome.text());
    Ok(())
}
