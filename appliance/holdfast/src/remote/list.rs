//! `holdfast points`, as the engine shows them.

use model::{Consistency, WallTime};
use operations::Failure;

use super::engine::Engine;
use crate::arguments::Points;
use crate::command::points::{PointLine, Standing, list_json, list_text};
use crate::output::Output;

pub(crate) fn run(engine: &Engine, points: &Points, output: &Output) -> Result<(), Failure> {
    let seen = engine.seen()?;
    if let Some(name) = &points.system {
        seen.system(name)?;
    }
    let mut lines = Vec::new();
    for point in &seen.points {
        let system = seen.system_of(point).map(str::to_owned);
        if points.system.is_some() && points.system != system {
            continue;
        }
        lines.push(PointLine {
            id: point.id.clone(),
            system,
            created: WallTime(point.created_at),
            age: None,
            content: point.content.clone(),
            volumes: point.volumes.len() as u64,
            logical: point.logical_bytes,
            added: point.added_bytes,
            consistency: Consistency::parse(&point.consistency).unwrap_or_default(),
            standing: Standing::shown(point),
            trouble: point.broken.then(|| "something that it needs is lost".to_owned()),
        });
    }
    output.result(&list_json(&lines), || list_text(&lines));
    Ok(())
}
