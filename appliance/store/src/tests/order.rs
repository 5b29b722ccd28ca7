//! Reading order: what the newest points need comes to lie in it, what older ones need apart from
//! it and compressed better, and both come to an end.

use disk::sim::SimRng;
use format::segment::RecordKind;
use model::{Digest, TenantId};

use super::disks::block_on;
use super::emptying::{AsTheyAre, OPTIONS, marked, put};
use super::fixture::{create, machine, writer_keys};
use crate::locality::Reading;
use crate::{
    Arranged, Moving, Reclaimed, RecordPlace, RecordView, Resealer, SegmentWriter, Store,
    StoreError, WriterKeys,
};

/// A disk on which what these tests scatter is scattered.
const READING: Reading = Reading { unit_bytes: 2 << 10, units_kept: 4 };

/// Chunks of one leaf.
const LEAF: usize = 40;

/// A volume of chunks that points are made of.
struct Volume {
    writer: SegmentWriter,
    chunks: Vec<Digest>,
    next: u64,
}

impl Volume {
    async fn new(store: &Store, chunks: usize) -> Self {
        let mut volume = Self { writer: store.writer(writer_keys(1)), chunks: Vec::new(), next: 0 };
        for _ in 0..chunks {
            let chunk = volume.put(RecordKind::Chunk, &[]).await;
            volume.chunks.push(chunk);
        }
        volume
    }

    async fn put(&mut self, kind: RecordKind, refs: &[Digest]) -> Digest {
        self.next += 1;
        put(&mut self.writer, kind, refs, self.next).await.unwrap()
    }

    /// Replaces one chunk in `part`, each in its place.
    async fn change(&mut self, rng: &mut SimRng, part: u64) {
        for at in 0..self.chunks.len() {
            if rng.below(part) == 0 {
                self.chunks[at] = self.put(RecordKind::Chunk, &[]).await;
            }
        }
    }

    /// A point of the volume as it is.
    async fn point(&mut self, store: &Store) -> Digest {
        let chunks = self.chunks.clone();
        let mut leaves = Vec::new();
        for chunks in chunks.chunks(LEAF) {
            leaves.push(self.put(RecordKind::Leaf, chunks).await);
        }
        let node = self.put(RecordKind::Node, &leaves).await;
        let point = self.put(RecordKind::Point, &[node]).await;
        store.commit(Vec::new()).await.unwrap();
        point
    }

    async fn seal(&mut self, store: &Store) {
        self.writer.seal().await;
        store.commit(Vec::new()).await.unwrap();
    }
}

/// Points of a volume that changes here and there: the newest is last.
async fn history(store: &Store, count: usize) -> (Volume, Vec<Digest>) {
    let mut rng = SimRng::new(5);
    let mut volume = Volume::new(store, 400).await;
    let mut points = Vec::new();
    for _ in 0..count {
        volume.change(&mut rng, 20).await;
        points.push(volume.point(store).await);
    }
    volume.seal(store).await;
    (volume, points)
}

/// A reclaim that keeps all points and brings some into order.
async fn arrange(
    store: &Store,
    points: &[Digest],
    newest: &[Digest],
    go_on: &mut (dyn FnMut(u64) -> bool + Send),
) -> (Vec<Arranged>, crate::Result<Reclaimed>) {
    let mut reclaim = marked(store, points).await;
    let arranged = reclaim.arrange_for(READING, newest, &OPTIONS, &mut |_| true).await.unwrap();
    let mut told = |reclaiming: crate::Reclaiming| match reclaiming {
        crate::Reclaiming::Moving { done_bytes, .. } => go_on(done_bytes),
        crate::Reclaiming::Marking(_) => true,
    };
    (arranged, reclaim.run(&OPTIONS, &mut AsTheyAre, &mut told).await)
}

async fn all_are_there(store: &Store, points: &[Digest]) {
    let marked = marked(store, points).await.marked();
    assert_eq!(marked.missing, 0);
    let mut waiting = points.to_vec();
    while let Some(digest) = waiting.pop() {
        waiting.extend(store.read(&digest).await.unwrap().ref_list());
    }
}

