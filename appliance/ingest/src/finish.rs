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

/// What was taken in.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) content: VolumeContent,
    pub(crate) bytes: u64,
    /// Where it came from, for people.
    pub(crate) name: String,
    pub(crate) root: Digest,
    /// What the nodes above the leaves added.
    pub(crate) tree_bytes: u64,
    pub(crate) total: Done,
    /// The point that it was compared with.
    pub(crate) parent: Option<PointId>,
}

impl Finish<'_> {
    /// When this returns, the recovery point is durable.
    pub(crate) async fn commit(
        &self,
        writer: &mut RecordWriter,
        system: SystemId,
        taken: Taken,
    ) -> Result<Report> {
        let total = &taken.total;
        let signals = self.signals(system, total, taken.parent);
        let description = self.describe(&taken, &signals);
        let put = writer.put(RecordKind::Point, &[taken.root], &description, Codec::Zstd).await?;
        let mut point = Point {
            id: self.options.point,
            tenant: self.access.tenant(),
            system,
            record: put.digest,
            sequence: Sequence(0),
            created: self.options.now,
            content: match taken.content {
                VolumeContent::Volume => Content::Volumes,
                VolumeContent::Stream => Content::Stream,
            },
            volumes: 1,
            logical_bytes: taken.bytes,
            added_bytes: total.stored_bytes + taken.tree_bytes + put.stored_bytes,
            age: self.catalog.age(self.options.uptime),
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
            parent: taken.parent,
            read_bytes: total.read_bytes,
            denied_bytes: total.denied_bytes,
            signals,
        })
    }

    /// Judges the point by the system's history, if it was compared with a point of the system.
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

    fn describe(&self, taken: &Taken, signals: &[SignalDescription]) -> Vec<u8> {
        let total = &taken.total;
        let description = Description {
            system: self.options.system.clone(),
            volumes: vec![VolumeDescription {
                name: self.options.volume.clone(),
                content: taken.content,
                bytes: taken.bytes,
                source: taken.name.clone(),
                data_bytes: total.data_bytes,
                new_chunks: total.new_chunks,
                new_bytes: total.new_bytes,
                changed_bytes: total.changed_bytes,
                dense_bytes: total.dense_bytes,
            }],
            created: self.options.now.0,
            consistency: self.options.consistency,
            signals: signals.to_vec(),
            writer: format!("holdfast {}", env!("CARGO_PKG_VERSION")),
        };
        // Text and numbers always have a JSON form.
        serde_json::to_vec(&description).unwrap_or_default()
    }
}
