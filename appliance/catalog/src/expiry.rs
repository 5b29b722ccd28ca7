//! Expiry: every system's points are judged by its policy; what nothing keeps is removed, and what
//! was removed long enough ago goes.

use std::collections::BTreeMap;

use format::event::{EVENT_GONE, EVENT_REMOVED, Event, MarkRow, REASON_POLICY};
use model::{SystemId, TenantId};

use crate::change::mark_row;
use crate::{Catalog, Listed, Policy, Verdict, judge};

/// A recovery point with what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub listed: Listed,
    pub verdict: Verdict,
}

impl Catalog {
    /// What an expiry at this age of the pool makes of every point, oldest first. Nothing but the
    /// events, their order and the age goes into it: not the time of day.
    pub fn expiry(&self, age: u64) -> Vec<Judged> {
        let mut systems: BTreeMap<(TenantId, SystemId), Vec<(usize, Listed)>> = BTreeMap::new();
        for (number, listed) in self.listed().into_iter().enumerate() {
            let system = (listed.point.tenant, listed.point.system);
            systems.entry(system).or_default().push((number, listed));
        }
        let mut judged = BTreeMap::new();
        for ((tenant, system), points) in systems {
            let policy: Policy = self.policy(tenant, system);
            let (numbers, points): (Vec<usize>, Vec<Listed>) = points.into_iter().unzip();
            let verdicts = judge(&points, &policy, age);
            let points = points.into_iter().zip(verdicts);
            let points = points.map(|(listed, verdict)| Judged { listed, verdict });
            judged.extend(numbers.into_iter().zip(points));
        }
        judged.into_values().collect()
    }
}

/// The events that carry an expiry out. They hold for the catalog as it was judged, so nothing
/// else may be committed before them.
pub fn expiry_events(judged: &[Judged], age: u64) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    for Judged { listed, verdict } in judged {
        let point = listed.point.id;
        if let Verdict::Goes { due } = verdict {
            let row = mark_row(EVENT_REMOVED, REASON_POLICY, point, age);
            events.push(Event::Mark(MarkRow { due: *due, ..row }).encode());
        }
        if verdict.is_gone(age) {
            events.push(Event::Mark(mark_row(EVENT_GONE, 0, point, age)).encode());
        }
    }
    events
}
