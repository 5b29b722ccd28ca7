//! What a caller sees of the tree: listings, properties, changes, descriptions, errors.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use zbus::fdo::{self, PeerProxy, PropertiesProxy};
use zbus::message::Type;
use zbus::{Message, MessageStream, OwnedVariant, Variant};

use super::harness::{Always, POINT, Served, one_of_each, pair, tree_with_one_of_each, usual};
use super::interfaces::introspect;
use super::xml::tags;
use crate::server::gate::CALLS_OF_ONE_MAX;
use crate::{
    AlertView, Caller, Client, ClientError, Command, Commands, Edge, JobState, JobView, Object,
    Place, ROOT, Refusal, RefusalKind, Reply, SERVICE,
};

#[tokio::test]
async fn one_listing_gives_every_view_back() {
    let served = usual().await;
    assert_eq!(served.client.objects().await.unwrap(), one_of_each());
    for object in one_of_each() {
        let place = object.place().unwrap();
        assert_eq!(served.client.object(&place).await.unwrap(), object);
    }
    let missing = served.client.object(&Place::Job(8)).await;
    assert!(matches!(missing, Err(ClientError::Missing(Place::Job(8)))), "{missing:?}");
}

/// The next signal, with its arguments read by `read`.
async fn signal(stream: &mut MessageStream, member: &str) -> Message {
    loop {
        let message = stream.next().await.unwrap().unwrap();
        if message.message_type() == Type::Signal {
            assert_eq!(message.header().member().unwrap().as_str(), member, "{message:?}");
            return message;
        }
    }
}

