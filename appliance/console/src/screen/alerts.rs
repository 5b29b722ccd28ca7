//! What is wrong, and what to do about it.

use bus::{AlertView, Object, Place};

use super::{Page, Row};
use crate::key::Key;
use crate::state::{Console, Dialog, Effect, Inside, Line};
use crate::text;

pub(super) fn press(console: &mut Console, key: Key) -> Option<Effect> {
    let number = console.inside.alert.or_else(|| {
        let alerts = console.known.alerts();
        alerts.get(console.at).map(|alert| alert.number)
    })?;
    match key {
        Key::Enter => console.enter(Inside { alert: Some(number), ..Inside::default() }),
        Key::Escape | Key::Backspace => console.enter(Inside::default()),
        Key::Char('k') => return acknowledge(console, number),
        _ => {}
    }
    None
}

fn acknowledge(console: &mut Console, number: u64) -> Option<Effect> {
    let Some(alert) = found(console, number) else {
        return console.say(format!("Alert {number} is over."));
    };
    let about = vec![
        format!("{}: {}", alert.subject, alert.cause),
        "It is still shown until its cause is gone.".into(),
    ];
    console.ask(Dialog::By { about, alert: number, line: Line::default() })
}

fn found(console: &Console, number: u64) -> Option<&AlertView> {
    match console.known.at(&Place::Alert(number))? {
        Object::Alert(alert) => Some(alert),
        _ => None,
    }
}

pub(super) fn hints(console: &Console) -> &'static str {
    match console.inside.alert {
        Some(_) => "k acknowledge  Esc back",
        None => "Up/Down choose  Enter details  k acknowledge",
    }
}

pub(super) fn page(console: &Console, columns: usize) -> Page {
    if let Some(number) = console.inside.alert {
        let rows = match found(console, number) {
            Some(alert) => details(alert, columns),
            None => vec![Row::plain(format!("Alert {number} is over."))],
        };
        return Page::scroll(Vec::new(), rows, console.at);
    }
    let alerts = console.known.alerts();
    let item = |(at, alert): (usize, &&AlertView)| {
        let taken = if alert.acknowledged_by.is_empty() { ' ' } else { 'k' };
        let subject = text::column(&alert.subject, 20);
        let text = format!("{:>2} {taken} {subject}  {}", alert.severity, alert.cause);
        Row::item(text, at == console.at)
    };
    let list: Vec<Row> = alerts.iter().enumerate().map(item).collect();
    let head = match list.is_empty() {
        true => "Nothing is wrong, as far as is known.",
        false => "Of 10, k: taken on, subject, cause",
    };
    Page::list(vec![Row::strong(head)], list, console.at)
}

fn details(alert: &AlertView, columns: usize) -> Vec<Row> {
    let taken = match alert.acknowledged_by.as_str() {
        "" => "nobody has taken it on",
        by => by,
    };
    let mut rows = vec![
        Row::strong(format!("{}, {} of 10: {}", alert.code, alert.severity, alert.subject)),
        Row::plain(format!("Side       {}", alert.side)),
        Row::plain(format!("Since      {}, {} times", text::instant(alert.since), alert.count)),
        Row::plain(format!("Taken on   {taken}")),
        Row::empty(),
        Row::strong("Cause"),
    ];
    rows.extend(text::wrapped(&alert.cause, columns).into_iter().map(Row::plain));
    rows.push(Row::strong("Next step"));
    rows.extend(text::wrapped(&alert.next_step, columns).into_iter().map(Row::plain));
    rows
}
