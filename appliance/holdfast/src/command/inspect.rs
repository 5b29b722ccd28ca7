//! `holdfast inspect`: what is on one disk, without keys and without its pool.

use disk::{Access, Buffer};
use format::geometry::{CELL_BYTES, EDGE_BYTES, SUPERBLOCK_SLOTS};
use format::superblock::{MEMBER_ACTIVE, Superblock};
use futures_executor::block_on;
use model::{BLOCK, Bytes};
use operations::{Failure, Io, open_disk};
use serde_json::{Value, json};

use crate::arguments::Inspect;
use crate::output::Output;

pub(crate) fn run(arguments: &Inspect, output: &Output) -> Result<(), Failure> {
    let disk = open_disk(&arguments.disk, Access::ReadOnly, Io::Auto)?;
    let mut values = Vec::new();
    let mut lines = Vec::new();
    for slot in 0..SUPERBLOCK_SLOTS {
        let edge = if slot < 2 { Some(0) } else { disk.size().checked_sub(EDGE_BYTES) };
        let offset = edge.unwrap_or(0) + u64::from(slot % 2) * CELL_BYTES;
        let block = block_on(disk.read(offset, Buffer::zeroed(BLOCK)));
        let decoded = match block {
            Ok(block) => Superblock::decode(&block, slot).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match decoded {
            Ok(superblock) => {
                values.push(describe(slot, offset, &superblock));
                lines.push(show(slot, offset, &superblock));
            }
            Err(error) => {
                values.push(json!({ "copy": slot, "offset": offset, "error": error }));
                lines.push(format!("copy {slot} at {offset}: {error}"));
            }
        }
    }
    let value = json!({ "disk": disk.name(), "bytes": disk.size(), "superblocks": values });
    output.result(&value, || {
        format!("{} with {}\n{}", disk.name(), Bytes(disk.size()), lines.join("\n"))
    });
    Ok(())
}

fn describe(slot: u8, offset: u64, superblock: &Superblock) -> Value {
    let members = superblock.member_list().iter().map(|member| {
        json!({ "disk": member.disk_id.to_string(), "active": member.state == MEMBER_ACTIVE })
    });
    json!({
        "copy": slot,
        "offset": offset,
        "format": superblock.version,
        "pool": superblock.pool_id.to_string(),
        "disk": superblock.disk_id.to_string(),
        "member": superblock.member,
        "members": members.collect::<Vec<_>>(),
        "generation": superblock.generation,
        "epoch": superblock.epoch.0,
        "segment_bytes": superblock.segment_bytes,
        "log_bytes": superblock.log_bytes,
        "checkpoint_slot": superblock.checkpoint_slot,
        "replay_sequence": superblock.replay_sequence.0,
        "closed": superblock.closed == 1,
    })
}

fn show(slot: u8, offset: u64, superblock: &Superblock) -> String {
    format!(
        "copy {slot} at {offset}: format {}, pool {}, disk {} of {}, generation {}, epoch {}, \
         segments of {}, log of {}, checkpoint in slot {}, log from {}{}",
        superblock.version,
        superblock.pool_id,
        superblock.member + 1,
        superblock.member_count,
        superblock.generation,
        superblock.epoch,
        Bytes(u64::from(superblock.segment_bytes)),
        Bytes(superblock.log_bytes),
        superblock.checkpoint_slot,
        superblock.replay_sequence,
        if superblock.closed == 1 { ", closed" } else { ", open" },
    )
}
