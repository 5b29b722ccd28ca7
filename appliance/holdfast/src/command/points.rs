//! `holdfast points`: list recovery points.

use disk::Access;
use futures_executor::block_on;
use model::Bytes;
use restore::RestorePoint;
use serde_json::json;

use crate::access::OpenPool;
use crate::arguments::Points;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(arguments: &Points, output: &Output) -> Result<(), Failure> {
    let pool = OpenPool::open(&arguments.pool, Access::ReadOnly, output)?;
    let access = pool.unlock(&arguments.unlock)?;
    let mut values = Vec::new();
    let mut lines = Vec::new();
    for point in pool.catalog.points() {
        let (system, trouble) = match block_on(RestorePoint::open(&access, point)) {
            Ok(opened) => (Some(opened.description.system), None),
            Err(error) => (None, Some(error.to_string())),
        };
        if arguments.system.is_some() && arguments.system != system {
            continue;
        }
        let volumes = point.volumes;
        values.push(json!({
            "point": point.id.to_string(),
            "system": system,
            "created": point.created.0,
            "volumes": volumes,
            "bytes_logical": point.logical_bytes,
            "bytes_added": point.added_bytes,
            "error": trouble,
        }));
        lines.push(format!(
            "{}  {}  {:>10}  +{:>10}  {}",
            point.id,
            point.created,
            Bytes(point.logical_bytes).to_string(),
            Bytes(point.added_bytes).to_string(),
            trouble.unwrap_or_else(|| system.unwrap_or_default()),
        ));
    }
    output.result(&json!({ "points": values }), || match lines.is_empty() {
        true => "no recovery points".to_owned(),
        false => lines.join("\n"),
    });
    Ok(())
}
