//! `holdfast pool`: make a pool, tell how it is.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::disk::{Access, Disk};
use catalog::Catalog;
use futures_executor::block_on;
use model::{Bytes, PoolId, TenantId};
use operations::{
    Failure, Io, Secret, SystemRandom, create_file, fill_random, member_json, member_text, now,
    open_disk,
};
use seal::{Keyring, Strength};
use serde_json::json;
use store::{PoolLayout, Store, StoreError};

use crate::access::open;
use crate::arguments::{Pool, PoolCreate, PoolStatus};
use crate::command::kit::write_kit;
use crate::confirm;
use crate::output::Output;
use crate::passphrase;
use crate::remote;

pub(crate) fn run(pool: Pool, output: &Output) -> Result<(), Failure> {
    match pool {
        Pool::Create(create) => self::create(&create, output),
        Pool::Status(status) => self::status(&status, output),
    }
}

fn create(create: &PoolCreate, output: &Output) -> Result<(), Failure> {
    if create.kit_out.exists() {
        let what = format!("{} exists already", create.kit_out.display());
        return Err(Failure::new(what, "name a new file for the recovery kit"));
    }
    let passphrase = match &create.unlock.passphrase_file {
        Some(file) => Secret::read_passphrase(file)?,
        None => passphrase::ask(true)?.into(),
    };
    if let [first, second] = &create.disks[..]
        && first == second
    {
        return Err(StoreError::SameDisk { disk: first.display().to_string() }.into());
    }
    let mut pool_id = PoolId::default();
    fill_random(&mut pool_id.0);
    let (keyring, kit) = new_keyring(pool_id, &passphrase)?;
    let mut made = Made::default();
    let disks: Result<Vec<_>, Failure> =
        create.disks.iter().map(|path| take_disk(path, create, &mut made)).collect();
    let disks = disks?;
    let smallest = disks.iter().map(|disk| disk.size()).min().unwrap_or(0);
    let layout = PoolLayout::for_disk(smallest);
    let catalog: Arc<Catalog> = Arc::default();
    write_kit(&create.kit_out, &kit)?;
    made.0.push(create.kit_out.clone());
    let keys = keyring.encode();
    let names: Vec<String> = disks.iter().map(|disk| disk.name().to_owned()).collect();
    let making = Store::create(disks, layout, &keys, pool_id, Arc::new(SystemRandom), catalog);
    let store = block_on(making)?;
    made.keep();
    let status = store.status();
    let value = json!({
        "pool": pool_id.to_string(),
        "disks": names,
        "capacity_bytes": status.capacity_bytes,
        "kit_file": create.kit_out,
    });
    output.result(&value, || {
        format!(
            "pool {pool_id} with {} on {}\n\
             The recovery kit is in {}: print it, lock it away, and prove it with\n\
             holdfast kit prove --kit-file {} {}",
            Bytes(status.capacity_bytes),
            names.join(" and "),
            create.kit_out.display(),
            create.kit_out.display(),
            names.join(" "),
        )
    });
    Ok(())
}

fn new_keyring(pool_id: PoolId, passphrase: &str) -> Result<(Keyring, seal::KitSecret), Failure> {
    let mut random = |bytes: &mut [u8]| fill_random(bytes);
    let (mut keyring, root) = Keyring::create(pool_id, &mut random);
    let strength = Strength::default();
    keyring.add_passphrase(&root, passphrase, strength, "passphrase", now(), &mut random)?;
    let (_, kit) = keyring.add_kit(&root, "recovery kit", now(), &mut random)?;
    let mut tenant = TenantId::default();
    fill_random(&mut tenant.0);
    keyring.add_tenant(&root, tenant, now(), &mut random)?;
    Ok((keyring, kit))
}

/// Files that a command made. They are removed again unless it succeeds: until then they hold and
/// open nothing.
#[derive(Debug, Default)]
struct Made(Vec<PathBuf>);

impl Made {
    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in &self.0 {
            // The failure that led here is the one to report.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Opens a device, after asking for what would be lost, or makes a file.
fn take_disk(path: &Path, create: &PoolCreate, made: &mut Made) -> Result<Arc<dyn Disk>, Failure> {
    let is_device = std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_block_device());
    if is_device {
        confirm(path, create.yes)?;
    } else {
        let size = create.size.ok_or_else(|| {
            let what = format!("{} is not a block device and has no size", path.display());
            Failure::new(what, "add --size to make a file of that size")
        })?;
        create_file(path, size / model::BLOCK_U64 * model::BLOCK_U64)?;
        made.0.push(path.to_owned());
    }
    open_disk(path, Access::ReadWrite, Io::Auto)
}

/// Asks before what is on a device is lost.
pub(crate) fn confirm(path: &Path, yes: bool) -> Result<(), Failure> {
    let (refusal, warning) = (
        format!("everything on {} would be lost", path.display()),
        format!("Everything on {} will be lost", path.display()),
    );
    confirm::confirm(&refusal, &warning, yes)
}

fn status(status: &PoolStatus, output: &Output) -> Result<(), Failure> {
    if let Some(engine) = remote::reach(&status.pool)? {
        return remote::status(&engine, output);
    }
    let pool = open(&status.pool, Access::ReadOnly, output)?;
    let status = pool.store.status();
    let points = pool.catalog.points();
    let members = block_on(pool.store.members());
    let disks = members.iter().map(member_json);
    let full = catalog::days_until_full(&points, pool.age(), status.free_bytes);
    let value = json!({
        "pool": status.pool_id.to_string(),
        "disks": disks.collect::<Vec<_>>(),
        "points": points.len(),
        "stored_bytes": status.stored_bytes,
        "free_bytes": status.free_bytes,
        "retired_bytes": status.retired_bytes,
        "days_until_full": full,
        "capacity_bytes": status.capacity_bytes,
        "segments": status.segments,
        "segment_bytes": status.segment_bytes,
        "records": status.records,
        "index_bytes": status.index_bytes,
        "kit_proved": pool.keyring.has_proved_kit(),
    });
    output.result(&value, || {
        let disks = members.iter().map(member_text);
        let full = full.map(|days| format!(", full in {days:.0} days at the present rate"));
        format!(
            "pool {}\n{}\n{} recovery points in {} records; {} stored, {} free of {}{}\n\
             index {} in memory; recovery kit {}",
            status.pool_id,
            disks.collect::<Vec<_>>().join("\n"),
            points.len(),
            status.records,
            Bytes(status.stored_bytes),
            Bytes(status.free_bytes),
            Bytes(status.capacity_bytes),
            full.unwrap_or_default(),
            Bytes(status.index_bytes),
            if pool.keyring.has_proved_kit() { "proved" } else { "not proved yet" },
        )
    });
    Ok(())
}
