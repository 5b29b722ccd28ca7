//! The pool: the disks that hold the store, taken together.

use super::view;
use crate::place::Place;
use crate::word::words;

words! {
    /// What the pool can do.
    PoolState {
        /// It is not open.
        Closed = "closed",
        /// Every disk is there and has everything.
        Complete = "complete",
        /// Every disk is there; some are still being filled.
        Syncing = "syncing",
        /// A disk is missing or failed. Everything can be read and written all the same.
        Degraded = "degraded",
        /// It takes no more writes, after a failed one or because too few disks are there.
        Stopped = "stopped",
    }
}

view! {
    /// The pool: the disks that hold the store, taken together. There is no such object on an
    /// appliance without a pool.
    PoolView on "org.holdfast.Pool1" at |_view| Some(Place::Pool);

    /// The id of the pool, in hexadecimal digits.
    Constant id: String = "Id";
    /// What the pool can do.
    State state: PoolState = "State";
    /// There is no room for another ingest. What is stored can be restored.
    State full: bool = "Full";
    /// Whether a recovery kit was proved by opening the pool with it. Without one there is no first
    /// recovery point.
    State kit_proved: bool = "KitProved";
    /// What the pool can hold.
    State capacity_bytes: u64 = "CapacityBytes";
    /// What the store takes.
    Progress stored_bytes: u64 = "StoredBytes";
    /// What can be written at once.
    Progress free_bytes: u64 = "FreeBytes";
    /// Retired by reclaim, and free once it is old enough.
    Progress retired_bytes: u64 = "RetiredBytes";
    /// What no recovery point needs any more, as far as the last count knew. Reclaim frees it.
    State reclaimable_bytes: u64 = "ReclaimableBytes";
    /// When that was counted.
    State reclaimable_counted_at: u64 = "ReclaimableCountedAt";
    /// Days until the pool is full if it goes on as in the last weeks; -1 if that is not in sight.
    State days_until_full: i32 = "DaysUntilFull";
    /// The sizes of all volumes of all recovery points, added up.
    State logical_bytes: u64 = "LogicalBytes";
    /// Recovery points in the catalog.
    State points: u32 = "Points";
    /// Segments in use.
    Progress segments: u64 = "Segments";
    /// Damaged copies that the last scrub or verify found and healed from another disk.
    State healed_records: u64 = "HealedRecords";
    /// Damaged copies that could not be healed yet, while another one is good.
    State damaged_records: u64 = "DamagedRecords";
    /// Records of which no good copy is left. Recovery points that need one are `Broken`.
    State lost_records: u64 = "LostRecords";
    /// When the last scrub came to its end.
    State last_scrub_at: u64 = "LastScrubAt";
    /// When the last reclaim came to its end.
    State last_reclaim_at: u64 = "LastReclaimAt";
    /// When retention was last applied.
    State last_expire_at: u64 = "LastExpireAt";
    /// When all recovery points were last verified.
    State last_verify_at: u64 = "LastVerifyAt";
}
