//! Reclaim in a pool without room for anything else.

use format::segment::RecordKind;
use model::{Digest, TenantId};

use super::disks::block_on;
use super::fixture::{create, machine, writer_keys};
use crate::{
    Moving, NewRecord, Reclaim, ReclaimOptions, Reclaimed, RecordPlace, RecordView, Resealer,
    SegmentWriter, Store, StoreError, WriterKeys,
};

/// Bytes of a record: about 40 of them fill a segment.
pub(super) const RECORD_BYTES: usize = 700;

/// Rounds of reclaim and release within which a full pool must be as empty as it can be: each has
/// more room than the one before.
const ROUNDS: usize = 16;

pub(super) const OPTIONS: ReclaimOptions =
    ReclaimOptions { least_dead_percent: 20, most_moved_bytes: u64::MAX, age: 0 };

/// Moves records as they are.
pub(super) struct AsTheyAre;

impl Resealer for AsTheyAre {
    fn keys(&mut self, tenant: TenantId) -> crate::Result<WriterKeys> {
        Ok(writer_keys(tenant.0[0]))
    }

    fn open(&mut self, view: RecordView<'_>) -> Option<Vec<u8>> {
        Some(view.payload.to_vec())
    }

    fn overhead(&self) -> usize {
        0
    }

    fn squeeze(&mut self, _: TenantId, _: &Moving<'_>, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn seal(
        &mut self,
        _: &RecordPlace,
        record: &Moving<'_>,
        opened: Vec<u8>,
    ) -> crate::Result<Vec<u8>> {
        Ok(record.refs.iter().flat_map(|digest| digest.0).chain(opened).collect())
    }
}

/// Appends a record of this kind whose contents follow from its number.
pub(super) async fn put(
    writer: &mut SegmentWriter,
    kind: RecordKind,
    refs: &[Digest],
    number: u64,
) -> crate::Result<Digest> {
    let mut stored: Vec<u8> = refs.iter().flat_map(|digest| digest.0).collect();
    let mut payload = [0; RECORD_BYTES];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut payload);
    stored.extend(payload);
    let digest = Digest(*blake3::hash(&stored).as_bytes());
    writer.place(stored.len()).await?;
    writer.append(NewRecord { kind, digest, refs: refs.len(), stored: &stored }).await?;
    Ok(digest)
}

pub(super) async fn marked(store: &Store, roots: &[Digest]) -> Reclaim<'static> {
    store.begin_reclaim().mark(roots.to_vec(), &mut |_| true).await.unwrap()
}

/// Fills the pool with records of two tenants; gives them in order.
async fn fill(store: &Store) -> Vec<Digest> {
    let mut writers = [store.writer(writer_keys(1)), store.writer(writer_keys(2))];
    let mut digests = Vec::new();
    loop {
        let number = digests.len();
        match put(&mut writers[number % 2], RecordKind::Chunk, &[], number as u64).await {
            Ok(digest) => digests.push(digest),
            Err(StoreError::Full) => break,
            Err(error) => panic!("{error}"),
        }
    }
    for mut writer in writers {
        writer.seal().await;
    }
    store.commit(Vec::new()).await.unwrap();
    digests
}

#[test]
fn a_full_pool_is_emptied_round_by_round_whatever_part_of_it_is_dead() {
    for (needed, of) in [(1, 4), (1, 2), (3, 4)] {
        let machine = machine(2, 64);
        block_on(async {
            let (store, _) = create(machine.disks(), 1).await.unwrap();
            let mut digests = fill(&store).await;
            assert_eq!(store.status().free_bytes, 0);
            let mut count = 0;
            digests.retain(|_| {
                count += 1;
                count / 2 % of < needed
            });
            let mut rounds = 0;
            loop {
                let reclaim = marked(&store, &digests).await;
                if reclaim.plan(&OPTIONS).victims == 0 {
                    break;
                }
                rounds += 1;
                assert!(rounds <= ROUNDS, "{needed} of {of} needed");
                let done = reclaim.run(&OPTIONS, &mut AsTheyAre, &mut |_| true).await.unwrap();
                assert!(done.retired_segments > 0, "{done:?}");
                assert!(rounds > 1 || done.short_of_room, "not all at once: {done:?}");
                store.release_retired(u64::MAX).await.unwrap();
            }
            assert!(rounds > 1);
            for digest in &digests {
                store.read(digest).await.unwrap();
            }
            // The room is for others now.
            let mut writer = store.writer(writer_keys(1));
            assert!(put(&mut writer, RecordKind::Chunk, &[], u64::MAX).await.is_ok());
        });
    }
}

#[test]
fn without_room_for_a_single_segment_reclaim_says_so_and_changes_nothing() {
    let machine = machine(1, 64);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let all = fill(&store).await.into_iter().enumerate();
        let digests: Vec<Digest> =
            all.filter(|(at, _)| at / 2 % 2 == 0).map(|(_, digest)| digest).collect();
        let run = async || {
            marked(&store, &digests).await.run(&OPTIONS, &mut AsTheyAre, &mut |_| true).await
        };
        // Nothing is released in between.
        let first: Reclaimed = run().await.unwrap();
        assert!(first.short_of_room && first.retired_segments > 0, "{first:?}");
        let mut last = Ok(first);
        while last.as_ref().is_ok_and(|done| done.retired_segments > 0) {
            last = run().await;
        }
        assert!(matches!(last, Err(StoreError::Full)), "{last:?}");
        let before = store.status();
        assert!(matches!(run().await, Err(StoreError::Full)));
        assert_eq!(store.status().stored_bytes, before.stored_bytes, "nothing was copied in vain");
        store.release_retired(u64::MAX).await.unwrap();
        assert!(run().await.unwrap().retired_segments > 0);
        for digest in &digests {
            store.read(digest).await.unwrap();
        }
    });
}
