//! Changes that are planned: whoever they concern is told ahead, and it is kept when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use notify::{Event, EventKind, PLANNED};
use report::{Notice, NoticeVerdict, Told};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::identity::Identity;

/// A notice with what its report does not need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Planned {
    #[serde(flatten)]
    pub(crate) of: Notice,
    /// Who announced it.
    pub(crate) by: String,
    /// When it was said that it does not take place.
    pub(crate) cancelled: Option<u64>,
    /// The time zone of each client, in which it is told when.
    pub(crate) zones: BTreeMap<String, String>,
}

impl Planned {
    /// Whether an account is concerned.
    pub(crate) fn is_seen_by(&self, who: &Identity) -> bool {
        self.of.clients.iter().any(|client| who.sees_client(client))
    }

    /// As an account sees it.
    pub(crate) fn to_json(&self, who: &Identity, now: u64) -> Value {
        let seen = self.of.clients.iter().filter(|client| who.sees_client(client));
        let clients: Vec<Value> = seen.map(|client| self.of_client(client, now)).collect();
        json!({
            "id": self.of.id,
            "what": self.of.what,
            "reason": self.of.reason,
            "begin": self.of.begin,
            "end": self.of.end,
            "emergency": self.of.emergency,
            "by": self.by,
            "cancelled": self.cancelled,
            "clients": clients,
        })
    }

    fn of_client(&self, client: &str, now: u64) -> Value {
        let (state, seconds) = match self.of.judge(client, now) {
            NoticeVerdict::InTime { ahead } => ("in-time", ahead),
            NoticeVerdict::Due { left } => ("due", left),
            NoticeVerdict::Emergency => ("emergency", 0),
            NoticeVerdict::NoReason => ("no-reason", 0),
            NoticeVerdict::Short { by } => ("short", by),
            NoticeVerdict::NotTold => ("not-told", 0),
        };
        let told = self.of.told_at(client);
        json!({ "client": client, "state": state, "seconds": seconds, "told": told })
    }

    /// Notes that a client was told; the first time counts.
    pub(crate) fn told(&mut self, client: &str, at: u64) {
        let concerned = self.of.clients.iter().any(|own| own == client);
        if concerned && self.of.told_at(client).is_none_or(|first| at < first) {
            self.of.told.retain(|told| told.client != client);
            self.of.told.push(Told { client: client.to_owned(), at });
        }
    }

    /// Whether people are to know of it now.
    pub(crate) fn is_ahead(&self, now: u64) -> bool {
        self.cancelled.is_none() && now < self.of.end
    }

    /// What each client is to be told, until it is over.
    pub(crate) fn events(&self, now: u64, appliance: &str, portal: &str) -> Vec<Event> {
        let clients = self.of.clients.iter().filter(|_| self.is_ahead(now));
        clients.map(|client| self.event(client, appliance, portal)).collect()
    }

    fn event(&self, client: &str, appliance: &str, portal: &str) -> Event {
        let Notice { id, what, reason, begin, end, emergency, .. } = &self.of;
        let zone = self.zones.get(client).and_then(|zone| TimeZone::get(zone).ok());
        let zone = zone.unwrap_or(TimeZone::UTC);
        let time = |second: u64| {
            let at = Timestamp::from_second(second.cast_signed()).unwrap_or_default();
            at.to_zoned(zone.clone()).strftime("%F %H:%M %Z").to_string()
        };
        let urgent = emergency.as_deref().map(|why| format!("It could not wait: {why}"));
        let texts = [Some(what.clone()), Some(reason.clone()), urgent];
        let texts: Vec<String> = texts
            .into_iter()
            .flatten()
            .map(|text| text.trim().trim_end_matches('.').to_owned())
            .filter(|text| !text.is_empty())
            .collect();
        Event {
            kind: EventKind::Raised,
            number: *id,
            code: PLANNED.to_owned(),
            severity: 5,
            priority: "notify".to_owned(),
            side: "box".to_owned(),
            client: client.to_owned(),
            subject: format!("change {id} for {client}"),
            cause: format!("From {} to {}: {}.", time(*begin), time(*end), texts.join(". ")),
            next_step: "Nothing; see that everybody knows who has to.".to_owned(),
            // What makes it another occurrence for whoever was told.
            since: *begin,
            // It is told once: nobody has to answer, and nobody is called because of it.
            acknowledged_by: self.by.clone(),
            appliance: appliance.to_owned(),
            portal: portal.to_owned(),
            figures: Vec::new(),
            receipt: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use report::NOTICE_AHEAD;

    use super::*;

    fn change() -> Planned {
        let of = Notice {
            id: 3,
            what: "The box restarts.".into(),
            reason: "A new version".into(),
            begin: 1_795_161_600,
            end: 1_795_165_200,
            clients: vec!["acme".into(), "globex".into()],
            ..Notice::default()
        };
        let zones = BTreeMap::from([("acme".to_owned(), "Europe/Berlin".to_owned())]);
        Planned { of, by: "tom".into(), cancelled: None, zones }
    }

    #[test]
    fn every_client_is_told_in_its_own_time_until_it_is_over_or_does_not_take_place() {
        let mut change = change();
        let events = change.events(change.of.begin - 1000, "box-7", "");
        let causes: Vec<&str> = events.iter().map(|event| event.cause.as_str()).collect();
        let text = "The box restarts. A new version.";
        assert_eq!(
            causes,
            [
                format!("From 2026-11-20 09:00 CET to 2026-11-20 10:00 CET: {text}"),
                format!("From 2026-11-20 08:00 UTC to 2026-11-20 09:00 UTC: {text}"),
            ]
        );
        assert_ne!(events[0].subject, events[1].subject, "one is not the other's");
        assert!(change.events(change.of.end, "box-7", "").is_empty());
        change.cancelled = Some(1);
        assert!(change.events(1, "box-7", "").is_empty());
    }

    #[test]
    fn who_was_told_first_counts_and_nobody_else() {
        let mut change = change();
        let latest = change.of.begin - NOTICE_AHEAD;
        change.told("acme", latest + 50);
        change.told("acme", latest - 50);
        change.told("acme", latest + 99);
        change.told("strangers", 1);
        assert_eq!(change.of.told.len(), 1);
        let of = |client: &str, now| change.of_client(client, now);
        let in_time = json!({
            "client": "acme", "state": "in-time", "seconds": NOTICE_AHEAD + 50,
            "told": latest - 50,
        });
        assert_eq!(of("acme", latest), in_time);
        assert_eq!(of("globex", latest - 9)["seconds"], 9);
        assert_eq!(of("globex", latest + 1)["state"], "not-told");
    }

    #[test]
    fn what_is_kept_reads_back() {
        let change = change();
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(serde_json::from_str::<Planned>(&text).unwrap(), change);
    }
}
