//! `holdfast kit`: the printed secret that opens the pool when everything else is lost.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use disk::Access;
use format::keyring::SlotKind;
use futures_executor::block_on;
use operations::{Failure, Secret, fill_random, now, unlock_keyring};
use seal::KitSecret;
use serde_json::json;

use crate::access::{close, open, secret};
use crate::arguments::{AskEngine, Io, Kit, KitAdd, KitList, KitProve, PoolDisks};
use crate::output::Output;
use crate::remote::disks_only;

pub(crate) fn run(kit: Kit, output: &Output) -> Result<(), Failure> {
    match kit {
        Kit::Prove(prove) => self::prove(prove, output),
        Kit::Add(add) => self::add(&add, output),
        Kit::List(list) => self::list(&list, output),
    }
}

fn prove(prove: KitProve, output: &Output) -> Result<(), Failure> {
    let disks = if prove.disks.is_empty() { prove.listed } else { prove.disks };
    let pool = PoolDisks { disks, ask: AskEngine::default(), degraded: false, io: Io::Auto };
    let mut pool = open(&pool, Access::ReadWrite, output)?;
    let slot = pool.keyring.prove_with_kit(&Secret::read_kit(&prove.kit_file)?, now())?;
    block_on(pool.store.set_keys(&pool.keyring.encode()))?;
    close(&pool, output)?;
    output.result(&json!({ "slot": slot, "proved": true }), || {
        "the kit opens this pool; recovery points can be made".to_owned()
    });
    Ok(())
}

fn add(add: &KitAdd, output: &Output) -> Result<(), Failure> {
    disks_only(&add.pool, "a new kit")?;
    let mut pool = open(&add.pool, Access::ReadWrite, output)?;
    let unlocked = unlock_keyring(&pool.keyring, &secret(&add.unlock)?)?;
    let mut random = |bytes: &mut [u8]| fill_random(bytes);
    let (slot, kit) = pool.keyring.add_kit(&unlocked.root, &add.label, now(), &mut random)?;
    write_kit(&add.kit_out, &kit)?;
    block_on(pool.store.set_keys(&pool.keyring.encode()))?;
    close(&pool, output)?;
    let value = json!({ "slot": slot, "kit_file": add.kit_out });
    output.result(&value, || {
        format!("slot {slot}: the kit is in {}; prove it next", add.kit_out.display())
    });
    Ok(())
}

fn list(list: &KitList, output: &Output) -> Result<(), Failure> {
    disks_only(&list.pool, "the list of kits")?;
    let pool = open(&list.pool, Access::ReadOnly, output)?;
    let slots: Vec<_> = pool.keyring.slots().collect();
    let value: Vec<_> = slots
        .iter()
        .map(|slot| {
            json!({
                "slot": slot.number,
                "kind": kind_name(slot.kind),
                "label": slot.label,
                "created": slot.created_at.0,
                "proved": slot.proved_at.map(|at| at.0),
            })
        })
        .collect();
    output.result(&json!({ "slots": value }), || {
        let lines = slots.iter().map(|slot| {
            let proved = slot.proved_at.map_or("never".to_owned(), |at| at.to_string());
            format!(
                "{:>3}  {:<12}  {:<32}  made {}  proved {proved}",
                slot.number,
                kind_name(slot.kind),
                slot.label,
                slot.created_at,
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn kind_name(kind: Option<SlotKind>) -> String {
    kind.map_or("unknown".to_owned(), |kind| format!("{kind:?}").to_lowercase())
}

/// Writes a kit to a new file that only its owner can read.
pub(crate) fn write_kit(path: &Path, kit: &KitSecret) -> Result<(), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => {
            let what = format!("{} exists already", path.display());
            Failure::new(what, "name a new file for the recovery kit")
        }
        _ => Failure::file(path, &error),
    };
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(
        file,
        "# Holdfast recovery kit. Whoever has it can read everything in the pool.\n\
         # Print it, lock it away outside the house, and delete this file.\n{}",
        kit.text().as_str()
    )
    .and_then(|()| file.sync_all())
    .map_err(failed)
}
