//! From what was typed to an open pool and its keys.

use std::sync::Arc;

use disk::{Access, Disk};
use operations::{Failure, OpenPool, Secret};
use record::TenantAccess;

use crate::arguments::{Cipher, PoolDisks, Unlock};
use crate::output::Output;
use crate::passphrase;
use crate::remote;

/// Opens a pool, and says which of its disks are not used.
pub(crate) fn open(disks: &PoolDisks, mode: Access, output: &Output) -> Result<OpenPool, Failure> {
    let pool = OpenPool::open(&disks.wanted(), mode);
    let pool = pool.map_err(|failure| remote::by_engine(failure, &disks.disks))?;
    tell_stale_disks(&pool, output);
    Ok(pool)
}

/// As [`open`], to write, on disks that were opened already.
pub(crate) fn open_on(
    disks: Vec<Arc<dyn Disk>>,
    named: &PoolDisks,
    output: &Output,
) -> Result<OpenPool, Failure> {
    let pool = OpenPool::open_on(disks, named.degraded, Access::ReadWrite)?;
    tell_stale_disks(&pool, output);
    Ok(pool)
}

fn tell_stale_disks(pool: &OpenPool, output: &Output) {
    for disk in &pool.stale {
        let next = "`holdfast disk return` takes it back";
        output.note(&format!("{disk} is stale and is not used; {next}"));
    }
}

/// Unlocks the keys of the pool's tenant.
pub(crate) fn unlock(pool: &OpenPool, unlock: &Unlock) -> Result<Arc<TenantAccess>, Failure> {
    let backend = match unlock.cipher {
        None => seal::Backend::default(),
        Some(Cipher::AesGcm) => seal::Backend::AesGcm,
        Some(Cipher::AwsLc) => seal::Backend::AwsLc,
    };
    pool.unlock(&secret(unlock)?, backend)
}

/// The passphrase or kit that was named, or typed.
pub(crate) fn secret(unlock: &Unlock) -> Result<Secret, Failure> {
    match (&unlock.kit_file, &unlock.passphrase_file) {
        (Some(file), _) => Secret::kit_file(file),
        (None, Some(file)) => Secret::passphrase_file(file),
        (None, None) => Ok(Secret::passphrase(passphrase::ask(false)?)),
    }
}

/// Ends the use of a pool, and says which disks failed since it was opened, also those that fail at
/// the very end. A pool that cannot end well says so itself: it does not go on without them.
pub(crate) fn close(pool: &OpenPool, output: &Output) -> Result<(), Failure> {
    pool.close()?;
    tell_failed_disks(pool, output);
    Ok(())
}

/// Says which disks failed since the pool was opened, with the next step.
fn tell_failed_disks(pool: &OpenPool, output: &Output) {
    for disk in pool.failed_disks() {
        output.note(&format!(
            "{disk} failed, and the pool goes on without it: see what is wrong with it, then \
             `holdfast disk return` it or `holdfast disk replace` it"
        ));
    }
}
