//! `holdfast alerts`: what is wrong, and who has taken it on.

use std::cmp::Reverse;

use bus::{AlertView, Object, Place};
use operations::Failure;
use serde_json::{Value, json};

use super::engine::Engine;
use super::lines::{minute, wrapped};
use crate::arguments::{AlertAcknowledge, Alerts};
use crate::output::Output;

pub(crate) fn run(alerts: &Alerts, output: &Output) -> Result<(), Failure> {
    match alerts {
        Alerts::List(list) => {
            let mut alerts = Engine::on(&list.on)?.seen()?.alerts;
            alerts.sort_by_key(|alert| (Reverse(alert.severity), alert.number));
            let values: Vec<Value> = alerts.iter().map(to_json).collect();
            output.result(&json!({ "alerts": values }), || match alerts.is_empty() {
                true => "nothing is wrong".to_owned(),
                false => alerts.iter().map(to_text).collect::<Vec<_>>().join("\n"),
            });
            Ok(())
        }
        Alerts::Acknowledge(acknowledge) => self::acknowledge(acknowledge, output),
    }
}

fn acknowledge(acknowledge: &AlertAcknowledge, output: &Output) -> Result<(), Failure> {
    let by = acknowledge.by.clone().or_else(|| std::env::var("USER").ok());
    let by = by.filter(|by| !by.is_empty()).ok_or_else(|| {
        Failure::new("it is not known who has taken the alert on", "say so with --by")
    })?;
    let engine = Engine::on(&acknowledge.on)?;
    let (number, place) = (acknowledge.alert, Place::Alert(acknowledge.alert));
    let Some(Object::Alert(alert)) = engine.object(&place)? else {
        let what = format!("there is no alert {number}, or not any more");
        return Err(Failure::new(what, "see `holdfast alerts list`"));
    };
    engine.call::<_, ()>(&place, "Acknowledge", &by)?;
    let value = json!({ "alert": number, "code": alert.code, "acknowledged_by": by });
    output.result(&value, || format!("alert {number}, {}: taken on by {by}", alert.code));
    Ok(())
}

fn to_json(alert: &AlertView) -> Value {
    json!({
        "alert": alert.number,
        "code": alert.code,
        "severity": alert.severity,
        "priority": alert.priority,
        "side": alert.side.as_str(),
        "subject": alert.subject,
        "cause": alert.cause,
        "next": alert.next_step,
        "since": alert.since,
        "count": alert.count,
        "acknowledged_by": Some(&alert.acknowledged_by).filter(|by| !by.is_empty()),
    })
}

fn to_text(alert: &AlertView) -> String {
    let taken = match alert.acknowledged_by.as_str() {
        "" => String::new(),
        by => format!(", taken on by {by}"),
    };
    let (number, code, severity) = (alert.number, &alert.code, alert.severity);
    let head = format!(
        "{number:>4}  {code}, {severity} of 10, {} side, since {}{taken}",
        alert.side,
        minute(alert.since)
    );
    let cause = wrapped(&format!("{}: {}", alert.subject, alert.cause), 6);
    format!("{head}\n{cause}\n{}", wrapped(&alert.next_step, 6))
}
