//! `holdfast verify`: read everything, check it, heal what one disk has wrong.

use disk::Access;
use operations::{Failure, Verify};

use crate::access::{close, open, unlock};
use crate::arguments;
use crate::interrupt;
use crate::output::Output;
use crate::progress::shown;
use crate::remote;

pub(crate) fn run(arguments: &arguments::Verify, output: &Output) -> Result<(), Failure> {
    if let Some(engine) = remote::reach(&arguments.pool)? {
        return remote::verify(&engine, arguments, output);
    }
    let mode = if arguments.no_heal { Access::ReadOnly } else { Access::ReadWrite };
    let pool = open(&arguments.pool, mode, output)?;
    let access = unlock(&pool, &arguments.unlock)?;
    let (_runtime, progress) = interrupt::stoppable()?;
    let verify = Verify { deep: arguments.deep, no_heal: arguments.no_heal };
    let verified = shown(output, "verify", &progress, || verify.run(&pool, &access, &progress));
    let closed = close(&pool, output);
    let verified = verified?;
    closed?;
    output.outcome(verified.failure(), &verified.json(), || verified.text())
}
