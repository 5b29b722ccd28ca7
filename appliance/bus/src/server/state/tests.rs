//! When changes are told, and how much is kept. Time is given.

use super::*;
use crate::{AlertView, JobState, JobView, PointView};

fn job(number: u64, state: JobState, bytes_done: u64) -> Object {
    JobView { number, state, bytes_done, ..Default::default() }.into()
}

/// A tree with an outbox that has told everything.
fn quiet(objects: Vec<Object>, now: Instant) -> (State, u64) {
    let mut state = State::default();
    objects.into_iter().for_each(|object| state.put(object, now));
    let (outbox, _) = state.open_outbox();
    (state, outbox)
}

/// All batches that are due.
fn told(state: &mut State, outbox: u64, now: Instant) -> Vec<Note> {
    let mut notes = Vec::new();
    loop {
        let due = state.take_due(outbox, now, false);
        notes.extend(due.notes);
        if due.next.is_none_or(|next| next > now) {
            return notes;
        }
    }
}

#[test]
fn progress_is_told_twice_a_second_at_most() {
    let begin = Instant::now();
    let (mut state, outbox) = quiet(vec![job(7, JobState::Running, 0)], begin);
    let (mut signals, mut now) = (0, begin);
    for step in 1..=1000_u64 {
        now = begin + Duration::from_millis(10 * step);
        state.put(job(7, JobState::Running, step), now);
        signals += told(&mut state, outbox, now).len();
    }
    assert!((19..=21).contains(&signals), "{signals} in ten seconds");
    // What was held back comes, too, and says when.
    let next = state.take_due(outbox, now, false).next;
    let rest = next.map(|next| told(&mut state, outbox, next).len()).unwrap_or_default();
    assert_eq!(rest, usize::from(next.is_some()));
    assert_eq!(state.take_due(outbox, now + PROGRESS_INTERVAL, false).next, None);
}

#[test]
fn a_change_of_state_is_told_at_once_and_takes_the_progress_along() {
    let now = Instant::now();
    let (mut state, outbox) = quiet(vec![job(7, JobState::Running, 0)], now);
    state.put(job(7, JobState::Running, 1), now);
    assert_eq!(told(&mut state, outbox, now).len(), 1);
    state.put(job(7, JobState::Running, 2), now);
    assert_eq!(told(&mut state, outbox, now), []);
    state.put(job(7, JobState::Done, 3), now);
    let notes = told(&mut state, outbox, now);
    let Some(Note::Changed { properties, .. }) = notes.first() else { panic!("{notes:?}") };
    assert_eq!(properties.len(), 2, "state and bytes");
    assert!(matches!(notes.last(), Some(Note::Edge(Edge::JobEnded { job: 7, .. }))), "{notes:?}");
    assert_eq!(notes.len(), 2);
}

#[test]
fn what_is_undone_before_it_is_told_is_not_told() {
    let now = Instant::now();
    let (mut state, outbox) = quiet(vec![job(7, JobState::Running, 0)], now);
    state.put(job(7, JobState::Waiting, 0), now);
    state.put(job(7, JobState::Running, 0), now);
    state.put(job(8, JobState::Queued, 0), now);
    state.remove(&Place::Job(8), now);
    assert_eq!(told(&mut state, outbox, now), []);
    state.remove(&Place::Job(7), now);
    assert_eq!(told(&mut state, outbox, now), [Note::Removed { place: Place::Job(7) }]);
}

#[test]
fn a_stop_tells_what_is_held_back() {
    let now = Instant::now();
    let (mut state, outbox) = quiet(vec![job(7, JobState::Running, 0)], now);
    for bytes in [1, 2] {
        state.put(job(7, JobState::Running, bytes), now);
        told(&mut state, outbox, now);
    }
    assert_eq!(state.take_due(outbox, now, true).notes.len(), 1);
}

#[test]
fn the_oldest_ended_jobs_make_room_and_running_ones_stay() {
    let now = Instant::now();
    let mut state = State::default();
    state.put(job(0, JobState::Running, 0), now);
    for number in 1..2 * JOBS_MAX as u64 {
        let (state_of, ended_at) = (JobState::Done, number);
        let job = JobView { number, state: state_of, ended_at, ..Default::default() };
        state.put(job.into(), now);
    }
    assert_eq!(state.objects().count(), JOBS_MAX);
    assert!(state.get(&Place::Job(0)).is_some());
    assert!(state.get(&Place::Job(JOBS_MAX as u64)).is_none());
    assert!(state.get(&Place::Job(2 * JOBS_MAX as u64 - 1)).is_some());
}

#[test]
fn jobs_that_run_are_bounded_too() {
    let now = Instant::now();
    let mut state = State::default();
    (0..2 * JOBS_MAX as u64).for_each(|number| state.put(job(number, JobState::Queued, 0), now));
    assert_eq!(state.objects().count(), JOBS_MAX);
    state.remove(&Place::Job(0), now);
    state.put(job(9_999_999, JobState::Queued, 0), now);
    assert!(state.get(&Place::Job(9_999_999)).is_some());
}

#[test]
fn the_least_severe_alerts_and_the_oldest_points_make_room() {
    let now = Instant::now();
    let mut state = State::default();
    for number in 0..=ALERTS_MAX as u64 {
        let severity = if number == 5 { 1 } else { 7 };
        state.put(AlertView { number, severity, ..Default::default() }.into(), now);
    }
    assert!(state.get(&Place::Alert(5)).is_none());
    for sequence in 0..=POINTS_MAX as u64 {
        let id = format!("{sequence:032x}");
        state.put(PointView { id, sequence, ..Default::default() }.into(), now);
    }
    assert_eq!(state.objects().count(), ALERTS_MAX + POINTS_MAX);
    assert!(state.get(&Place::Point("0".repeat(32).parse().unwrap())).is_none());
}

#[test]
fn a_view_without_a_valid_id_is_not_shown() {
    let now = Instant::now();
    let mut state = State::default();
    state.put(PointView { id: "nonsense".into(), ..Default::default() }.into(), now);
    let id = "x".repeat(256);
    state.put(crate::SystemView { id, ..Default::default() }.into(), now);
    assert_eq!(state.objects().count(), 0);
}

#[test]
fn edges_nobody_takes_are_bounded() {
    let now = Instant::now();
    let (mut state, outbox) = quiet(Vec::new(), now);
    for number in 0..2 * EDGES_MAX as u64 {
        state.put(AlertView { number, ..Default::default() }.into(), now);
        state.remove(&Place::Alert(number), now);
    }
    let edges = told(&mut state, outbox, now);
    assert_eq!(edges.len(), EDGES_MAX);
}
