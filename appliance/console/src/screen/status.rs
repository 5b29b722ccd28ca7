//! How the box is.

use bus::{ApplianceState, JobView, PoolView, SystemView};
use model::Bytes;

use super::{Page, Row};
use crate::key::Key;
use crate::state::{Console, Dialog, Effect, Secret};
use crate::text;

/// Most lines of the next step of the worst alert.
const STEP_LINES: usize = 3;

pub(super) fn press(console: &mut Console, key: Key) -> Option<Effect> {
    match key {
        Key::Char('u') if is_locked(console) => console.ask(Dialog::Unlock(Secret::default())),
        Key::Char('u') => console.say("The pool is not locked."),
        _ => None,
    }
}

pub(super) fn hints(console: &Console) -> &'static str {
    if is_locked(console) { "u unlock the pool" } else { "Up/Down scroll" }
}

fn is_locked(console: &Console) -> bool {
    let state = console.known.appliance().map(|appliance| appliance.state);
    state == Some(ApplianceState::Locked)
}

pub(super) fn page(console: &Console, columns: usize) -> Page {
    let known = &console.known;
    let now = console.clock.now;
    let appliance = match known.appliance() {
        Some(view) => format!("{}, {}; engine {}", view.state, view.verdict, view.version),
        None => "not known yet".to_owned(),
    };
    let mut head = vec![
        Row::plain(format!("Time       {}", text::instant(now))),
        Row::strong(format!("Appliance  {appliance}")),
        Row::plain(format!("Pool       {}", known.pool().map_or("none known".into(), pool))),
        Row::plain(format!("Addresses  {}", addresses(console))),
    ];
    if is_locked(console) {
        head.push(Row::strong("The pool is locked: press u and type the passphrase."));
    }
    head.extend(alerts(console, columns));
    let mut list = vec![Row::strong("Protected systems")];
    list.extend(known.systems().map(|view| Row::plain(system(view, now))));
    if list.len() == 1 {
        list.push(Row::plain("  none known"));
    }
    list.push(Row::strong("Jobs under way"));
    let running: Vec<Row> =
        known.jobs().filter(|job| !job.state.is_ended()).map(|one| Row::plain(job(one))).collect();
    match running.is_empty() {
        true => list.push(Row::plain("  none")),
        false => list.extend(running),
    }
    Page::scroll(head, list, console.at)
}

fn pool(pool: &PoolView) -> String {
    let full = match pool.days_until_full {
        0.. => format!(", full in {} days", pool.days_until_full),
        _ => String::new(),
    };
    let full = if pool.full { ", FULL".to_owned() } else { full };
    let (stored, free) = (Bytes(pool.stored_bytes), Bytes(pool.free_bytes));
    format!("{}, {stored} stored, {free} free{full}", pool.state)
}

fn addresses(console: &Console) -> String {
    match console.network.reachable() {
        none if none.is_empty() => "none: see Network".to_owned(),
        some => some.join(" "),
    }
}

fn alerts(console: &Console, columns: usize) -> Vec<Row> {
    let alerts = console.known.alerts();
    let open = console.known.appliance().map_or(0, |appliance| appliance.open_alerts);
    let Some(worst) = alerts.first() else {
        return vec![Row::plain(format!("Alerts     {open} open")), Row::empty()];
    };
    let (severity, subject) = (worst.severity, &worst.subject);
    let mut rows = vec![
        Row::strong(format!("Alerts     {open} open; the worst, {severity} of 10: {subject}")),
        Row::plain(format!("           {}", worst.cause)),
    ];
    let next = text::wrapped(&worst.next_step, columns.saturating_sub(11));
    let next = next.into_iter().take(STEP_LINES).enumerate();
    rows.extend(next.map(|(at, line)| {
        Row::plain(format!("{:<11}{line}", if at == 0 { "Next step" } else { "" }))
    }));
    rows.push(Row::empty());
    rows
}

fn system(view: &SystemView, now: u64) -> String {
    let age = text::ago(now, view.last_point_at);
    let paused = if view.paused { ", paused" } else { "" };
    let name = text::column(&view.name, 24);
    format!("  {name}  newest {age:<12}  RPO {}{paused}", view.rpo_state)
}

fn job(view: &JobView) -> String {
    let kind = text::column(view.kind.as_str(), 8);
    let subject = text::column(&view.subject, 24);
    format!("  {:>4} {kind} {subject} {}", view.number, progress(view))
}

/// How far a job is.
pub(super) fn progress(job: &JobView) -> String {
    if job.bytes_total == 0 {
        return match job.bytes_done {
            0 => job.state.to_string(),
            done => format!("{} {}", job.state, Bytes(done)),
        };
    }
    let percent = u128::from(job.bytes_done) * 100 / u128::from(job.bytes_total);
    let left = match job.seconds_left {
        0 => String::new(),
        seconds => format!(", {} left", text::duration(seconds)),
    };
    format!("{} {}%{left}", job.state, percent.min(100))
}
