//! From a system to its bytes, without a guess.

use bus::{ExportView, Object, Place, PointView, SystemView};
use model::PointId;

use super::{NOW, Person};
use crate::{Effect, Key};

const ID: PointId = PointId([7; 16]);

fn system() -> Object {
    SystemView { id: "web".into(), name: "web1".into(), ..SystemView::default() }.into()
}

fn point(volumes: &[&str]) -> PointView {
    let volumes = (0..).zip(volumes).map(|(number, name)| (number, (*name).to_owned(), 4_000));
    PointView {
        id: ID.to_string(),
        system: Place::System("web".into()).path(),
        created_at: NOW - 600,
        sequence: 2,
        volumes: volumes.collect(),
        logical_bytes: 8_000,
        held: true,
        verified_at: NOW - 60,
        signals: vec!["change".into()],
        ..PointView::default()
    }
}

/// In front of the recovery point.
fn chosen(volumes: &[&str]) -> Person {
    let older = PointView { id: PointId([9; 16]).to_string(), sequence: 1, ..point(&["x"]) };
    let mut person = Person::sees([system(), point(volumes).into(), older.into()]);
    person.types("r");
    assert!(person.reads("> ").contains("web1"));
    person.press(Key::Enter);
    assert!(person.reads("> ").contains("10 min ago"));
    person.press(Key::Enter);
    person
}

#[test]
fn a_point_tells_its_age_size_signals_and_marks() {
    let person = chosen(&["root", "data"]);
    person.reads("10 min ago");
    person.reads("8.0 kB");
    person.reads("Signals      change");
    person.reads("UNUSUAL, verified, held");
    person.reads("Proved       never");
}

#[test]
fn of_several_volumes_one_is_chosen_before_anything_is_restored() {
    let mut person = chosen(&["root", "data"]);
    person.types("w");
    person.reads("several volumes");
    person.press(Key::Down);
    person.press(Key::Enter);
    person.reads("Restore data, 4.0 kB, of web1 of 2027-01-15 07:50:00 UTC");
    person.types("relative");
    assert_eq!(person.press(Key::Enter), None, "only absolute paths");
    (0.."relative".len()).for_each(|_| drop(person.press(Key::Backspace)));
    person.types("/srv/web.img");
    assert_eq!(person.press(Key::Enter), None);
    person.reads("It goes to /srv/web.img");
    let volume = Some("data".to_owned());
    let target = "/srv/web.img".to_owned();
    let wanted = Effect::Restore { point: ID, volume, target, overwrite: false };
    assert_eq!(person.press(Key::Char('y')), Some(wanted));
}

#[test]
fn a_device_is_written_over_only_after_the_word() {
    let mut person = chosen(&["root"]);
    person.types("w/dev/sdd");
    assert_eq!(person.press(Key::Enter), None);
    person.reads("written over");
    assert_eq!(person.press(Key::Char('y')), None);
    person.press(Key::Backspace);
    person.types("overwrite");
    let Some(Effect::Restore { target, overwrite, .. }) = person.press(Key::Enter) else {
        panic!("it is restored")
    };
    assert_eq!((target.as_str(), overwrite), ("/dev/sdd", true));
}

#[test]
fn a_point_is_exported_and_its_export_stopped_after_a_yes() {
    let mut person = chosen(&["root"]);
    let exported = person.press(Key::Char('e'));
    assert_eq!(exported, Some(Effect::Export { point: ID, volume: Some("root".into()) }));
    let export = ExportView { number: 3, socket: "/run/x.sock".into(), ..ExportView::default() };
    let mut person = Person::sees([system(), export.into(), point(&["root"]).into()]);
    person.types("rx");
    person.reads("Choose an export");
    person.press(Key::Down);
    assert!(person.reads("> ").contains("/run/x.sock"));
    person.types("x");
    person.reads("Stop export 3");
    assert_eq!(person.press(Key::Char('y')), Some(Effect::StopExport(3)));
}

#[test]
fn a_stream_is_no_disk() {
    let stream = PointView { content: "stream".into(), ..point(&["dump"]) };
    let mut person = Person::sees([system(), stream.into()]);
    person.types("r");
    person.press(Key::Enter);
    person.press(Key::Enter);
    person.types("e");
    person.reads("restore it instead");
}
