//! A policy in words, as a table has them.

use plan::{Schedule, System, Window, span_text};

/// `every 2h`, `at 06:30, 18:00`.
pub(super) fn schedule(system: &System) -> String {
    match &system.schedule {
        Schedule::Interval(span) => format!("every {}", span_text(*span)),
        Schedule::Times(minutes) => {
            let time = |minute: &u16| format!("{:02}:{:02}", minute / 60, minute % 60);
            format!("at {}", minutes.iter().map(time).collect::<Vec<_>>().join(", "))
        }
    }
}

pub(super) fn windows(windows: &[Window]) -> String {
    windows.iter().map(Window::to_string).collect::<Vec<_>>().join("; ")
}

/// `24 hourly, 14 daily, 12 monthly`, or that everything stays.
pub(super) fn retention(system: &System) -> String {
    if system.retention.keeps_everything() {
        return "everything stays".into();
    }
    let policy = &system.retention;
    let counts = [
        (policy.last, "last"),
        (policy.hourly, "hourly"),
        (policy.daily, "daily"),
        (policy.weekly, "weekly"),
        (policy.monthly, "monthly"),
        (policy.yearly, "yearly"),
    ];
    let kept = counts.iter().filter(|(count, _)| *count > 0);
    kept.map(|(count, class)| format!("{count} {class}")).collect::<Vec<_>>().join(", ")
}
