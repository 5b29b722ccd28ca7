//! What each client uses, read once a day: contracts are held against it.

use std::collections::BTreeMap;

use bus::Object;
use report::Usage;

use crate::error::Result;
use crate::server::{Server, now};
use crate::state::RecordKind;
use crate::world::{Objects, client_of};

/// Seconds between two readings.
const EVERY: u64 = 86_400;

impl Server {
    /// Keeps a reading of each client that has none of the last day.
    pub(crate) fn read_usage(&self) -> Result<()> {
        // A part of what there is would be taken for less.
        if !self.world.is_whole() {
            return Ok(());
        }
        let readings = readings(&self.world.objects(), now());
        let kept: Vec<Usage> = match readings.is_empty() {
            true => return Ok(()),
            false => self.state.records(RecordKind::Usage)?,
        };
        for reading in readings {
            let is_recent = |have: &Usage| {
                have.client == reading.client && reading.at.abs_diff(have.at) < EVERY
            };
            if !kept.iter().any(is_recent) {
                self.state.add_record(RecordKind::Usage, |_| reading)?;
            }
        }
        Ok(())
    }
}

fn readings(objects: &Objects, now: u64) -> Vec<Usage> {
    let mut readings: BTreeMap<String, Usage> = BTreeMap::new();
    for object in objects.values() {
        let Some(client) = client_of(objects, object) else { continue };
        if !matches!(**object, Object::System(_) | Object::Point(_)) {
            continue;
        }
        let new = Usage { client: client.clone(), at: now, ..Usage::default() };
        let of = readings.entry(client).or_insert(new);
        match &**object {
            Object::System(system) => {
                of.systems += 1;
                of.source_bytes = of.source_bytes.saturating_add(system.logical_bytes);
            }
            Object::Point(point) => {
                of.stored_bytes = of.stored_bytes.saturating_add(point.added_bytes);
            }
            _ => {}
        }
    }
    readings.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bus::{Place, PointView, SystemView};
    use model::PointId;

    use super::*;

    #[test]
    fn what_a_client_uses_is_added_up() {
        let mut objects = Objects::new();
        for (id, client) in [("01", "acme"), ("02", "acme"), ("03", "globex"), ("04", "")] {
            let system = SystemView {
                id: id.to_owned(),
                client: client.to_owned(),
                logical_bytes: 100,
                ..SystemView::default()
            };
            let point = PointView {
                id: PointId([system.id.as_bytes()[1]; 16]).to_string(),
                system: Place::System(id.to_owned()).path(),
                added_bytes: 7,
                ..PointView::default()
            };
            for object in [Object::from(system), Object::from(point)] {
                objects.insert(object.place().unwrap(), Arc::new(object));
            }
        }
        let of = |client: &str, systems| Usage {
            client: client.to_owned(),
            at: 5,
            systems,
            source_bytes: 100 * systems,
            stored_bytes: 7 * systems,
        };
        assert_eq!(readings(&objects, 5), [of("acme", 2), of("globex", 1)]);
    }
}
