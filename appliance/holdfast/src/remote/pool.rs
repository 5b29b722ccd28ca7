//! `holdfast pool status`, as the engine shows it.

use model::Bytes;
use operations::{Failure, member_json, member_text};
use serde_json::json;

use super::disk::members;
use super::engine::Engine;
use crate::output::Output;

pub(crate) fn status(engine: &Engine, output: &Output) -> Result<(), Failure> {
    let seen = engine.seen()?;
    let (appliance, pool) = (&seen.appliance, &seen.pool);
    let members = members(&seen)?;
    let full = u32::try_from(pool.days_until_full).ok();
    let value = json!({
        "pool": pool.id,
        "disks": members.iter().map(member_json).collect::<Vec<_>>(),
        "points": pool.points,
        "stored_bytes": pool.stored_bytes,
        "free_bytes": pool.free_bytes,
        "retired_bytes": pool.retired_bytes,
        "days_until_full": full,
        "capacity_bytes": pool.capacity_bytes,
        "segments": pool.segments,
        "kit_proved": pool.kit_proved,
        "engine": {
            "version": appliance.version,
            "state": appliance.state.as_str(),
            "verdict": appliance.verdict.as_str(),
            "open_alerts": appliance.open_alerts,
        },
    });
    output.result(&value, || {
        let disks: Vec<String> = members.iter().map(member_text).collect();
        let days = full.map(|days| format!(", full in {days} days at the present rate"));
        format!(
            "pool {}\n{}\n{} recovery points; {} stored, {} free of {}{}\n\
             recovery kit {}; engine {} is {}: {}, {} alerts open",
            pool.id,
            disks.join("\n"),
            pool.points,
            Bytes(pool.stored_bytes),
            Bytes(pool.free_bytes),
            Bytes(pool.capacity_bytes),
            days.unwrap_or_default(),
            if pool.kit_proved { "proved" } else { "not proved yet" },
            appliance.version,
            appliance.state,
            appliance.verdict,
            appliance.open_alerts,
        )
    });
    Ok(())
}