#[tokio::test]
async fn a_put_tells_only_what_changed_in_one_signal() {
    let served = usual().await;
    let mut signals = MessageStream::from(served.connection());
    let job = JobView { number: 7, state: JobState::Running, attempt: 2, ..Default::default() };
    served.tree.put(job.clone());
    let message = signal(&mut signals, "PropertiesChanged").await;
    assert_eq!(message.header().path().unwrap().as_str(), "/org/holdfast/jobs/7");
    let body = message.body();
    let (interface, changed, invalidated): (&str, BTreeMap<&str, Variant<'_>>, Vec<&str>) =
        body.deserialize().unwrap();
    assert_eq!((interface, invalidated.len()), ("org.holdfast.Job1", 0));
    let expected = [("Attempt", Variant::from(2_u32)), ("State", Variant::from("running"))];
    assert_eq!(changed, BTreeMap::from(expected));
    // The same again is no change: the next signal is about something else.
    served.tree.put(job);
    served.tree.remove(&Place::Export(3));
    signal(&mut signals, "InterfacesRemoved").await;
}

#[tokio::test]
async fn objects_come_and_go_with_signals_of_the_object_manager() {
    let served = usual().await;
    let mut signals = MessageStream::from(served.connection());
    served.tree.put(JobView { number: 8, ..Default::default() });
    let message = signal(&mut signals, "InterfacesAdded").await;
    assert_eq!(message.header().path().unwrap().as_str(), ROOT);
    let body = message.body();
    type Interfaces<'a> = HashMap<&'a str, HashMap<&'a str, Variant<'a>>>;
    let (path, interfaces): (zbus::ObjectPath<'_>, Interfaces<'_>) = body.deserialize().unwrap();
    assert_eq!(path.as_str(), "/org/holdfast/jobs/8");
    assert_eq!(interfaces["org.holdfast.Job1"]["Number"], Variant::from(8_u64));
    served.tree.remove(&Place::Job(8));
    let message = signal(&mut signals, "InterfacesRemoved").await;
    let body = message.body();
    let (path, interfaces): (zbus::ObjectPath<'_>, Vec<&str>) = body.deserialize().unwrap();
    assert_eq!((path.as_str(), interfaces), ("/org/holdfast/jobs/8", vec!["org.holdfast.Job1"]));
}

#[tokio::test]
async fn edges_come_behind_the_properties_that_belong_to_them() {
    let served = usual().await;
    let mut signals = MessageStream::from(served.connection());
    let (number, state) = (7, JobState::Failed);
    served.tree.put(JobView { number, state, cause: "no source".into(), ..Default::default() });
    signal(&mut signals, "PropertiesChanged").await;
    let message = signal(&mut signals, "JobEnded").await;
    let body = message.body();
    let (job, state, cause): (zbus::ObjectPath<'_>, &str, &str) = body.deserialize().unwrap();
    assert_eq!((job.as_str(), state), ("/org/holdfast/jobs/7", "failed"));
    assert_eq!(cause, "no source");
    served.tree.put(AlertView { number: 5, code: "hot".into(), ..Default::default() });
    signal(&mut signals, "InterfacesAdded").await;
    signal(&mut signals, "AlertRaised").await;
    served.tree.remove(&Place::Alert(5));
    signal(&mut signals, "InterfacesRemoved").await;
    signal(&mut signals, "AlertCleared").await;
}

#[tokio::test]
async fn properties_are_read_and_never_written() {
    let served = usual().await;
    let job = "/org/holdfast/jobs/7";
    let proxy = PropertiesProxy::new(served.connection(), SERVICE, job).await.unwrap();
    let name = || "org.holdfast.Job1".try_into().unwrap();
    let number: OwnedVariant = proxy.get(name(), "Number").await.unwrap();
    assert_eq!(u64::try_from(number).unwrap(), 7);
    assert_eq!(proxy.get_all(name()).await.unwrap().len(), 24);
    let unknown = proxy.get(name(), "Colour").await.unwrap_err();
    assert!(matches!(unknown, fdo::Error::UnknownProperty(_)), "{unknown}");
    let unknown = proxy.get_all("org.holdfast.Pool1".try_into().unwrap()).await.unwrap_err();
    assert!(matches!(unknown, fdo::Error::UnknownInterface(_)), "{unknown}");
    let written = proxy.set(name(), "Number", &Variant::from(9_u64)).await.unwrap_err();
    assert!(matches!(written, fdo::Error::PropertyReadOnly(_)), "{written}");
    assert_eq!(served.client.objects().await.unwrap(), one_of_each());
}

async fn error_of(served: &Served, path: &str, interface: Option<&str>, member: &str) -> String {
    let called = served.connection().call_method(None::<&str>, path, interface, member, &());
    match called.await.unwrap_err() {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(error) => zbus::DBusError::name(&*error).to_string(),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn nonsense_is_answered_with_the_errors_of_the_standard() {
    let served = usual().await;
    let job = "/org/holdfast/jobs/7";
    let (own, properties) = (Some("org.holdfast.Job1"), Some("org.freedesktop.DBus.Properties"));
    let manager = Some("org.freedesktop.DBus.ObjectManager");
    let cases = [
        ("/org/holdfast/jobs/8", own, "Cancel", "UnknownObject"),
        ("/org/holdfast/jobs/07", own, "Cancel", "UnknownObject"),
        ("/", own, "Cancel", "UnknownObject"),
        ("/or", Some("org.freedesktop.DBus.Introspectable"), "Introspect", "UnknownObject"),
        (job, Some("org.holdfast.Pool1"), "Scrub", "UnknownInterface"),
        (job, Some("org.example.Other"), "Cancel", "UnknownInterface"),
        (job, None, "Cancel", "UnknownInterface"),
        (job, own, "Explode", "UnknownMethod"),
        (job, properties, "Explode", "UnknownMethod"),
        (job, properties, "Get", "InvalidArgs"),
        (job, manager, "GetManagedObjects", "UnknownInterface"),
        (
            "/org/holdfast/moon",
            Some("org.freedesktop.DBus.Introspectable"),
            "Introspect",
            "UnknownObject",
        ),
    ];
    for (path, interface, member, error) in cases {
        let found = error_of(&served, path, interface, member).await;
        assert_eq!(found, format!("org.freedesktop.DBus.Error.{error}"), "{path} {member}");
    }
    let peer = PeerProxy::new(served.connection(), SERVICE, "/").await.unwrap();
    peer.ping().await.unwrap();
    assert!(served.recorder.noted().is_empty());
}

#[tokio::test]
async fn descriptions_lead_from_the_root_to_every_object() {
    let served = usual().await;
    let mut found = BTreeSet::new();
    let mut open = vec!["/".to_owned()];
    while let Some(path) = open.pop() {
        let xml = introspect(served.connection(), &path).await;
        for tag in tags(&xml) {
            match (tag.name.as_str(), tag.get("name")) {
                ("node", "") => {}
                ("node", name) => open.push(format!("{}/{name}", path.trim_end_matches('/'))),
                ("interface", name) if name.starts_with("org.holdfast.") => {
                    assert!(found.insert(path.clone()), "{path} twice");
                }
                _ => {}
            }
        }
    }
    let paths = one_of_each().into_iter().map(|object| object.place().unwrap().path().to_string());
    assert_eq!(found, paths.collect());
}

/// Carries nothing out until it is let go.
#[derive(Debug)]
struct Held(Semaphore);

impl Commands for Held {
    fn run(&self, _caller: Caller, _command: Command) -> BoxFuture<'_, Result<Reply, Refusal>> {
        Box::pin(async {
            self.0.acquire().await.unwrap().forget();
            Ok(Reply::Done)
        })
    }
}

#[tokio::test]
async fn a_caller_with_too_many_open_calls_is_told_to_wait() {
    const TOO_MANY: usize = 8;
    let held = Arc::new(Held(Semaphore::new(0)));
    let (stream, connection) = pair().await;
    let tree = tree_with_one_of_each();
    let _serving = tree.serve(stream, held.clone(), Arc::new(Always(true))).await.unwrap();
    let client = Client::over(connection);
    let appliance = client.appliance().await.unwrap();
    let calls = (0..CALLS_OF_ONE_MAX + TOO_MANY).map(|_| appliance.lock());
    let mut calls: FuturesUnordered<_> = calls.collect();
    for _ in 0..TOO_MANY {
        let refused = calls.next().await.unwrap().unwrap_err();
        assert_eq!(Refusal::of(&refused).unwrap().kind, RefusalKind::Busy);
    }
    held.0.add_permits(CALLS_OF_ONE_MAX);
    while let Some(done) = calls.next().await {
        done.unwrap();
    }
    assert_eq!(client.objects().await.unwrap(), one_of_each());
}

#[tokio::test]
async fn a_tree_is_served_on_many_connections_and_stops_on_each_alone() {
    let first = usual().await;
    let second = super::harness::served(first.tree.clone(), Default::default(), true).await;
    let mut watch = second.client.watch().await.unwrap();
    first.tree.put(JobView { number: 7, state: JobState::Running, ..Default::default() });
    first.serving.stop().await;
    first.tree.put(JobView { number: 7, state: JobState::Done, ..Default::default() });
    let ended = Edge::JobEnded { job: 7, state: JobState::Done, cause: String::new() };
    loop {
        if let crate::Update::Edge(edge) = watch.next().await.unwrap() {
            assert_eq!(edge, ended);
            break;
        }
    }
    let point = second.client.object(&Place::Point(POINT)).await.unwrap();
    assert!(matches!(point, Object::Point(_)));
}
