//! `holdfast points remove|return|hold|release|clear`.

use catalog::Change;
use disk::Access;
use model::PointId;
use serde_json::json;

use super::standing;
use crate::access::{close, open, unlock};
use crate::arguments::{PointsChange, PointsNamed};
use crate::output::Output;
use operations::Failure;

pub(super) fn run(change: &PointsChange, output: &Output) -> Result<(), Failure> {
    let (named, change) = match change {
        PointsChange::Remove(remove) => (&remove.named, Change::Remove { newest: remove.yes }),
        PointsChange::Return(named) => (named, Change::Return),
        PointsChange::Hold(named) => (named, Change::Hold),
        PointsChange::Release(named) => (named, Change::Release),
        PointsChange::Clear(named) => (named, Change::Clear),
    };
    make(named, change, output)
}

fn make(named: &PointsNamed, change: Change, output: &Output) -> Result<(), Failure> {
    let pool = open(&named.pool, Access::ReadWrite, output)?;
    let tenant = unlock(&pool, &named.unlock)?.tenant();
    let found = named.ids.iter().map(|typed| pool.find(tenant, typed).map(|point| point.id));
    let ids = found.collect::<Result<Vec<PointId>, Failure>>()?;
    let age = pool.age();
    let events = pool.catalog.change(&ids, change, age)?;
    let (changed, catalog) = (events.len(), pool.catalog.clone());
    pool.commit(events)?;
    close(&pool, output)?;
    let now = catalog.listed().into_iter().filter(|listed| ids.contains(&listed.point.id));
    let now: Vec<_> = now.collect();
    let values = now.iter().map(|listed| {
        json!({
            "point": listed.point.id.to_string(),
            "held": listed.held,
            "removed": listed.removed.is_some(),
            "goes_in_seconds": listed.removed.map(|removal| removal.due.saturating_sub(age)),
            "cleared": listed.cleared,
        })
    });
    let value = json!({ "points": values.collect::<Vec<_>>(), "changed": changed });
    output.result(&value, || {
        let lines = now.iter().map(|listed| match standing::text(listed, age) {
            text if text.is_empty() => format!("{}  kept as its policy says", listed.point.id),
            text => format!("{}{text}", listed.point.id),
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}
