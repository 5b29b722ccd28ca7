//! Whether the disks answer.

use disk::Buffer;
use futures_util::future::join_all;
use model::BLOCK;

use crate::Store;

impl Store {
    /// Comes to its end when every disk in service has answered a read of one block, well or with
    /// an error: what an error means is judged where data is wanted. While a disk does not answer
    /// at all this waits.
    pub async fn pulse(&self) {
        let members = self.inner.members.active();
        let reads = members.map(|(_, member)| member.disk.read(0, Buffer::zeroed(BLOCK)));
        join_all(reads).await;
    }
}
