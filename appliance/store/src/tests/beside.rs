//! Background work that makes room while others use the store, and takes all when nobody does.

use std::sync::Mutex;
use std::time::Duration;

use format::segment::RecordKind;
use model::Digest;

use super::disks::block_on;
use super::fixture::{SAMPLES, append, create, machine, writer_keys};
use super::reclaim::put;
use crate::{Duty, Pacer, PacerFuture, Store};

const STEP: Duration = Duration::from_millis(1);

/// Time that goes on by a step whenever somebody looks, during which somebody else asks for
/// something or nobody does.
struct Steps<'a> {
    store: &'a Store,
    busy: bool,
    looked: Mutex<Duration>,
    rested: Mutex<Duration>,
}

impl Pacer for Steps<'_> {
    fn now(&self) -> Duration {
        if self.busy {
            drop(self.store.inner.foreground.enter());
        }
        let mut looked = self.looked.lock().unwrap();
        *looked += STEP;
        *looked
    }

    fn sleep(&self, time: Duration) -> PacerFuture<'_> {
        *self.rested.lock().unwrap() += time;
        Box::pin(std::future::ready(()))
    }
}

#[test]
fn who_works_beside_others_rests_only_while_they_are_there() {
    let machine = machine(1, 20);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        for number in 0..30 {
            append(&mut writer, number).await.unwrap();
        }
        let chunks: Vec<Digest> = (0..10).map(|number| SAMPLES[number].digest).collect();
        let leaf = put(&store, RecordKind::Leaf, 1, &chunks).await;
        store.commit(Vec::new()).await.unwrap();
        drop(writer);
        for busy in [false, true] {
            let none = || Mutex::new(Duration::ZERO);
            let steps = Steps { store: &store, busy, looked: none(), rested: none() };
            let duty = Duty::beside(25, &steps);
            let marking = store.begin_reclaim().at(duty);
            let reclaim = marking.mark(vec![leaf], &mut |_| true).await.unwrap();
            assert_eq!(reclaim.marked().records, 11);
            let rests = steps.rested.lock().unwrap().as_millis();
            assert_eq!(rests, if busy { 3 } else { 0 }, "of one batch, three times its step");
            for segment in store.segment_list() {
                store.scrub_segment_at(segment, duty, |_| true).await.unwrap();
            }
            let scrubbed = steps.rested.lock().unwrap().as_millis();
            assert_eq!(scrubbed > rests, busy, "{scrubbed} ms");
        }
    });
}

#[test]
fn the_stores_own_reading_is_nobody_asking() {
    let machine = machine(1, 20);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        append(&mut writer, 0).await.unwrap();
        let asked = || store.inner.foreground.seen().0;
        let digest = SAMPLES[0].digest;
        let leaf = put(&store, RecordKind::Leaf, 1, &[digest]).await;
        store.commit(Vec::new()).await.unwrap();
        let before = asked();
        assert_eq!(before, 2, "two were appended");
        store.begin_reclaim().mark(vec![leaf], &mut |_| true).await.unwrap();
        for segment in store.segment_list() {
            store.scrub_segment(segment, |_| true).await.unwrap();
        }
        assert_eq!(asked(), before);
        store.read(&digest).await.unwrap();
        store.read_batch(&[digest], |_, _| true).await.unwrap();
        assert!(store.contains(&digest).await.unwrap());
        assert_eq!(asked(), before + 3);
    });
}
