//! From a protected system to its bytes.

use bus::{ExportView, Object, Place, PointView};
use model::{Bytes, PointId};

use super::{Page, Row};
use crate::key::Key;
use crate::state::{Console, Dialog, Effect, Inside, Use};
use crate::text;

/// What a line of the first list stands for.
enum Entry<'a> {
    System(String, String),
    Export(&'a ExportView),
}

pub(super) fn press(console: &mut Console, key: Key) -> Option<Effect> {
    match (console.inside.point, console.inside.system.clone()) {
        (Some(point), Some(system)) => press_point(console, point, system, key),
        (_, Some(system)) => press_points(console, system, key),
        _ => press_entries(console, key),
    }
}

fn press_entries(console: &mut Console, key: Key) -> Option<Effect> {
    match (key, entries(console).into_iter().nth(console.at)) {
        (Key::Enter, Some(Entry::System(id, _))) => {
            console.enter(Inside { system: Some(id), ..Inside::default() });
            None
        }
        (Key::Char('x'), Some(Entry::Export(export))) => {
            let (number, clients) = (export.number, export.connections);
            let mut about = vec![
                format!("Stop export {number} of {}?", export.volume),
                format!("{clients} clients use it now."),
            ];
            if export.writable {
                about.push("What they wrote stays in a file of the engine's state.".into());
            }
            console.ask(Dialog::Ask { about, yes: Effect::StopExport(number) })
        }
        (Key::Char('x'), _) => console.say("Choose an export to stop it."),
        _ => None,
    }
}

fn press_points(console: &mut Console, system: String, key: Key) -> Option<Effect> {
    let points = console.known.points_of(&system);
    let point = points.get(console.at).and_then(|point| point.id.parse().ok());
    match (key, point) {
        (Key::Escape | Key::Backspace, _) => console.enter(Inside::default()),
        (Key::Enter, Some(point)) => {
            let inside = Inside { system: Some(system), point: Some(point), ..Inside::default() };
            console.enter(inside);
        }
        _ => {}
    }
    None
}

fn press_point(console: &mut Console, id: PointId, system: String, key: Key) -> Option<Effect> {
    let what = match key {
        Key::Char('w') => Use::Restore,
        Key::Char('e') => Use::Export,
        Key::Escape | Key::Backspace => {
            console.enter(Inside { system: Some(system), ..Inside::default() });
            return None;
        }
        _ => return None,
    };
    let Some(point) = found(console, id) else {
        return console.say("This recovery point is gone.");
    };
    if what == Use::Export && point.content == "stream" {
        return console.say("A stream is no disk: restore it instead.");
    }
    let name = console.known.system_name(point.system.as_str());
    let of = format!("{name} of {}", text::instant(point.created_at));
    let volumes: Vec<(String, u64)> =
        point.volumes.iter().map(|(_, name, bytes)| (name.clone(), *bytes)).collect();
    if volumes.len() > 1 {
        return console.ask(Dialog::Volume { point: id, of, volumes, at: 0, what });
    }
    let (dialog, effect) = Dialog::of_volume(id, &of, volumes.into_iter().next(), what);
    console.dialog = dialog;
    effect
}

fn found(console: &Console, id: PointId) -> Option<&PointView> {
    match console.known.at(&Place::Point(id))? {
        Object::Point(point) => Some(point),
        _ => None,
    }
}

fn entries(console: &Console) -> Vec<Entry<'_>> {
    let systems = console.known.system_names().into_iter();
    let systems = systems.map(|(id, name)| Entry::System(id, name));
    systems.chain(console.known.exports().map(Entry::Export)).collect()
}

pub(super) fn hints(console: &Console) -> &'static str {
    match &console.inside {
        Inside { point: Some(_), .. } => "w write it back  e export as a disk  Esc back",
        Inside { system: Some(_), .. } => "Up/Down choose  Enter take  Esc back",
        _ => "Up/Down choose  Enter open  x stop export",
    }
}

pub(super) fn page(console: &Console) -> Page {
    match &console.inside {
        Inside { point: Some(id), .. } => details(console, *id),
        Inside { system: Some(system), .. } => points(console, system),
        _ => systems(console),
    }
}

fn systems(console: &Console) -> Page {
    let line = |entry: Entry<'_>| match entry {
        Entry::System(id, name) => {
            let newest = console.known.points_of(&id).first().map_or(0, |point| point.created_at);
            let age = text::ago(console.clock.now, newest);
            format!("{}  newest point {age}", text::column(&name, 32))
        }
        Entry::Export(export) => format!(
            "export {}: {}, {} clients, {}{}",
            export.number, export.volume, export.connections, export.socket, export.address
        ),
    };
    let lines = entries(console).into_iter().map(line).enumerate();
    let list: Vec<Row> = lines.map(|(at, line)| Row::item(line, at == console.at)).collect();
    let head = match list.is_empty() {
        true => "No recovery points are known.",
        false => "Protected systems, and what is exported",
    };
    Page::list(vec![Row::strong(head)], list, console.at)
}

fn points(console: &Console, system: &str) -> Page {
    let name = console.known.system_name(Place::System(system.to_owned()).path().as_str());
    let now = console.clock.now;
    let item = |(at, point): (usize, &&PointView)| Row::item(line(point, now), at == console.at);
    let points = console.known.points_of(system);
    let list: Vec<Row> = points.iter().enumerate().map(item).collect();
    Page::list(vec![Row::strong(format!("Recovery points of {name}"))], list, console.at)
}

fn line(point: &PointView, now: u64) -> String {
    let age = text::column(&text::ago(now, point.created_at), 12);
    let size = text::column(&Bytes(point.logical_bytes).to_string(), 9);
    format!("{}  {age} {size} {}", text::instant(point.created_at), marks(point).join(", "))
}

fn marks(point: &PointView) -> Vec<&'static str> {
    let all = [
        (point.broken, "BROKEN"),
        (!point.signals.is_empty() && !point.cleared, "UNUSUAL"),
        (point.proved_at > 0, "proved"),
        (point.verified_at > 0, "verified"),
        (point.held, "held"),
        (point.removed, "is to go"),
    ];
    all.into_iter().filter_map(|(is, mark)| is.then_some(mark)).collect()
}

fn details(console: &Console, id: PointId) -> Page {
    let Some(point) = found(console, id) else {
        return Page::text(vec![Row::plain("This recovery point is gone.")]);
    };
    let name = console.known.system_name(point.system.as_str());
    let now = console.clock.now;
    let made = text::instant(point.created_at);
    let marks = marks(point);
    let mut rows = vec![
        Row::strong(format!("{name}, {made} ({})", text::ago(now, point.created_at))),
        Row::plain(format!("Id           {}", point.id)),
        Row::plain(format!("Size         {}", Bytes(point.logical_bytes))),
        Row::plain(format!("Consistency  {}", point.consistency)),
        Row::plain(format!("Verified     {}", text::ago(now, point.verified_at))),
        Row::plain(format!("Proved       {}", text::ago(now, point.proved_at))),
        Row::plain(format!("Signals      {}", or_none(&point.signals.join(", ")))),
        Row::plain(format!("Marks        {}", or_none(&marks.join(", ")))),
        Row::empty(),
        Row::strong("Volumes"),
    ];
    rows.extend(point.volumes.iter().map(|(number, name, bytes)| {
        Row::plain(format!("{number:>3} {}  {}", text::column(name, 32), Bytes(*bytes)))
    }));
    Page::scroll(Vec::new(), rows, console.at)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
