//! What everybody sees: screens, keys, and nothing that a terminal would obey.

use bus::{AlertView, DiskView, JobView, Object, SystemView};
use proptest::prelude::*;

use super::Person;
use crate::{Effect, Input, Interface, Key, Network};

const LETTERS: &str = "sctdjarp";

fn system(name: &str) -> Object {
    SystemView { id: "a".into(), name: name.into(), ..SystemView::default() }.into()
}

#[test]
fn every_screen_is_reached_by_a_letter_and_by_arrows_and_shows_its_keys() {
    let (mut by_letter, mut by_arrow) = (Person::at(false), Person::at(false));
    for letter in LETTERS.chars() {
        assert_eq!(by_letter.press(Key::Char(letter)), None);
        assert_eq!(by_letter.screen(), by_arrow.screen(), "{letter}");
        let screen = by_letter.screen();
        assert!(screen[24].contains("Left/Right screens"), "{}", screen[24]);
        let shown = screen[0].split('*').nth(1).unwrap().to_lowercase();
        assert!(shown.contains(&format!("[{letter}]")), "{shown}");
        by_arrow.press(Key::Right);
    }
    assert!(by_arrow.screen()[0].starts_with("*[S]tatus"), "all around");
}

#[test]
fn a_name_with_escape_sequences_does_not_reach_the_terminal() {
    let hostile = "web\x1b[2J\x1b]0;x\x07\u{9b}1m\u{202e}one";
    let alert = AlertView {
        number: 1,
        subject: hostile.into(),
        cause: hostile.into(),
        next_step: hostile.into(),
        ..AlertView::default()
    };
    let mut job = JobView { number: 7, subject: hostile.into(), ..JobView::default() };
    job.report = hostile.into();
    let mut person = Person::sees([system(hostile), alert.into(), job.into()]);
    person.hears(Input::Told(hostile.to_owned()));
    person.reads("web?[2J?]0;x??1m?one");
    for letter in LETTERS.chars() {
        person.press(Key::Char(letter));
        person.press(Key::Enter);
        person.hears(Input::Told(hostile.to_owned()));
        let screen = person.screen().concat();
        assert!(!screen.chars().any(|c| c.is_control() || c == '\u{202e}'), "{letter}: {screen}");
    }
}

#[test]
fn a_terminal_without_utf8_gets_ascii_only() {
    let mut person = Person::at(false);
    person.hears(Input::Bus(bus::Update::Shown(std::sync::Arc::new(system("größe")))));
    assert!(person.screen().concat().is_ascii());
    person.reads("gr??e");
    let mut person = Person::sees([system("größe")]);
    person.reads("größe");
    person.press(Key::Char('p'));
    assert!(person.screen()[1].starts_with('─'));
}

#[test]
fn on_the_box_itself_q_ends_nothing() {
    let mut person = Person::at(true);
    assert_eq!(person.press(Key::Char('q')), None);
    let mut console = crate::Console::new(true, true);
    assert_eq!(console.update(Input::Key(Key::Char('q'))), Some(Effect::Quit));
}

#[test]
fn a_list_that_is_longer_than_the_terminal_keeps_what_is_chosen_in_sight() {
    let jobs = (0..200).map(|number| {
        JobView { number, subject: format!("subject{number}"), ..JobView::default() }.into()
    });
    let mut person = Person::sees(jobs);
    person.press(Key::Char('j'));
    for steps in 0..250_u64 {
        let chosen = person.reads("> ");
        assert!(chosen.contains(&format!("subject{} ", 199 - steps.min(199))), "{chosen}");
        person.press(Key::Down);
    }
    for _ in 0..25 {
        person.press(Key::PageUp);
    }
    assert!(person.reads("> ").contains("subject199 "));
}

#[test]
fn disks_tell_their_number_health_and_temperature() {
    let mut disk = DiskView { number: 1, name: "/dev/sdb".into(), ..DiskView::default() };
    disk.id = "00000000000000000000000000000001".into();
    disk.smart_facts.insert("temperature_celsius".into(), bus::Fact::Number(41));
    disk.bytes_behind = 5_000_000;
    let mut person = Person::sees([disk.into()]);
    person.press(Key::Char('d'));
    let line = person.reads("/dev/sdb");
    assert!(line.contains("41 C") && line.contains("5.0 MB"), "{line}");
}

#[test]
fn a_form_begins_with_how_it_is_so_that_enter_changes_nothing() {
    let mut person = Person::at(true);
    let address = "192.0.2.10/24".to_owned();
    let fixed = Interface { name: "eth0".into(), fixed: true, ..Interface::default() };
    let interfaces = vec![Interface { addresses: vec![address], ..fixed }];
    person.hears(Input::Network(Network { interfaces, dns: Vec::new() }));
    person.types("t");
    person.press(Key::Enter);
    person.reads("( ) DHCP  (*) static");
    let Some(Effect::Network { setting, .. }) = person.press(Key::Enter) else {
        panic!("{:?}", person.screen())
    };
    assert!(setting.file("eth0").ends_with("[Network]\nAddress=192.0.2.10/24\n"));
}

#[test]
fn a_form_says_which_field_is_wrong_and_then_gives_the_setting() {
    let interface = Interface { name: "eth0".into(), ..Interface::default() };
    let mut person = Person::at(true);
    let network = Network { interfaces: vec![interface], dns: Vec::new() };
    person.hears(Input::Network(network));
    person.types("t");
    person.press(Key::Enter);
    person.types(" ");
    person.press(Key::Tab);
    person.types("192.0.2.10");
    assert_eq!(person.press(Key::Enter), None);
    person.reads("! the prefix is missing");
    person.types("/24");
    person.press(Key::Tab);
    person.types("192.0.9.1");
    assert_eq!(person.press(Key::Enter), None);
    person.reads("! 192.0.9.1 is not in the network");
    (0.."9.1".len()).for_each(|_| drop(person.press(Key::Backspace)));
    person.types("2.1");
    let Some(Effect::Network { interface, setting }) = person.press(Key::Enter) else {
        panic!("{:?}", person.screen())
    };
    assert!(setting.file(&interface).contains("Address=192.0.2.10/24\nGateway=192.0.2.1\n"));
    person.reads_nothing_of("Method");
}

proptest! {
    #[test]
    fn no_keys_and_no_size_of_a_terminal_end_it(
        keys in proptest::collection::vec(any::<u8>(), 0..60),
        columns in 1..120_u16,
        lines in 1..50_u16,
    ) {
        let mut person = Person::sees([system("web"), JobView::default().into()]);
        (person.columns, person.lines) = (columns, lines);
        for key in keys {
            let key = match key {
                0..60 => Key::Enter,
                60..90 => Key::Down,
                90..100 => Key::Up,
                100..110 => Key::Right,
                110..120 => Key::Escape,
                other => Key::Char(char::from(other)),
            };
            person.press(key);
            let _ = person.screen();
        }
    }
}
