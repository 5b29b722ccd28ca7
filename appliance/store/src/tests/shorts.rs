//! Segments that were ended before they were full, and what reclaim makes of them.

use format::segment::RecordKind;
use model::Digest;

use super::disks::block_on;
use super::emptying::{AsTheyAre, OPTIONS, marked, put};
use super::fixture::{create, machine, open, writer_keys};
use crate::{OpenOptions, Reclaimed, Store};

/// Lives of a process that writes a little.
const LIVES: u64 = 8;

/// Reclaims of a full pool: each has more room than the one before.
const ROUNDS: usize = 24;

/// Records of each, about a tenth of a segment.
const RECORDS: u64 = 4;

/// Appends some records and leaves their segment as it is.
async fn live(store: &Store, life: u64, digests: &mut Vec<Digest>) {
    let mut writer = store.writer(writer_keys(1));
    for number in life * RECORDS..(life + 1) * RECORDS {
        digests.push(put(&mut writer, RecordKind::Chunk, &[], number).await.unwrap());
    }
    store.commit(Vec::new()).await.unwrap();
}

async fn reclaimed(store: &Store, digests: &[Digest]) -> Reclaimed {
    let reclaim = marked(store, digests).await;
    let done = reclaim.run(&OPTIONS, &mut AsTheyAre, &mut |_| true).await.unwrap();
    store.release_retired(u64::MAX).await.unwrap();
    done
}

#[test]
fn what_killed_processes_left_in_short_segments_goes_together_and_stays() {
    let machine = machine(2, 40);
    let mut digests = Vec::new();
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        live(&store, 0, &mut digests).await;
    });
    for life in 1..LIVES {
        block_on(async {
            let (opened, _) = open(machine.disks(), OpenOptions::default(), life).await.unwrap();
            live(&opened.store, life, &mut digests).await;
        });
    }
    block_on(async {
        let (opened, _) = open(machine.disks(), OpenOptions::default(), 99).await.unwrap();
        let store = opened.store;
        let before = store.status();
        assert!(before.segments >= LIVES, "{before:?}");
        let plan = marked(&store, &digests).await.plan(&OPTIONS);
        assert!(plan.merged >= LIVES - 2 && plan.dead_bytes == 0, "{plan:?}");
        let done = reclaimed(&store, &digests).await;
        assert_eq!(done.retired_segments, plan.merged, "{done:?}");
        let after = store.status();
        let gained = after.free_bytes - before.free_bytes;
        assert!(gained >= plan.merged_bytes && plan.merged_bytes > 0, "{gained} of {plan:?}");
        for digest in &digests {
            store.read(digest).await.unwrap();
        }
        assert_eq!(reclaimed(&store, &digests).await, Reclaimed::default(), "it comes to an end");
    });
}

#[test]
fn short_segments_of_a_full_pool_give_room() {
    let machine = machine(1, 40);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut digests = Vec::new();
        let mut life = 0;
        while store.status().free_bytes > 0 {
            let mut writer = store.writer(writer_keys(1 + (life % 2) as u8));
            digests.push(put(&mut writer, RecordKind::Chunk, &[], life).await.unwrap());
            writer.seal().await;
            store.commit(Vec::new()).await.unwrap();
            life += 1;
        }
        let before = store.status().segments;
        let mut rounds = 0;
        while reclaimed(&store, &digests).await != Reclaimed::default() {
            rounds += 1;
            assert!(rounds <= ROUNDS, "it does not come to an end: {:?}", store.status());
        }
        assert!(store.status().segments * 4 < before, "{:?}", store.status());
        for digest in &digests {
            store.read(digest).await.unwrap();
        }
    });
}
