//! Nothing is cut off by one key.

use bus::{ApplianceView, ExportView, JobKind, JobState, JobView, Object, Update};

use super::Person;
use crate::{Effect, Input, Key};

fn restore() -> Object {
    let mut job = JobView { number: 9, kind: JobKind::Restore, ..JobView::default() };
    job.state = JobState::Running;
    job.subject = "web1".into();
    job.into()
}

#[test]
fn a_restart_asks_when_nothing_is_under_way() {
    let mut person = Person::sees([ApplianceView::default().into()]);
    person.types("p");
    person.reads("Nothing would be cut off");
    person.types("b");
    assert_eq!(person.press(Key::Char('y')), Some(Effect::Restart));
    person.types("on");
    assert_eq!(person.press(Key::Char('o')), None);
    assert_eq!(person.press(Key::Char('y')), Some(Effect::PowerOff));
}

#[test]
fn a_restart_amid_a_restore_wants_the_word() {
    let mut person = Person::sees([ApplianceView::default().into(), restore()]);
    person.types("pb");
    person.reads("job 9: restore of web1");
    for word in ["y", "restart now", "shut down"] {
        person.types(word);
        assert_eq!(person.press(Key::Enter), None, "{word}");
        (0..word.len()).for_each(|_| drop(person.press(Key::Backspace)));
    }
    person.types("restart");
    assert_eq!(person.press(Key::Enter), Some(Effect::Restart));
}

#[test]
fn exports_count_while_somebody_uses_them_and_a_silent_engine_counts_always() {
    let export = |connections| ExportView { number: 2, connections, ..ExportView::default() };
    let mut person = Person::sees([export(0).into()]);
    person.types("p");
    person.reads("Nothing would be cut off");
    person.hears(Input::Bus(Update::Shown(std::sync::Arc::new(export(1).into()))));
    person.reads("export 2: 1 clients");
    let mut person = Person::at(true);
    person.hears(Input::Silent(String::new()));
    person.types("po");
    person.reads("Type `shut down`");
    person.press(Key::Escape);
    person.reads_nothing_of("Type");
}

#[test]
fn a_factory_reset_says_what_goes_and_wants_the_words() {
    let mut person = Person::at(true);
    person.types("pf");
    person.reads("What goes: the owner, accounts, tokens");
    person.reads("What stays: the recovery points");
    person.types("factory");
    assert_eq!(person.press(Key::Enter), None);
    person.types(" reset");
    assert_eq!(person.press(Key::Enter), Some(Effect::FactoryReset));
}
