//! `holdfast points remove|return|hold|release|clear`.

use catalog::Change;
use disk::Access;
use model::PointId;

use super::{Standing, changed_json, changed_text};
use crate::access::{close, open, unlock};
use crate::arguments::{PointsChange, PointsNamed};
use crate::output::Output;
use crate::remote;
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
    if let Some(engine) = remote::reach(&named.pool)? {
        return remote::change(&engine, &named.ids, change, output);
    }
    let pool = open(&named.pool, Access::ReadWrite, output)?;
    let tenant = unlock(&pool, &named.unlock)?.tenant();
    let found = named.ids.iter().map(|typed| pool.find(tenant, typed).map(|point| point.id));
    let ids = found.collect::<Result<Vec<PointId>, Failure>>()?;
    let age = pool.settle_age();
    let events = pool.catalog.change(&ids, change, age)?;
    let (changed, catalog) = (events.len(), pool.catalog.clone());
    pool.commit(events)?;
    close(&pool, output)?;
    let now = catalog.listed().into_iter().filter(|listed| ids.contains(&listed.point.id));
    let now = now.map(|listed| (listed.point.id.to_string(), Standing::of(&listed, age)));
    let now: Vec<_> = now.collect();
    output.result(&changed_json(&now, changed), || changed_text(&now));
    Ok(())
}
