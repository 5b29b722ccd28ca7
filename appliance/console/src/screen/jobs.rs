//! What the engine does and did.

use bus::{JobView, Object, Place};

use super::status::progress;
use super::{Page, Row};
use crate::key::Key;
use crate::state::{Console, Dialog, Effect, Inside};
use crate::text;

pub(super) fn press(console: &mut Console, key: Key) -> Option<Effect> {
    let number = console.inside.job.or_else(|| {
        let jobs = console.known.jobs_in_order();
        jobs.get(console.at).map(|job| job.number)
    })?;
    match key {
        Key::Enter => console.enter(Inside { job: Some(number), ..Inside::default() }),
        Key::Escape | Key::Backspace => console.enter(Inside::default()),
        Key::Char('x') => return cancel(console, number),
        _ => {}
    }
    None
}

fn cancel(console: &mut Console, number: u64) -> Option<Effect> {
    match found(console, number) {
        Some(job) if !job.state.is_ended() => {
            let about = format!("Cancel job {number}, {} of {}?", job.kind, job.subject);
            let about = vec![about, "Of a cancelled ingest no recovery point is left.".into()];
            console.ask(Dialog::Ask { about, yes: Effect::Cancel(number) })
        }
        _ => console.say(format!("Job {number} is over.")),
    }
}

fn found(console: &Console, number: u64) -> Option<&JobView> {
    match console.known.at(&Place::Job(number))? {
        Object::Job(job) => Some(job),
        _ => None,
    }
}

pub(super) fn hints(console: &Console) -> &'static str {
    match console.inside.job {
        Some(_) => "x cancel  Esc back",
        None => "Up/Down choose  Enter details  x cancel",
    }
}

pub(super) fn page(console: &Console, columns: usize) -> Page {
    if let Some(number) = console.inside.job {
        let rows = match found(console, number) {
            Some(job) => details(job, columns),
            None => vec![Row::plain(format!("Job {number} is no longer shown."))],
        };
        return Page::scroll(Vec::new(), rows, console.at);
    }
    let jobs = console.known.jobs_in_order();
    let now = console.clock.now;
    let item = |(at, job): (usize, &&JobView)| Row::item(line(job, now), at == console.at);
    let list: Vec<Row> = jobs.iter().enumerate().map(item).collect();
    let head = match list.is_empty() {
        true => "No jobs are known.",
        false => "   No  Kind      What                      State",
    };
    Page::list(vec![Row::strong(head)], list, console.at)
}

fn line(job: &JobView, now: u64) -> String {
    let subject = text::column(&job.subject, 24);
    let state = match job.state.is_ended() {
        true => format!("{} {}", job.state, text::ago(now, job.ended_at)),
        false => progress(job),
    };
    format!("{:>4} {} {subject}  {state}", job.number, text::column(job.kind.as_str(), 9))
}

fn details(job: &JobView, columns: usize) -> Vec<Row> {
    let mut rows = vec![
        Row::strong(format!("Job {}, {} of {}", job.number, job.kind, job.subject)),
        Row::plain(format!("State      {}, try {}", progress(job), job.attempt)),
        Row::plain(format!("Asked for  {}", text::instant(job.queued_at))),
        Row::plain(format!("Began      {}", shown(job.started_at))),
        Row::plain(format!("Ended      {}", shown(job.ended_at))),
        Row::empty(),
    ];
    for (label, part) in [("Cause", &job.cause), ("Next step", &job.next_step)] {
        if !part.is_empty() {
            rows.push(Row::strong(label));
            rows.extend(text::wrapped(part, columns).into_iter().map(Row::plain));
        }
    }
    rows.extend(job.report.lines().map(Row::plain));
    rows
}

fn shown(at: u64) -> String {
    if at == 0 { "not yet".to_owned() } else { text::instant(at) }
}
