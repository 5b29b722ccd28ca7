//! The screen that somebody claims the box from.

use super::Person;
use crate::{Claim, Effect, Input, Key, Open};

fn open() -> Claim {
    Claim::Open(Open {
        code: "AB12-CD34-EF56".into(),
        addresses: vec!["https://192.0.2.7:8443/".into()],
        fingerprint: "0123456789abcdef".repeat(4),
    })
}

#[test]
fn code_address_fingerprint_and_picture_fit_on_one_screen() {
    let mut person = Person::at(true);
    person.hears(Input::Claim(open()));
    person.types("c");
    person.reads("A B 1 2 - C D 3 4 - E F 5 6");
    person.reads("https://192.0.2.7:8443/");
    person.reads("0123 4567 89ab cdef");
    // The last of them has the lower half of no module.
    let blocks = |line: &&String| line.contains(['█', '▀']);
    assert_eq!(person.screen().iter().filter(blocks).count(), 19);
    // Where it does not fit it is left out, and the text stays.
    (person.columns, person.lines) = (60, 20);
    person.reads("A B 1 2 - C D 3 4 - E F 5 6");
    person.reads("does not fit");
}

#[test]
fn a_terminal_of_ascii_says_that_there_is_no_picture() {
    let mut person = Person::at(false);
    person.hears(Input::Claim(open()));
    person.types("c");
    person.reads("not UTF-8");
    person.reads("A B 1 2 - C D 3 4 - E F 5 6");
}

#[test]
fn a_box_that_has_an_owner_shows_no_code_and_a_locked_one_gets_a_new_one() {
    let mut person = Person::at(true);
    person.types("c");
    person.reads("Nothing is known");
    person.hears(Input::Claim(open()));
    person.types("n");
    person.reads("only made after");
    person.hears(Input::Claim(Claim::Claimed));
    person.reads("it has an owner");
    person.reads_nothing_of("A B 1 2");
    person.hears(Input::Claim(Claim::Locked));
    person.reads("20 wrong codes");
    assert_eq!(person.press(Key::Char('n')), Some(Effect::NewCode));
    person.hears(Input::Claim(Claim::Unusable("the file is cut".into())));
    person.reads("the file is cut");
}
