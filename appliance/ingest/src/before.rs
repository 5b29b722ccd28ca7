//! The recovery point that an ingest is compared with: which volumes it has.

use catalog::{Content, Point};
use format::segment::RecordKind;
use futures_executor::block_on;
use model::{Digest, PointId, SystemId};
use record::{Description, RecordReader, Result};
use store::Lease;

use crate::run::{Ingest, NewVolume, Parent};

/// A parent as far as an ingest needs it.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) point: PointId,
    /// Name, root, and size in bytes of each volume.
    volumes: Vec<(String, Digest, u64)>,
}

impl Before {
    /// The volume that a new one called `name` is compared with. One that was always alone may
    /// have got another name.
    pub(crate) fn of(&self, name: &str, new: &[NewVolume<'_>]) -> Option<(Digest, u64)> {
        let mut named = self.volumes.iter().filter(|(own, _, _)| own == name);
        let found = named.next().filter(|_| named.next().is_none());
        let alone = || match (self.volumes.as_slice(), new) {
            ([only], [_]) => Some(only),
            _ => None,
        };
        found.or_else(alone).map(|(_, root, bytes)| (*root, *bytes))
    }
}

/// The parent point, and a lease on what it leads to.
pub(crate) fn leased(ingest: &Ingest<'_>, system: SystemId) -> Result<(Option<Before>, Lease)> {
    let store = ingest.access.store();
    let before = before(ingest, system)?;
    let volumes = before.iter().flat_map(|before| &before.volumes);
    let lease = store.lease(volumes.map(|(_, root, _)| *root).collect());
    // One that went before the lease was there may have been reclaimed.
    if before.as_ref().is_none_or(|before| ingest.catalog.point(before.point).is_some()) {
        return Ok((before, lease));
    }
    Ok((None, store.lease(Vec::new())))
}

fn before(ingest: &Ingest<'_>, system: SystemId) -> Result<Option<Before>> {
    let point = match ingest.options.parent {
        Parent::Newest => ingest.catalog.newest(ingest.access.tenant(), system),
        Parent::None => None,
        Parent::Point(point) => Some(point),
    };
    let Some(point) = point.filter(|point| point.content == Content::Volumes) else {
        return Ok(None);
    };
    let mut reader = RecordReader::new(ingest.access)?;
    // A parent that cannot be read is no parent: the ingest costs more, and heals.
    let Ok(record) = block_on(reader.read(&point.record, RecordKind::Point)) else {
        return Ok(None);
    };
    Ok(volumes(&point, &record.plain, &record.refs))
}

fn volumes(point: &Point, plain: &[u8], roots: &[Digest]) -> Option<Before> {
    let described: Description = serde_json::from_slice(plain).ok()?;
    let named = described.volumes.into_iter().zip(roots);
    let volumes = named.map(|(volume, root)| (volume.name, *root, volume.bytes));
    Some(Before { point: point.id, volumes: volumes.collect() })
}