#[test]
fn the_newest_point_comes_to_lie_in_order_and_stays() {
    let machine = machine(2, 200);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let (mut volume, points) = history(&store, 30).await;
        let newest = &points[29..];
        let records = marked(&store, &points).await.marked().records;
        let (arranged, done) = arrange(&store, &points, newest, &mut |_| true).await;
        let [Arranged { now, then }] = arranged[..] else { panic!("one point") };
        assert!(now.score() > 1.5, "it lies scattered: {now:?}");
        assert!(then.score() < 1.25, "{then:?}");
        assert!(done.unwrap().retired_segments > 0);
        all_are_there(&store, &points).await;

        let (again, done) = arrange(&store, &points, newest, &mut |_| true).await;
        let after = again[0].now;
        assert!(after.score() < 1.25, "{after:?}");
        let apart = after.read_bytes.abs_diff(then.read_bytes);
        assert!(apart * 10 < then.read_bytes, "as was expected: {then:?}, {after:?}");
        assert_eq!(done.unwrap(), Reclaimed::default(), "there is no more to do");
        assert_eq!(after.needed_bytes, now.needed_bytes);
        let places = marked(&store, &points).await.marked().records;
        assert_eq!(places, records, "each is in one place");

        // One more point in which little changed lies in order by itself: a chunk that lies
        // elsewhere costs this disk a whole unit.
        volume.change(&mut SimRng::new(6), 400).await;
        let next = volume.point(&store).await;
        volume.seal(&store).await;
        let all = [&points[..], &[next]].concat();
        let (arranged, done) = arrange(&store, &all, &[next], &mut |_| true).await;
        let score = arranged[0].now.score();
        let moved = done.unwrap().moved_bytes;
        assert!(score < 1.25 && moved == 0, "{score}: {moved} of {} moved", now.needed_bytes);
        all_are_there(&store, &all).await;
    });
}

#[test]
fn what_moves_for_its_dead_neighbours_moves_in_order_too() {
    let machine = machine(1, 200);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let (_, points) = history(&store, 30).await;
        // All older points are gone: there is so much of no use that everything moves.
        let newest = &points[29..];
        let (arranged, done) = arrange(&store, newest, newest, &mut |_| true).await;
        assert!(arranged[0].now.score() > 1.5 && done.unwrap().freed_bytes > 0);
        let (again, done) = arrange(&store, newest, newest, &mut |_| true).await;
        assert!(again[0].now.score() < 1.25, "{again:?}");
        assert_eq!(done.unwrap(), Reclaimed::default());
        all_are_there(&store, newest).await;
    });
}

#[test]
fn two_points_that_want_the_same_chunks_in_two_orders_do_not_move_them_for_ever() {
    let machine = machine(1, 300);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut volume = Volume::new(&store, 400).await;
        let mut points = Vec::new();
        for seed in 0..3 {
            let mut rng = SimRng::new(seed);
            let mut order: Vec<(u64, Digest)> =
                volume.chunks.iter().map(|chunk| (rng.next_u64(), *chunk)).collect();
            order.sort_unstable();
            volume.chunks = order.into_iter().map(|(_, chunk)| chunk).collect();
            points.push(volume.point(&store).await);
        }
        volume.seal(&store).await;
        let read = |arranged: &[Arranged]| -> u64 {
            arranged.iter().map(|arranged| arranged.now.read_bytes).sum()
        };
        let (first, done) = arrange(&store, &points, &points, &mut |_| true).await;
        assert!(done.unwrap().moved_bytes > 0, "one of them can be put in order");
        let mut last = read(&first);
        for _ in 0..3 {
            let (arranged, done) = arrange(&store, &points, &points, &mut |_| true).await;
            assert!(read(&arranged) < last, "{} of {last}", read(&arranged));
            if done.unwrap().moved_bytes == 0 {
                all_are_there(&store, &points).await;
                return;
            }
            last = read(&arranged);
        }
        panic!("it goes on");
    });
}

