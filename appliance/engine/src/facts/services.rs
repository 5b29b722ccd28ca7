//! Services of the appliance that have failed, as the service manager has it.

use std::time::Duration;

use zbus::{Connection, OwnedObjectPath};

/// How long it is waited for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the units of the appliance are called.
const OURS: &str = "holdfast*";

/// A unit as `ListUnitsByPatterns` gives it: name, description, four states, the unit that it
/// follows, path, and job.
type Unit =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// Their names; `None` when the service manager does not say.
pub(crate) async fn failed(system_bus: &Connection) -> Option<Vec<String>> {
    let wanted = (vec!["failed"], vec![OURS]);
    let asked = system_bus.call_method(
        Some("org.freedesktop.systemd1"),
        "/org/freedesktop/systemd1",
        Some("org.freedesktop.systemd1.Manager"),
        "ListUnitsByPatterns",
        &wanted,
    );
    let answer = tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?;
    let units: Vec<Unit> = answer.body().deserialize().ok()?;
    Some(units.into_iter().map(|(name, ..)| name).collect())
}
