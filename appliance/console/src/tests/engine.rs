//! An engine that answers, one that does not, and one that is locked.

use std::sync::Arc;

use bus::{
    AlertView, ApplianceState, ApplianceView, JobKind, JobState, JobView, Place, PoolView,
    RpoState, SystemView, Update,
};

use super::{NOW, Person};
use crate::{Clock, Effect, Input, Key};

fn locked() -> ApplianceView {
    ApplianceView { state: ApplianceState::Locked, open_alerts: 2, ..ApplianceView::default() }
}

fn alert(number: u64, severity: u32) -> AlertView {
    AlertView {
        number,
        severity,
        subject: format!("disk {number}"),
        cause: "it reads slowly".into(),
        next_step: "replace it soon".into(),
        ..AlertView::default()
    }
}

#[test]
fn status_says_how_the_box_is_and_what_to_do_next() {
    let pool = PoolView { stored_bytes: 5_000, days_until_full: 40, ..PoolView::default() };
    let system = SystemView {
        id: "a".into(),
        name: "mail".into(),
        last_point_at: NOW - 7_200,
        rpo_state: RpoState::Breached,
        ..SystemView::default()
    };
    let job = JobView {
        number: 3,
        kind: JobKind::Ingest,
        state: JobState::Running,
        bytes_done: 30,
        bytes_total: 60,
        seconds_left: 180,
        subject: "mail".into(),
        ..JobView::default()
    };
    let person = Person::sees([
        locked().into(),
        pool.into(),
        system.into(),
        job.into(),
        alert(1, 3).into(),
        alert(2, 8).into(),
    ]);
    person.reads("2027-01-15 08:00:00 UTC");
    person.reads("locked, healthy");
    person.reads("5.0 kB stored, 0 B free, full in 40 days");
    person.reads("2 open; the worst, 8 of 10: disk 2");
    person.reads("Next step  replace it soon");
    assert!(person.reads("mail ").contains("newest 2 h ago"));
    person.reads("RPO breached");
    person.reads("running 50%, 3 min left");
}

#[test]
fn an_engine_that_is_gone_leaves_what_was_known_and_says_how_old_it_is() {
    let mut person = Person::sees([locked().into(), alert(1, 3).into()]);
    person.hears(Input::Bus(Update::Lost));
    person.hears(Input::Tick(Clock { now: NOW, up: 340 }));
    assert!(person.reads("does not answer").contains("last seen 4 min ago"));
    person.reads("disk 1");
    // What it shows when it is back takes the place of what was.
    person.hears(Input::Bus(Update::Shown(Arc::new(locked().into()))));
    person.reads_nothing_of("does not answer");
    person.reads_nothing_of("disk 1");
    let mut silent = Person::at(true);
    silent.hears(Input::Silent("the bus cannot be reached".into()));
    silent.reads("not seen since this console began");
}

#[test]
fn a_passphrase_is_hidden_and_goes_to_the_engine() {
    let mut person = Person::sees([locked().into()]);
    person.types("ufour words?");
    person.press(Key::Backspace);
    person.reads("> **********_");
    person.reads_nothing_of("four");
    let Some(Effect::Unlock(secret)) = person.press(Key::Enter) else { panic!("it unlocks") };
    assert_eq!(secret.bytes(), b"four words");
    assert_eq!(format!("{secret:?}"), "Secret");
    let ready = ApplianceView { state: ApplianceState::Ready, ..locked() };
    let mut person = Person::sees([ready.into()]);
    person.types("u");
    person.reads("not locked");
}

#[test]
fn alerts_stand_by_severity_and_are_taken_on_by_somebody() {
    let mut person = Person::sees([alert(1, 3).into(), alert(2, 8).into()]);
    person.types("a");
    assert!(person.reads("> ").contains("disk 2"));
    person.press(Key::Enter);
    person.reads("replace it soon");
    person.types("k");
    assert_eq!(person.press(Key::Enter), None, "somebody must be named");
    person.types("Kim");
    let taken = person.press(Key::Enter);
    assert_eq!(taken, Some(Effect::Acknowledge { alert: 2, by: "Kim".into() }));
}

#[test]
fn a_job_is_cancelled_only_after_a_yes_and_only_while_it_runs() {
    let job = |number, state| JobView { number, state, ..JobView::default() };
    let running = job(4, JobState::Running);
    let mut over = job(5, JobState::Failed);
    over.cause = "the disk was unplugged".into();
    over.next_step = "plug it in again".into();
    let mut person = Person::sees([running.clone().into(), over.into()]);
    person.types("jx");
    person.reads("Cancel job 4");
    person.types("n");
    person.types("x");
    assert_eq!(person.press(Key::Char('y')), Some(Effect::Cancel(4)));
    person.press(Key::Down);
    person.types("x");
    person.reads("Job 5 is over");
    person.press(Key::Enter);
    person.reads("the disk was unplugged");
    person.reads("plug it in again");
    person.hears(Input::Bus(Update::Gone(Place::Job(5))));
    person.reads("no longer shown");
}
