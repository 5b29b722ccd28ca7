//! Opening a recovery point.

use std::sync::Arc;

use catalog::Point;
use format::segment::RecordKind;
use model::Digest;
use record::{
    Description, RecordError, RecordReader, Result, Stream, TenantAccess, Volume, VolumeContent,
    VolumeDescription,
};
use store::Lease;

/// A recovery point with its description.
#[derive(Debug, Clone)]
pub struct RestorePoint {
    pub point: Point,
    pub description: Description,
    access: Arc<TenantAccess>,
    roots: Vec<Digest>,
    lease: Arc<Lease>,
}

impl RestorePoint {
    /// Reads the point's own record.
    pub async fn open(access: &Arc<TenantAccess>, point: Point) -> Result<Self> {
        let lease = Arc::new(access.store().lease(vec![point.record]));
        let mut reader = RecordReader::new(access)?;
        let record = reader.read(&point.record, RecordKind::Point).await?;
        let description: Description = serde_json::from_slice(&record.plain)
            .map_err(|_| RecordError::Kind { digest: point.record })?;
        if description.volumes.len() != record.refs.len() {
            return Err(RecordError::Shape);
        }
        Ok(Self { point, description, access: access.clone(), roots: record.refs, lease })
    }

    /// The volume with this number; `None` when there are fewer, or it is a stream.
    pub fn volume(&self, number: usize) -> Option<Volume> {
        let (root, described) = self.part(number)?;
        let is_volume = described.content == VolumeContent::Volume;
        is_volume.then(|| Volume::new(root, described.bytes))
    }

    /// The stream with this number; `None` when there are fewer, or it is a volume.
    pub fn stream(&self, number: usize) -> Option<Stream> {
        let (root, described) = self.part(number)?;
        let is_stream = described.content == VolumeContent::Stream;
        is_stream.then(|| Stream::new(root, described.bytes))
    }

    fn part(&self, number: usize) -> Option<(Digest, &VolumeDescription)> {
        Some((*self.roots.get(number)?, self.description.volumes.get(number)?))
    }

    /// Nothing of the point is taken away while somebody has this.
    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// Keys and store that it is read with.
    pub fn access(&self) -> &Arc<TenantAccess> {
        &self.access
    }
}
