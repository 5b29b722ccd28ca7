//! Every method of the committed interfaces: denied, allowed, and called with nonsense. Driven by
//! the descriptions, so that a new method is tried without anybody thinking of it.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::OwnedFd;

use zbus::message::Flags;
use zbus::{Fd, Message, Structure, Variant};

use super::harness::{DISK, POINT, Recorder, SYSTEM, Served, served, tree_with_one_of_each, usual};
use super::interfaces::committed;
use super::xml::{Described, methods};
use crate::object::interface_at;
use crate::{Place, Refusal, RefusalKind, ScrubOptions};

/// What only reads.
const READING: [&str; 3] = ["ExportPlan", "ListScrubs", "ProbeTimes"];

fn places() -> [Place; 9] {
    [
        Place::Appliance,
        Place::Pool,
        Place::Disk(DISK),
        Place::System(SYSTEM.into()),
        Place::Point(POINT),
        Place::Job(7),
        Place::Export(3),
        Place::Intake(4),
        Place::Alert(2),
    ]
}

fn place_of(method: &Described) -> Place {
    let place = places().into_iter().find(|place| interface_at(place).name == method.interface);
    place.unwrap_or_else(|| panic!("no object with {}", method.interface))
}

fn described() -> Vec<Described> {
    let methods: Vec<_> = committed().iter().flat_map(|(_, xml)| methods(xml)).collect();
    assert!(methods.len() > 25, "{methods:?}");
    methods
}

/// Something of each type that every method takes.
fn sample(method: &Described, signature: &str) -> Variant<'static> {
    match signature {
        "h" => {
            let (reader, mut writer) = std::io::pipe().unwrap();
            writer.write_all(b"correct horse").unwrap();
            Variant::Fd(Fd::from(OwnedFd::from(reader)))
        }
        "s" => "/dev/sdb".into(),
        "b" => true.into(),
        "a{sv}" if method.name == "Restore" => {
            BTreeMap::from([("target", Variant::from("/dev/sdb"))]).into()
        }
        "a{sv}" if method.name == "Receive" => {
            BTreeMap::from([("bytes", Variant::from(4096_u64))]).into()
        }
        "a{sv}" => BTreeMap::<&str, Variant<'_>>::new().into(),
        other => panic!("no sample of {other} for {}", method.name),
    }
}

async fn call(
    served: &Served,
    method: &Described,
    arguments: Vec<Variant<'static>>,
) -> zbus::Result<Message> {
    let (path, interface) = (place_of(method).path(), Some(method.interface.as_str()));
    let (connection, name) = (served.connection(), method.name.as_str());
    if arguments.is_empty() {
        return connection.call_method(None::<&str>, path, interface, name, &()).await;
    }
    let all = Structure::builder();
    let all = arguments.into_iter().fold(all, |all, one| all.append_field(one)).build()?;
    connection.call_method(None::<&str>, path, interface, name, &all).await
}

async fn call_with_samples(served: &Served, method: &Described) -> zbus::Result<Message> {
    let samples = method.takes.iter().map(|signature| sample(method, signature));
    call(served, method, samples.collect()).await
}

#[tokio::test]
async fn a_denied_call_changes_nothing() {
    let served = served(tree_with_one_of_each(), Recorder::default(), false).await;
    for method in described() {
        let outcome = call_with_samples(&served, &method).await;
        if READING.contains(&method.name.as_str()) {
            outcome.unwrap();
            continue;
        }
        let refusal = Refusal::of(&outcome.unwrap_err()).unwrap();
        assert_eq!(refusal.kind, RefusalKind::NotPermitted, "{method:?}: {refusal}");
    }
    assert_eq!(served.recorder.noted().len(), READING.len(), "{:?}", served.recorder.noted());
}

#[tokio::test]
async fn an_allowed_call_is_one_command_and_has_a_reply_of_its_type() {
    let served = usual().await;
    for (before, method) in described().iter().enumerate() {
        let reply = call_with_samples(&served, method).await.unwrap();
        let signature = reply.body().signature().to_string_no_parens();
        assert_eq!(signature, method.gives.concat(), "{method:?}");
        assert_eq!(served.recorder.noted().len(), before + 1, "{method:?}");
    }
    let noted = served.recorder.noted().join("\n");
    assert!(noted.contains("AddDisk { device: \"/dev/sdb\" }"), "{noted}");
    assert!(noted.contains("Unlock { passphrase: Passphrase }"), "{noted}");
    assert!(noted.contains("RunSystem { system: \"acme/db-1\""), "{noted}");
}

#[tokio::test]
async fn a_refusal_of_the_engine_reaches_the_caller() {
    for kind in RefusalKind::ALL {
        let refusal = Refusal::new(*kind, "the pool has no room", "run reclaim");
        let recorder = Recorder::refusing(refusal.clone());
        let served = served(tree_with_one_of_each(), recorder, true).await;
        let pool = served.client.pool().await.unwrap();
        let error = pool.scrub(&ScrubOptions::default().arguments()).await.unwrap_err();
        assert_eq!(Refusal::of(&error), Some(refusal));
    }
}

#[tokio::test]
async fn wrong_types_and_huge_arguments_are_refused() {
    let served = usual().await;
    for method in described() {
        let wrong = call(&served, &method, vec![Variant::from(7_u8)]).await.unwrap_err();
        assert_eq!(Refusal::of(&wrong).unwrap().kind, RefusalKind::InvalidArguments, "{method:?}");
        let Some(at) = method.takes.iter().position(|signature| signature == "s") else { continue };
        for size in [300 << 10, 4 << 20] {
            let samples = method.takes.iter().map(|signature| sample(&method, signature));
            let mut arguments: Vec<_> = samples.collect();
            arguments[at] = "/x".repeat(size / 2).into();
            let error = call(&served, &method, arguments).await.unwrap_err();
            let refusal = Refusal::of(&error).unwrap();
            assert_eq!(refusal.kind, RefusalKind::InvalidArguments, "{method:?}");
        }
    }
    assert!(served.recorder.noted().is_empty(), "{:?}", served.recorder.noted());
}

#[tokio::test]
async fn an_unknown_option_is_refused_by_every_method_with_options() {
    let served = usual().await;
    let mut tried = 0;
    for method in described() {
        let Some(at) = method.takes.iter().position(|signature| signature == "a{sv}") else {
            continue;
        };
        let samples = method.takes.iter().map(|signature| sample(&method, signature));
        let mut arguments: Vec<_> = samples.collect();
        arguments[at] = BTreeMap::from([("xyzzy", Variant::from(true))]).into();
        let error = call(&served, &method, arguments).await.unwrap_err();
        let refusal = Refusal::of(&error).unwrap();
        assert_eq!(refusal.problem, "there is no option `xyzzy`", "{method:?}");
        tried += 1;
    }
    assert!(tried >= 6 && served.recorder.noted().is_empty());
}

#[tokio::test]
async fn a_call_without_reply_is_carried_out_without_reply() {
    let served = usual().await;
    let message = Message::method_call(Place::Job(7).path(), "Cancel")
        .interface("org.holdfast.Job1")
        .with_flags(Flags::NO_REPLY_EXPECTED)
        .build(&())
        .unwrap();
    served.connection().send(&message).await.unwrap();
    // A second call is answered behind the first at the earliest.
    while served.recorder.noted().is_empty() {
        served.client.objects().await.unwrap();
    }
    assert_eq!(served.recorder.noted(), ["CancelJob { job: 7 }"]);
}
