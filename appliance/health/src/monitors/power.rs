//! Power: what each UPS says.

use std::fmt::Display;

use crate::facts::{Reading, UpsFacts, UpsState};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

/// What cannot be judged while a UPS does not answer.
const OF_UPS: &[AlertCode] = &[
    AlertCode::UpsOnBattery,
    AlertCode::UpsBatteryLow,
    AlertCode::UpsBatteryOld,
    AlertCode::UpsTestFailed,
];

const OF_POWER: &[AlertCode] = &[
    AlertCode::UpsOnBattery,
    AlertCode::UpsBatteryLow,
    AlertCode::UpsBatteryOld,
    AlertCode::UpsTestFailed,
    AlertCode::UpsUnreachable,
];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    match &facts.ups {
        Reading::Absent => {}
        Reading::Unknown => found.push(Finding::unknown("the UPS", Subject::part("UPS"), OF_POWER)),
        Reading::Known(all) => all.iter().for_each(|ups| match &ups.state {
            None => found.push(unreachable(ups)),
            Some(state) => found.extend(of(ups, state, limits)),
        }),
    }
}

/// It is a finding of its own, and hides what else the UPS might say.
fn unreachable(ups: &UpsFacts) -> Finding {
    let finding =
        Finding::new(AlertCode::UpsUnreachable, Subject::ups(&ups.name), &[("ups", &ups.name)]);
    Finding { hides: OF_UPS, ..finding }
}

fn of(ups: &UpsFacts, state: &UpsState, limits: &Thresholds) -> Vec<Finding> {
    let subject = || Subject::ups(&ups.name);
    let mut found = Vec::new();
    if state.on_battery {
        found.push(on_battery(ups, state, limits));
    }
    if let Some(reason) = battery_old(state, limits) {
        let facts: [(&str, &dyn Display); 2] = [("ups", &ups.name), ("reason", &reason)];
        found.push(Finding::new(AlertCode::UpsBatteryOld, subject(), &facts));
    }
    if state.test_failed == Some(true) {
        found.push(Finding::new(AlertCode::UpsTestFailed, subject(), &[("ups", &ups.name)]));
    }
    found
}

fn on_battery(ups: &UpsFacts, state: &UpsState, limits: &Thresholds) -> Finding {
    let empty = state.low
        || state.charge_percent.is_some_and(|charge| charge < limits.ups_charge_percent)
        || state.runtime.is_some_and(|runtime| runtime < limits.ups_runtime);
    let code = if empty { AlertCode::UpsBatteryLow } else { AlertCode::UpsOnBattery };
    let charge = state.charge_percent.map(|charge| format!("{charge} %"));
    let charge = charge.unwrap_or("an unknown charge".into());
    let runtime = state.runtime.map(|runtime| runtime.to_string());
    let runtime = runtime.unwrap_or("an unknown time".into());
    let facts: [(&str, &dyn Display); 3] =
        [("ups", &ups.name), ("charge", &charge), ("runtime", &runtime)];
    Finding::new(code, Subject::ups(&ups.name), &facts)
}

fn battery_old(state: &UpsState, limits: &Thresholds) -> Option<String> {
    if state.replace_battery {
        return Some("the UPS says so".into());
    }
    let age = state.battery_age.filter(|age| *age > limits.ups_battery)?;
    Some(format!("it is {age} old"))
}
