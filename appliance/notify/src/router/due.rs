//! What one channel has yet to be told of one alert.

use jiff::Timestamp;
use model::Span;

use super::known::{Known, Told};
use crate::event::EventKind;
use crate::settings::{AgreementKind, Route, Settings};

/// What is to be done about an alert and a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// There is something to be told, when hours begin.
    Hold,
    Tell(EventKind),
}

pub(super) fn due(settings: &Settings, known: &Known, channel: &str, now: Timestamp) -> Due {
    match known.told.get(channel) {
        None => first(settings, known, channel, now),
        Some(told) => next(settings, known, channel, told, now),
    }
}

/// For a channel that knows nothing of it.
fn first(settings: &Settings, known: &Known, channel: &str, now: Timestamp) -> Due {
    if known.over {
        return Due::Nothing;
    }
    let mut routes = matching(settings, known, channel, now).peekable();
    if routes.peek().is_none() {
        return Due::Nothing;
    }
    match routes.any(|route| is_open(route, now)) {
        true => Due::Tell(EventKind::Raised),
        false => Due::Hold,
    }
}

/// For a channel that was told of it before.
fn next(settings: &Settings, known: &Known, channel: &str, told: &Told, now: Timestamp) -> Due {
    let silent = is_silent(settings, known, now);
    let acknowledged = known.is_acknowledged();
    let kind = match () {
        () if known.over => EventKind::Cleared,
        () if silent => return Due::Nothing,
        () if told.severity != known.event.severity => EventKind::Changed,
        () if acknowledged && !told.acknowledged => EventKind::Acknowledged,
        () if !acknowledged && wants_reminder(settings, known, channel, told, now) => {
            EventKind::Reminder
        }
        () => return Due::Nothing,
    };
    // Who was told hears the rest too, also when it is no more as bad as the route wants.
    let mut leading = settings.routes.iter().filter(|route| leads(route, known, channel));
    let mut open = leading.clone().next().is_none();
    open |= leading.any(|route| is_open(route, now));
    if open { Due::Tell(kind) } else { Due::Hold }
}

fn wants_reminder(
    settings: &Settings,
    known: &Known,
    channel: &str,
    told: &Told,
    now: Timestamp,
) -> bool {
    let mut routes = matching(settings, known, channel, now);
    routes.any(|route| {
        let repeat = route.repeat.is_some_and(|repeat| passed(told.at, repeat, now));
        repeat && is_open(route, now)
    })
}

/// Routes by which the channel is to be told now, if their hours let it.
pub(super) fn matching<'a>(
    settings: &'a Settings,
    known: &'a Known,
    channel: &'a str,
    now: Timestamp,
) -> impl Iterator<Item = &'a Route> {
    let silent = is_silent(settings, known, now);
    let routes = settings.routes.iter().filter(move |_| !silent);
    routes.filter(move |route| leads(route, known, channel) && matches(route, known, now))
}

/// Whether nobody is to be told anything of the client's.
fn is_silent(settings: &Settings, known: &Known, now: Timestamp) -> bool {
    settings.agreement(&known.event.client, now) == AgreementKind::None
}

/// Whether a route goes from the alert's client to the channel. No channel is told of its own
/// death.
fn leads(route: &Route, known: &Known, channel: &str) -> bool {
    let from = route.clients.is_empty() || route.clients.contains(&known.event.client);
    let own = known.own && known.event.subject == channel;
    from && !own && route.channels.iter().any(|name| name == channel)
}

fn matches(route: &Route, known: &Known, now: Timestamp) -> bool {
    let event = &known.event;
    let any = |list: &[String], word: &String| list.is_empty() || list.contains(word);
    let escalated = match route.after {
        Some(after) => !known.is_acknowledged() && passed(known.first, after, now),
        None => true,
    };
    event.severity >= route.min_severity
        && any(&route.codes, &event.code)
        && any(&route.sides, &event.side)
        && escalated
}

fn is_open(route: &Route, now: Timestamp) -> bool {
    route.hours.as_ref().is_none_or(|hours| hours.hold(now))
}

fn passed(from: i64, span: Span, now: Timestamp) -> bool {
    now.as_second().saturating_sub(from).unsigned_abs() >= span.0
}
