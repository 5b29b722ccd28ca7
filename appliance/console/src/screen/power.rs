//! Switching the box off, and giving it back as it came.

use super::{Page, Row};
use crate::key::Key;
use crate::state::{Console, Dialog, Effect, Line};
use crate::text;

pub(super) fn press(console: &mut Console, key: Key) -> Option<Effect> {
    match key {
        Key::Char('b') => ask(console, "Restart", "restart", Effect::Restart),
        Key::Char('o') => ask(console, "Shut down", "shut down", Effect::PowerOff),
        Key::Char('f') => {
            let about = RESET.iter().map(|line| (*line).to_owned()).collect();
            let (word, line) = ("factory reset", Line::default());
            console.ask(Dialog::Word { about, word, line, yes: Effect::FactoryReset })
        }
        _ => None,
    }
}

/// What a factory reset does.
const RESET: [&str; 4] = [
    "Factory reset.",
    "What goes: the owner, accounts, tokens, channels, and the network settings made here.",
    "What stays: the recovery points and the pool's keys. Without the passphrase or the recovery \
     kit nobody can read them.",
    "The management daemon starts anew and the box waits to be claimed again.",
];

fn ask(console: &mut Console, title: &str, word: &'static str, yes: Effect) -> Option<Effect> {
    let busy = reasons(console);
    if busy.is_empty() {
        return console.ask(Dialog::Ask { about: vec![format!("{title} the box?")], yes });
    }
    let mut about = vec![format!("{title}? Refused while this is under way:")];
    about.extend(busy.into_iter().take(SHOWN).map(|line| format!("- {line}")));
    about.push("It would be cut off.".into());
    console.ask(Dialog::Word { about, word, line: Line::default(), yes })
}

/// Most reasons that are named.
const SHOWN: usize = 6;

/// Why the box should not be switched off now.
fn reasons(console: &Console) -> Vec<String> {
    let mut busy = console.known.busy();
    if !console.link.answers {
        busy.push("the engine does not answer: nobody knows what it is doing".into());
    }
    busy
}

pub(super) fn page(console: &Console, columns: usize) -> Page {
    let mut rows = vec![
        Row::plain("b  restart the box"),
        Row::plain("o  shut the box down"),
        Row::plain("f  factory reset: the box forgets its owner"),
        Row::empty(),
    ];
    match reasons(console) {
        none if none.is_empty() => rows.push(Row::plain("Nothing would be cut off now.")),
        some => {
            rows.push(Row::strong("A restart would cut off:"));
            let lines = some.iter().flat_map(|line| text::wrapped(line, columns));
            rows.extend(lines.map(Row::plain));
        }
    }
    Page::scroll(Vec::new(), rows, console.at)
}
