//! The end of an ingest: the recovery point's own record, and the event that makes it known.

use std::sync::Arc;

use catalog::{Catalog, Content, Point};
use format::segment::RecordKind;
use model::{Digest, PointId, Sequence, SystemId};
use record::{
    Description, RecordWriter, Result, SignalDescription, TenantAccess, VolumeContent,
    VolumeDescription,
};
use seal::Codec;

use crate::range::Done;
use crate::run::{Options, Report};
use crate::signals::{Measured, bits, judge};

/// Makes the recovery point of what was taken in.
#[derive(Debug)]
pub(crate) struct Finish<'a> {
    pub(crate) access: &'a Arc<TenantAccess>,
    pub(crate) catalog: &'a Catalog,
    pub(crate) options: &'a Options,
}

/// A volume or stream that was taken in.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) content: VolumeContent,
    /// What it is called.
    pub(crate) volume: String,
    pub(crate) bytes: u64,
    /// Where it came from, for people.
    pub(crate) name: String,
    pub(crate) root: Digest,
    /// What the nodes above the leaves added.
    pub(crate) tree_bytes: u64,
    pub(crate) total: Done,
    /// The parent has it, too: what is new in it has changed.
    pub(crate) compared: bool,
}

impl Taken {
    fn describe(&self) -> VolumeDescription {
        let total = &self.total;
        VolumeDescription {
            name: self.volume.clone(),
            content: self.content,
            bytes: self.bytes,
            source: self.name.clone(),
            data_bytes: total.data_bytes,
            new_chunks: total.new_chunks,
            new_bytes: total.new_bytes,
            changed_bytes: total.changed_bytes,
            dense_bytes: total.dense_bytes,
        }
    }
}

impl Finish<'_> {
    /// Makes one recovery point of all that was taken in. `parent` is the point that it was
    /// compared with. When this returns, it is durable.
    pub(crate) async fn commit(
        &self,
        writer: &mut RecordWriter,
        system: SystemId,
        taken: Vec<Taken>,
        parent: Option<PointId>,
    ) -> Result<Report> {
        let mut total = Done::default();
        taken.iter().for_each(|one| total.add(&one.total));
        let mut compared = Done::default();
        taken.iter().filter(|one| one.compared).for_each(|one| compared.add(&one.total));
        let signals = self.signals(system, &compared, parent);
        let description = self.describe(&taken, &signals);
        let roots: Vec<Digest> = taken.iter().map(|one| one.root).collect();
        let put = writer.put(RecordKind::Point, &roots, &description, Codec::Zstd).await?;
        let is_stream = taken.iter().any(|one| one.content == VolumeContent::Stream);
        let tree_bytes: u64 = taken.iter().map(|one| one.tree_bytes).sum();
        let mut point = Point {
            id: self.options.point,
            tenant: self.access.tenant(),
            system,
            record: put.digest,
            sequence: Sequence(0),
            created: self.options.now,
            content: if is_stream { Content::Stream } else { Content::Volumes },
            volumes: taken.len() as u16,
            logical_bytes: taken.iter().map(|one| one.bytes).sum(),
            added_bytes: total.stored_bytes + tree_bytes + put.stored_bytes,
            age: self.catalog.settle_age(self.options.uptime),
            changed_bytes: total.changed_bytes,
            dense_bytes: total.dense_bytes,
            signals: bits(&signals),
        };
        let clock = self.catalog.clock_event(self.options.uptime, self.options.now);
        self.access.store().commit(vec![Catalog::event(&point), clock]).await?;
        if let Some(known) = self.catalog.point(point.id) {
            point = known;
        }
        Ok(Report {
            point,
            data_bytes: total.data_bytes,
            new_chunks: total.new_chunks,
            new_bytes: total.new_bytes,
            parent,
            read_bytes: total.read_bytes,
            denied_bytes: total.denied_bytes,
            signals,
        })
    }

    /// Judges what was compared by the system's history, if that was with a point of the system.
    fn signals(
        &self,
        system: SystemId,
        total: &Done,
        parent: Option<PointId>,
    ) -> Vec<SignalDescription> {
        let tenant = self.access.tenant();
        let own = self.catalog.points().into_iter();
        let own = own.filter(|point| point.tenant == tenant && point.system == system);
        let own: Vec<Point> = own.collect();
        if !own.iter().any(|point| Some(point.id) == parent) {
            return Vec::new();
        }
        // The oldest is left out: if it was the first, all of it was new.
        let earlier = own.iter().skip(1);
        let earlier: Vec<Measured> = earlier
            .map(|point| Measured { changed: point.changed_bytes, dense: point.dense_bytes })
            .collect();
        let now = Measured { changed: total.changed_bytes, dense: total.dense_bytes };
        judge(&earlier, now, total.data_bytes)
    }

    fn describe(&self, taken: &[Taken], signals: &[SignalDescription]) -> Vec<u8> {
        let description = Description {
            system: self.options.system.clone(),
            volumes: taken.iter().map(Taken::describe).collect(),
            created: self.options.now.0,
            consistency: self.options.consistency,
            signals: signals.to_vec(),
            writer: format!("holdfast {}", env!("CARGO_PKG_VERSION")),
        };
        // Text and numbers always have a JSON form.
        serde_json::to_vec(&description).unwrap_or_default()
    }
}
