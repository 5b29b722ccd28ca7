//! Restores that somebody asked for: the client's contact asks, the MSP's desk answers, and the
//! clocks that were promised run until it has.

use notify::{Event, EventKind, LATE, REQUESTED};
use report::{Clock, RestoreRequest, Step};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request with what its report does not need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    #[serde(flatten)]
    pub(crate) of: RestoreRequest,
    /// What is wanted back and where to, in the words of who asks.
    pub(crate) wish: String,
    /// Who took each step.
    pub(crate) by: Vec<String>,
}

/// The steps with a promise, and what is said when one is broken.
const PROMISED: [(Step, &str); 2] =
    [(Step::Acknowledged, "nobody has answered"), (Step::Started, "the restore is not begun")];

impl Request {
    /// As everybody reads it who sees its client.
    pub(crate) fn to_json(&self, now: u64) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let promises: Vec<Value> = PROMISED
            .iter()
            .filter_map(|(step, _)| Some((step, self.of.clock(*step, now)?)))
            .map(|(step, clock)| promise(*step, clock))
            .collect();
        value["promises"] = promises.into();
        value["next"] = serde_json::to_value(self.of.clocks.next()).unwrap_or_default();
        value
    }

    /// What people are to be told of it: that it waits, until it is begun, and what is too late.
    pub(crate) fn events(&self, now: u64, appliance: &str, portal: &str) -> Vec<Event> {
        let of = &self.of;
        if of.clocks.at(Step::Started).is_some() {
            return Vec::new();
        }
        let is_system = of.class == report::RestoreClass::System;
        let event = |code: &str, severity, cause| Event {
            kind: EventKind::Raised,
            number: of.id,
            code: code.to_owned(),
            severity,
            priority: if is_system { "p1" } else { "p2" }.to_owned(),
            side: "box".to_owned(),
            client: of.client.clone(),
            subject: format!("request {} for {}", of.id, of.system),
            cause,
            next_step: "Answer it, begin the restore, and say so in the portal.".to_owned(),
            since: of.clocks.requested(),
            acknowledged_by: self.by.first().cloned().unwrap_or_default(),
            appliance: appliance.to_owned(),
            portal: portal.to_owned(),
            figures: Vec::new(),
            receipt: false,
        };
        let asks = format!("{} asks for {} back: {}", of.requester, of.system, self.wish);
        let mut events = vec![event(REQUESTED, if is_system { 8 } else { 6 }, asks)];
        let late = PROMISED.iter().find_map(|(step, what)| match of.clock(*step, now)? {
            Clock::Overdue { .. } => Some(*what),
            Clock::Kept { .. } | Clock::Late { .. } | Clock::Due { .. } => None,
        });
        events.extend(late.map(|what| {
            let cause =
                format!("{} asked for {} back and {what} in time.", of.requester, of.system);
            Event { acknowledged_by: String::new(), ..event(LATE, 9, cause) }
        }));
        events
    }
}

fn promise(step: Step, clock: Clock) -> Value {
    let (state, seconds) = match clock {
        Clock::Kept { after } => ("kept", after),
        Clock::Late { by } => ("late", by),
        Clock::Due { left } => ("due", left),
        Clock::Overdue { by } => ("overdue", by),
    };
    json!({ "step": step, "state": state, "seconds": seconds })
}

#[cfg(test)]
mod tests {
    use report::{Clocks, RestoreClass};

    use super::*;

    fn request() -> Request {
        let of = RestoreRequest {
            id: 7,
            client: "acme".into(),
            system: "mail".into(),
            point: String::new(),
            class: RestoreClass::System,
            clocks: Clocks::new(1000),
            requester: "ann".into(),
            ticket: String::new(),
        };
        Request { of, wish: "all of it".into(), by: Vec::new() }
    }

    fn codes(request: &Request, now: u64) -> Vec<String> {
        request.events(now, "box-7", "").into_iter().map(|event| event.code).collect()
    }

    #[test]
    fn a_request_waits_is_late_and_is_over_when_it_is_begun() {
        let mut request = request();
        assert_eq!(codes(&request, 1000 + 900), ["restore-requested"]);
        assert_eq!(codes(&request, 1000 + 901), ["restore-requested", "restore-late"]);
        request.of.clocks.take(Step::Acknowledged, 2000).unwrap();
        request.by.push("tom".into());
        assert_eq!(codes(&request, 2000), ["restore-requested"]);
        assert_eq!(request.events(2000, "", "")[0].acknowledged_by, "tom");
        assert_eq!(codes(&request, 1000 + 3601), ["restore-requested", "restore-late"]);
        request.of.clocks.take(Step::Started, 5000).unwrap();
        assert!(codes(&request, 9999).is_empty());
    }

    #[test]
    fn what_is_kept_reads_back_and_tells_how_promises_stand() {
        let request = request();
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
        let shown = request.to_json(1060);
        assert_eq!(
            shown["promises"][0],
            json!({"step": "acknowledged", "state": "due", "seconds": 840})
        );
        assert_eq!((&shown["next"], &shown["id"]), (&json!("acknowledged"), &json!(7)));
    }
}
