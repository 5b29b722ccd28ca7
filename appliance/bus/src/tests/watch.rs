//! Watching: nothing is missed, nothing old is seen, and nobody is held up.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::harness::{one_of_each, usual};
use crate::{AlertView, Edge, JobState, JobView, Object, Place, PointView, Update, Watch};

async fn shown(watch: &mut Watch, count: usize) -> Vec<Object> {
    let mut objects = Vec::new();
    while objects.len() < count {
        match watch.next().await.unwrap() {
            Update::Shown(object) => objects.push((*object).clone()),
            other => panic!("{other:?}"),
        }
    }
    objects
}

#[tokio::test]
async fn a_watcher_sees_all_there_is_and_then_each_change() {
    let served = usual().await;
    let mut watch = served.client.watch().await.unwrap();
    assert_eq!(shown(&mut watch, one_of_each().len()).await, one_of_each());
    let job = JobView { number: 9, subject: "db-1".into(), ..Default::default() };
    served.tree.put(job.clone());
    assert_eq!(shown(&mut watch, 1).await, [job.clone().into()]);
    let job = JobView { bytes_done: 4096, state: JobState::Running, ..job };
    served.tree.put(job.clone());
    assert_eq!(shown(&mut watch, 1).await, [job.clone().into()]);
    let job = JobView { state: JobState::Done, ..job };
    served.tree.put(job.clone());
    assert_eq!(shown(&mut watch, 1).await, [job.into()]);
    let ended = Edge::JobEnded { job: 9, state: JobState::Done, cause: String::new() };
    assert_eq!(watch.next().await, Some(Update::Edge(ended)));
    served.tree.remove(&Place::Job(9));
    assert_eq!(watch.next().await, Some(Update::Gone(Place::Job(9))));
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_nobody_up_and_then_sees_the_newest() {
    let served = usual().await;
    let mut watch = served.client.watch().await.unwrap();
    shown(&mut watch, one_of_each().len()).await;
    for round in 0..3000_u64 {
        let (severity, since) = ((round % 10) as u32, round);
        served.tree.put(AlertView { number: 2, severity, since, ..Default::default() });
        served.tree.put(JobView { number: 7, attempt: round as u32, ..Default::default() });
        if round % 16 == 0 {
            // The calls share the connection with the signals.
            served.client.object(&Place::Pool).await.unwrap();
        }
    }
    let mut newest = BTreeMap::new();
    while newest.get(&Place::Job(7)) != served.tree.get(&Place::Job(7)).as_ref()
        || newest.get(&Place::Alert(2)) != served.tree.get(&Place::Alert(2)).as_ref()
    {
        if let Update::Shown(object) = watch.next().await.unwrap() {
            newest.insert(object.place().unwrap(), Arc::new((*object).clone()));
        }
    }
}

#[tokio::test]
async fn a_watch_that_begins_amid_changes_ends_up_with_what_is_there() {
    let served = usual().await;
    let tree = served.tree.clone();
    let putting = tokio::spawn(async move {
        for number in 0..2000_u64 {
            tree.put(PointView { id: format!("{number:032x}"), ..Default::default() });
            tree.put(JobView { number, ..Default::default() });
            if number % 3 == 0 {
                tree.remove(&Place::Job(number));
            }
            tokio::task::yield_now().await;
        }
    });
    let mut watch = served.client.watch().await.unwrap();
    putting.await.unwrap();
    served.tree.put(AlertView { number: 99, ..Default::default() });
    // Signals keep their order, so this one is behind all others.
    loop {
        match watch.next().await.unwrap() {
            Update::Edge(Edge::AlertRaised { alert: 99, .. }) => break,
            Update::Lost => panic!("the engine is there"),
            _ => {}
        }
    }
    let known: Vec<Object> = watch.objects().iter().map(|object| (**object).clone()).collect();
    let places = served.tree.places();
    let there: Vec<Object> =
        places.iter().map(|place| (*served.tree.get(place).unwrap()).clone()).collect();
    assert!(known == there, "{} known, {} there", known.len(), there.len());
}

#[tokio::test]
async fn a_watch_ends_with_its_connection() {
    let served = usual().await;
    let mut watch = served.client.watch().await.unwrap();
    let connection = served.serving.connection().clone();
    connection.close().await.unwrap();
    while watch.next().await.is_some() {}
}
