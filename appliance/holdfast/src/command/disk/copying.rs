//! Copying what disks lack, at the pace that was asked for.

use std::num::NonZeroU64;

use operations::{Failure, OpenPool, Resync, ResyncNext, ResyncOutcome, TokioPacer};

use crate::access::close;
use crate::interrupt;
use crate::output::Output;
use crate::progress::shown;

/// Copies, ends the use of the pool, and tells.
pub(super) fn fill(
    pool: &OpenPool,
    rate: Option<NonZeroU64>,
    output: &Output,
) -> Result<(), Failure> {
    let copied = copy(pool, rate, output)?;
    close(pool, output)?;
    let failure = copied.failure(ResyncNext::default());
    output.outcome(failure, &copied.json(), || copied.text())
}

/// Copies until it is done or asked to stop.
pub(super) fn copy(
    pool: &OpenPool,
    rate: Option<NonZeroU64>,
    output: &Output,
) -> Result<ResyncOutcome, Failure> {
    let (runtime, progress) = interrupt::stoppable()?;
    let pacer = TokioPacer::new(runtime.handle().clone(), &progress);
    shown(output, "resync", &progress, || Resync { rate }.run(pool, &progress, &pacer))
}
