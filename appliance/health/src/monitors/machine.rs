//! The machine: memory, heat, fans, services, restarts of the engine.

use std::fmt::Display;

use super::reaches;
use crate::facts::{Fan, Memory, Reading, Restarts, Sensor};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

const OF_MEMORY: &[AlertCode] = &[AlertCode::MemoryLow, AlertCode::MemoryErrors];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    let machine = &facts.machine;
    match &machine.memory {
        Some(memory) => found.extend(of_memory(memory, limits)),
        None => found.push(Finding::unknown("memory", Subject::part("memory"), OF_MEMORY)),
    }
    match &machine.sensors {
        Reading::Known(sensors) => found.extend(sensors.iter().filter_map(|s| hot(s, limits))),
        Reading::Unknown => found.push(unknown("temperature", &[AlertCode::BoxHot])),
        Reading::Absent => {}
    }
    match &machine.fans {
        Reading::Known(fans) => found.extend(fans.iter().filter_map(|fan| failed(fan, limits))),
        Reading::Unknown => found.push(unknown("fans", &[AlertCode::FanFailed])),
        Reading::Absent => {}
    }
    match &machine.failed_services {
        Some(failed) => found.extend(failed.iter().map(|name| service(name))),
        None => found.push(unknown("services", &[AlertCode::ServiceFailed])),
    }
    match &machine.restarts {
        Some(restarts) => found.extend(restarted(restarts)),
        None => {
            found.push(unknown("restarts of the engine", &[AlertCode::EngineRestarted]));
        }
    }
}

fn unknown(what: &str, hides: &'static [AlertCode]) -> Finding {
    Finding::unknown(what, Subject::part(what), hides)
}

fn of_memory(memory: &Memory, limits: &Thresholds) -> Vec<Finding> {
    let mut found = Vec::new();
    if !reaches(memory.available.0, limits.memory_percent, memory.total.0) {
        let facts: [(&str, &dyn Display); 2] =
            [("available", &memory.available), ("total", &memory.total)];
        found.push(Finding::new(AlertCode::MemoryLow, Subject::part("memory"), &facts));
    }
    if let Some(errors) = memory.errors.filter(|errors| *errors > 0) {
        let facts: [(&str, &dyn Display); 1] = [("errors", &errors)];
        let finding = Finding::new(AlertCode::MemoryErrors, Subject::part("memory"), &facts);
        found.push(finding.counting(errors));
    }
    found
}

fn hot(sensor: &Sensor, limits: &Thresholds) -> Option<Finding> {
    let subject = Subject::part(&sensor.name);
    let limit = sensor.celsius_max.unwrap_or(limits.box_celsius);
    let Some(celsius) = sensor.celsius else {
        let what = format!("sensor {}", sensor.name);
        return Some(Finding::unknown(&what, subject, &[AlertCode::BoxHot]));
    };
    let facts: [(&str, &dyn Display); 3] =
        [("sensor", &sensor.name), ("celsius", &celsius), ("limit", &limit)];
    (celsius > limit).then(|| Finding::new(AlertCode::BoxHot, subject, &facts))
}

fn failed(fan: &Fan, limits: &Thresholds) -> Option<Finding> {
    let subject = Subject::part(&fan.name);
    let limit = fan.rpm_min.unwrap_or(limits.fan_rpm);
    let Some(rpm) = fan.rpm else {
        let what = format!("fan {}", fan.name);
        return Some(Finding::unknown(&what, subject, &[AlertCode::FanFailed]));
    };
    let facts: [(&str, &dyn Display); 3] = [("fan", &fan.name), ("rpm", &rpm), ("limit", &limit)];
    (rpm < limit).then(|| Finding::new(AlertCode::FanFailed, subject, &facts))
}

fn service(name: &str) -> Finding {
    Finding::new(AlertCode::ServiceFailed, Subject::service(name), &[("service", &name)])
}

fn restarted(restarts: &Restarts) -> Option<Finding> {
    let count = Some(restarts.count).filter(|count| *count > 0)?;
    let ago = restarts.last.map_or("an unknown time".into(), |last| last.to_string());
    let facts: [(&str, &dyn Display); 2] = [("count", &count), ("ago", &ago)];
    let finding = Finding::new(AlertCode::EngineRestarted, Subject::service("engine"), &facts);
    Some(finding.counting(count.into()))
}
