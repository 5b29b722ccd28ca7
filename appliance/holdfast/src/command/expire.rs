//! `holdfast expire`: remove what no policy keeps, and let go what was removed long enough ago.

use disk::Access;
use operations::{Expire, Failure};

use crate::access::{close, open, unlock};
use crate::arguments;
use crate::output::Output;
use crate::remote;

pub(crate) fn run(arguments: &arguments::Expire, output: &Output) -> Result<(), Failure> {
    if let Some(engine) = remote::reach(&arguments.pool)? {
        return remote::expire(&engine, arguments, output);
    }
    let mode = if arguments.dry_run { Access::ReadOnly } else { Access::ReadWrite };
    let pool = open(&arguments.pool, mode, output)?;
    let access = unlock(&pool, &arguments.unlock)?;
    let expire = Expire { system: arguments.system.clone(), dry_run: arguments.dry_run };
    let expired = expire.run(&pool, &access);
    let closed = close(&pool, output);
    let expired = expired?;
    closed?;
    output.result(&expired.json(), || expired.text());
    Ok(())
}