#[test]
fn rewriting_that_was_broken_off_goes_on_where_it_was() {
    let machine = machine(1, 200);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let (_, points) = history(&store, 30).await;
        let newest = &points[29..];
        let records = store.status().records;
        let (_, stopped) = arrange(&store, &points, newest, &mut |done| done == 0).await;
        assert!(matches!(stopped, Err(StoreError::Interrupted)), "{stopped:?}");
        all_are_there(&store, &points).await;
        let (_, done) = arrange(&store, &points, newest, &mut |_| true).await;
        assert!(done.unwrap().retired_segments > 0);
        let (again, done) = arrange(&store, &points, newest, &mut |_| true).await;
        assert!(again[0].now.score() < 1.25, "{again:?}");
        assert_eq!(done.unwrap(), Reclaimed::default());
        assert!(store.status().records <= records, "hardly any is in two places");
        all_are_there(&store, &points).await;
    });
}

#[test]
fn no_more_moves_for_order_than_may_and_than_there_is_room_for() {
    let machine = machine(1, 200);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let (_, points) = history(&store, 30).await;
        let mut reclaim = marked(&store, &points).await;
        let most_moved_bytes = 100_000;
        let options = crate::ReclaimOptions { most_moved_bytes, ..OPTIONS };
        reclaim.arrange_for(READING, &points[29..], &options, &mut |_| true).await.unwrap();
        let plan = reclaim.plan(&options);
        assert!(plan.rewritten > 0 && plan.move_bytes <= most_moved_bytes, "{plan:?}");
        drop(reclaim);
        // Filled up to a few segments.
        let mut writer = store.writer(writer_keys(1));
        let mut number = 1 << 32;
        while store.status().free_bytes > store.status().segment_bytes * 4 {
            number += 1;
            put(&mut writer, RecordKind::Chunk, &[], number).await.unwrap();
        }
        store.commit(Vec::new()).await.unwrap();
        let mut reclaim = marked(&store, &points).await;
        reclaim.arrange_for(READING, &points[29..], &OPTIONS, &mut |_| true).await.unwrap();
        let plan = reclaim.plan(&OPTIONS);
        assert!(plan.move_bytes <= store.status().segment_bytes * 2, "{plan:?}");
    });
}

/// Compresses what it has not compressed yet to a half.
struct Halving;

impl Resealer for Halving {
    fn keys(&mut self, tenant: TenantId) -> crate::Result<WriterKeys> {
        AsTheyAre.keys(tenant)
    }

    fn open(&mut self, view: RecordView<'_>) -> Option<Vec<u8>> {
        AsTheyAre.open(view)
    }

    fn overhead(&self) -> usize {
        AsTheyAre.overhead()
    }

    fn squeeze(&mut self, _: TenantId, record: &Moving<'_>, opened: &[u8]) -> Option<Vec<u8>> {
        assert_eq!(record.kind, RecordKind::Chunk);
        let full = opened.len() == put_bytes();
        full.then(|| opened[..opened.len() / 2].to_vec())
    }

    fn seal(
        &mut self,
        to: &RecordPlace,
        record: &Moving<'_>,
        opened: Vec<u8>,
    ) -> crate::Result<Vec<u8>> {
        AsTheyAre.seal(to, record, opened)
    }
}

fn put_bytes() -> usize {
    super::emptying::RECORD_BYTES
}

#[test]
fn chunks_that_only_older_points_need_are_compressed_once_and_no_others() {
    let machine = machine(1, 200);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let (volume, points) = history(&store, 30).await;
        let squeeze = async || {
            let mut reclaim = marked(&store, &points).await;
            let newest = &points[29..];
            reclaim.arrange_for(READING, newest, &OPTIONS, &mut |_| true).await.unwrap();
            reclaim.squeeze(&OPTIONS, &mut Halving, &mut |_| true).await.unwrap();
            reclaim.run(&OPTIONS, &mut Halving, &mut |_| true).await.unwrap()
        };
        let before = store.status().stored_bytes;
        let done = squeeze().await;
        assert!(done.squeezed_records > 300, "of about 600: {done:?}");
        assert_eq!(done.squeezed_from, 2 * done.squeezed_to);
        assert!(store.status().stored_bytes < before);
        all_are_there(&store, &points).await;
        for chunk in &volume.chunks {
            let mut record = store.read(chunk).await.unwrap();
            assert_eq!(record.view().payload.len(), put_bytes(), "the newest point needs it");
        }
        assert_eq!(squeeze().await, Reclaimed::default(), "there is no more to do");
    });
}
