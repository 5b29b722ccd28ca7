//! Whether alerts reach anybody, and warnings that are too many to be harmless.

use std::fmt::Display;

use crate::facts::{Channel, ChannelState, WarningClass};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

const OF_ALERTING: &[AlertCode] = &[AlertCode::ChannelDead, AlertCode::WarningsTooMany];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    let Some(alerting) = &facts.alerting else {
        let subject = Subject::part("alerting");
        return found.push(Finding::unknown("the ways of alerts", subject, OF_ALERTING));
    };
    found.extend(alerting.channels.iter().filter_map(|channel| dead(channel, limits)));
    found.extend(alerting.warnings.iter().filter_map(|class| too_many(class, limits)));
}

fn dead(channel: &Channel, limits: &Thresholds) -> Option<Finding> {
    let subject = Subject::channel(&channel.name);
    match &channel.state {
        ChannelState::Works => None,
        ChannelState::Untried => {
            let what = format!("the way of alerts by {}", channel.name);
            Some(Finding::unknown(&what, subject, &[AlertCode::ChannelDead]))
        }
        ChannelState::Fails { since, .. } if *since <= limits.channel => None,
        ChannelState::Fails { since, error } => {
            let facts: [(&str, &dyn Display); 3] =
                [("channel", &channel.name), ("since", since), ("error", error)];
            Some(Finding::new(AlertCode::ChannelDead, subject, &facts))
        }
    }
}

fn too_many(class: &WarningClass, limits: &Thresholds) -> Option<Finding> {
    let (limit, subject) = (limits.warnings_a_day, Subject::warning(&class.kind));
    (class.count > limit).then(|| warnings(subject, &class.kind, class.count, limit))
}

/// Also for alerts that come and go too often, which the alert book counts.
pub(crate) fn warnings(subject: Subject, kind: &str, count: u64, limit: u64) -> Finding {
    let facts: [(&str, &dyn Display); 3] = [("kind", &kind), ("count", &count), ("limit", &limit)];
    Finding::new(AlertCode::WarningsTooMany, subject, &facts)
}
