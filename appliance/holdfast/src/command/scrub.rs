//! `holdfast scrub`: read everything in the background, heal what one disk has wrong, and keep the
//! place.

use disk::Access;
use operations::{Failure, Scrub, TokioPacer, scrub_history};

use crate::access::{close, open, unlock};
use crate::arguments;
use crate::interrupt;
use crate::output::Output;
use crate::progress::shown;
use crate::remote;

pub(crate) fn run(arguments: &arguments::Scrub, output: &Output) -> Result<(), Failure> {
    if let Some(engine) = remote::reach(&arguments.pool)? {
        return remote::scrub(&engine, arguments, output);
    }
    if arguments.history {
        let pool = open(&arguments.pool, Access::ReadOnly, output)?;
        let (value, text) = scrub_history(&pool.catalog.scrubs());
        output.result(&value, || text);
        return Ok(());
    }
    let pool = open(&arguments.pool, Access::ReadWrite, output)?;
    let access = unlock(&pool, &arguments.unlock)?;
    let (runtime, progress) = interrupt::stoppable()?;
    let pacer = TokioPacer::new(runtime.handle().clone(), &progress);
    let scrub = Scrub { duty: arguments.duty, run_for: arguments.run_for, new: arguments.new };
    let outcome =
        shown(output, "scrub", &progress, || scrub.run(&pool, &access, &progress, &pacer));
    let closed = close(&pool, output);
    let outcome = outcome?;
    closed?;
    output.outcome(outcome.failure(), &outcome.json(), || outcome.text())
}
