//! `holdfast restore`: give a recovery point back as a raw image.

use disk::Access;
use operations::{Failure, Place, Restore, volume_number};

use crate::access::{open, unlock};
use crate::arguments;
use crate::command::pool::confirm;
use crate::interrupt;
use crate::output::{Output, peak_memory};
use crate::progress::shown;
use crate::remote;

pub(crate) fn run(arguments: &arguments::Restore, output: &Output) -> Result<(), Failure> {
    if let Some(engine) = remote::reach(&arguments.pool)? {
        return remote::restore(&engine, arguments, output);
    }
    let pool = open(&arguments.pool, Access::ReadOnly, output)?;
    let access = unlock(&pool, &arguments.unlock)?;
    let point = pool.point(&access, &arguments.which.point)?;
    let volume = volume_number(&point, arguments.which.volume.as_deref())?;
    let (_runtime, progress) = interrupt::stoppable()?;
    if Place::of(&arguments.to) == Place::Device {
        confirm(&arguments.to, arguments.yes)?;
    }
    let restore = Restore { volume, to: arguments.to.clone() };
    let restored = shown(output, "restore", &progress, || restore.run(&point, &access, &progress))?;
    let mut value = restored.json();
    value["peak_memory_bytes"] = peak_memory().into();
    output.result(&value, || restored.text());
    Ok(())
}
