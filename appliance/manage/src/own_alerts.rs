//! What this service itself sees to be wrong: the engine cannot tell that it is away, and does not
//! know who is told of what.

use std::time::{Duration, Instant};

use notify::{Event, EventKind, Settings};

use crate::server::{Server, now};

/// The engine may be away for so long, as when it is started again.
const AWAY: Duration = Duration::from_secs(300);

/// How often the plan is looked at.
const AGAIN: Duration = Duration::from_secs(60);

/// How long is waited for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Codes of these alerts.
const ENGINE_AWAY: &str = "engine-away";
const CLIENT_UNKNOWN: &str = "client-unknown";

/// How things were when they were looked at.
#[derive(Debug, Default)]
pub(crate) struct OwnAlerts {
    /// Since when the engine is away: by a clock that only runs, and by that on the wall.
    away: Option<(Instant, u64)>,
    /// Clients of the plan, as it was last, and when that was asked for.
    clients: Option<Vec<String>>,
    asked: Option<Instant>,
}

impl OwnAlerts {
    /// Looks at how things are.
    pub(crate) async fn look(&mut self, server: &Server) {
        let at = Instant::now();
        self.note_engine(server.world.has_engine(), at, now());
        let settings = server.channels.notifier.settings();
        let mut is_due = self.asked.is_none_or(|asked| at.duration_since(asked) >= AGAIN);
        // The plan may have changed since it was asked for.
        is_due |= strangers(settings.clients(), self.clients.as_deref()).next().is_some();
        is_due &= !settings.clients().is_empty();
        if is_due && self.away.is_none() {
            self.asked = Some(at);
            let clients = tokio::time::timeout(PATIENCE, server.clients()).await;
            self.clients = clients.ok().flatten().or_else(|| self.clients.take());
        }
    }

    fn note_engine(&mut self, is_there: bool, at: Instant, wall: u64) {
        self.away = match is_there {
            true => None,
            false => self.away.or(Some((at, wall))),
        };
    }

    /// What is wrong.
    pub(crate) fn events(&self, settings: &Settings, appliance: &str) -> Vec<Event> {
        let since = self.away.filter(|(at, _)| at.elapsed() >= AWAY).map(|(_, since)| since);
        let away = since.map(|since| Event {
            since,
            cause: "The storage engine has not answered for five minutes: nothing is backed up, \
                    and what else is wrong is not known."
                .to_owned(),
            next_step: "On the box, read `systemctl status holdfast-engine` and `journalctl -u \
                        holdfast-engine`; restart the box if it does not come back."
                .to_owned(),
            priority: "p1".to_owned(),
            ..event(ENGINE_AWAY, 9, appliance, appliance)
        });
        let strangers = strangers(settings.clients(), self.clients.as_deref());
        let strangers = strangers.map(|client| Event {
            cause: stranger(client),
            next_step: "Correct the name in the settings of the channels, or in the plan.".into(),
            ..event(CLIENT_UNKNOWN, 5, client, appliance)
        });
        away.into_iter().chain(strangers).collect()
    }
}

/// Those names that no client of the plan has; none while that is not known.
pub(crate) fn strangers<'a>(
    names: impl IntoIterator<Item = &'a str>,
    clients: Option<&[String]>,
) -> impl Iterator<Item = &'a str> {
    let is_stranger =
        move |name: &&str| clients.is_some_and(|known| !known.iter().any(|one| one == name));
    names.into_iter().filter(is_stranger)
}

/// What is wrong with such a name.
pub(crate) fn stranger(client: &str) -> String {
    format!(
        "No client of the plan is called \"{client}\": routes, agreements and reports by mail that \
         name it concern nobody."
    )
}

fn event(code: &str, severity: u8, subject: &str, appliance: &str) -> Event {
    Event {
        kind: EventKind::Raised,
        number: 0,
        code: code.to_owned(),
        severity,
        priority: "p3".to_owned(),
        side: "box".to_owned(),
        client: String::new(),
        subject: subject.to_owned(),
        cause: String::new(),
        next_step: String::new(),
        since: now(),
        acknowledged_by: String::new(),
        appliance: appliance.to_owned(),
        portal: String::new(),
        figures: Vec::new(),
        receipt: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(own: &OwnAlerts, settings: &Settings) -> Vec<(String, String)> {
        let events = own.events(settings, "box-7").into_iter();
        events.map(|event| (event.code, event.subject)).collect()
    }

    fn pair(code: &str, subject: &str) -> (String, String) {
        (code.to_owned(), subject.to_owned())
    }

    #[test]
    fn an_engine_that_was_never_there_or_went_away_is_missed_after_a_while() {
        let (mut own, settings) = (OwnAlerts::default(), Settings::default());
        let now = Instant::now();
        let Some(before) = now.checked_sub(AWAY) else { return };
        own.note_engine(false, now, 7);
        assert_eq!(codes(&own, &settings), []);
        own.note_engine(true, now, 8);
        own.note_engine(false, before, 9);
        own.note_engine(false, now, 99);
        assert_eq!(codes(&own, &settings), [pair(ENGINE_AWAY, "box-7")]);
        assert_eq!(own.events(&settings, "box-7")[0].since, 9);
        own.note_engine(true, now, 100);
        assert_eq!(codes(&own, &settings), []);
    }

    #[test]
    fn a_name_that_no_client_has_is_told_once_the_plan_is_known() {
        let text = "format = 1\n[[channel]]\nname = \"a\"\nkind = \"syslog\"\nhost = \"h\"\n\
            [[route]]\nchannels = [\"a\"]\nclients = [\"acme\", \"old\"]\n\
            [[agreement]]\nclient = \"older\"\nkind = \"full\"\n";
        let settings = Settings::parse(text, None).into_settings().unwrap();
        let mut own = OwnAlerts::default();
        assert_eq!(codes(&own, &settings), []);
        own.clients = Some(vec!["acme".to_owned(), "new".to_owned()]);
        let expected = [pair(CLIENT_UNKNOWN, "old"), pair(CLIENT_UNKNOWN, "older")];
        assert_eq!(codes(&own, &settings), expected);
    }
}
