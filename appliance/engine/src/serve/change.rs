//! Changes of the catalog: expiry, holds, removals.

use std::sync::Arc;

use ::catalog::Change;
use bus::{Command, Fate, Refusal, RefusalKind, Reply};
use operations::{Expire, Failure};

use super::catalog;
use super::commands::{failed, locked, panicked};
use crate::engine::Engine;

/// Removes what no policy keeps, or says what would go.
pub(super) async fn expire(engine: &Arc<Engine>, dry_run: bool) -> Result<Reply, Refusal> {
    let access = engine.access().ok_or_else(locked)?;
    let own = engine.clone();
    let expired = tokio::task::spawn_blocking(move || {
        Expire { system: None, dry_run }.run(&own.pool, &access)
    });
    let expired = expired.await.map_err(|_| panicked())?.map_err(failed)?;
    if !dry_run {
        engine.expired();
        catalog::show(engine).await;
        engine.refresh.notify_one();
    }
    let fates = expired.fates().map(|(point, verdict, reason)| Fate {
        point,
        verdict: verdict.to_owned(),
        reason,
    });
    Ok(Reply::Fates(fates.collect()))
}

/// Changes what becomes of one recovery point.
pub(super) async fn point(engine: &Arc<Engine>, command: Command) -> Result<Reply, Refusal> {
    let (point, change) = match command {
        Command::HoldPoint { point, .. } => (point, Change::Hold),
        Command::ReleasePoint { point, .. } => (point, Change::Release),
        Command::RemovePoint { point, .. } => (point, Change::Remove { newest: false }),
        Command::RemoveNewestPoint { point, .. } => (point, Change::Remove { newest: true }),
        Command::ReturnPoint { point } => (point, Change::Return),
        Command::ClearPoint { point } => (point, Change::Clear),
        _ => return Err(panicked()),
    };
    if engine.pool.catalog.point(point).is_none() {
        let problem = format!("there is no recovery point {point}");
        return Err(Refusal::new(RefusalKind::NotFound, problem, "list the points again"));
    }
    let own = engine.clone();
    let changed = tokio::task::spawn_blocking(move || {
        let pool = &own.pool;
        let age = pool.settle_age();
        let events = pool.catalog.change(&[point], change, age).map_err(Failure::from)?;
        pool.commit(events)
    });
    changed.await.map_err(|_| panicked())?.map_err(failed)?;
    // Who asked finds the point as it is now.
    catalog::show(engine).await;
    engine.refresh.notify_one();
    Ok(Reply::Done)
}
