//! The list of recovery points, kept by the store's log and checkpoints.

use std::sync::{Mutex, MutexGuard, PoisonError};

use format::FormatError;
use format::catalog::CatalogRows;
use format::event::{CONTENT_VOLUMES, EVENT_POINT, Event, PointRow, decode_event};
use model::{Digest, PointId, Sequence, SystemId, TenantId, WallTime};
use store::Journal;

/// A recovery point, as far as it can be told without keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub id: PointId,
    pub tenant: TenantId,
    pub system: SystemId,
    /// Digest of the point's record.
    pub record: Digest,
    /// Order among points: the later commit has the higher one.
    pub sequence: Sequence,
    /// When the source was read, by the box's clock: for people, never for order.
    pub created: WallTime,
    pub volumes: u16,
    /// Bytes of its volumes together.
    pub logical_bytes: u64,
    /// Bytes that it added to the store.
    pub added_bytes: u64,
    /// The pool's age when it was made, in seconds.
    pub age: u64,
    /// Bytes that differ from its parent's; all of its data if it had none.
    pub changed_bytes: u64,
    /// Of these, bytes of chunks that did not shrink.
    pub dense_bytes: u64,
    /// `SIGNAL_*` bits of `format::event`.
    pub signals: u8,
}

/// All recovery points of a pool, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Catalog {
    rows: Mutex<CatalogRows>,
}

impl Catalog {
    /// All points, oldest first.
    pub fn points(&self) -> Vec<Point> {
        points(&self.rows()).map(point_of).collect()
    }

    /// The point with this identity.
    pub fn point(&self, id: PointId) -> Option<Point> {
        points(&self.rows()).find(|row| row.point == id).map(point_of)
    }

    /// The newest point of a system: what the next one is compared with.
    pub fn newest(&self, tenant: TenantId, system: SystemId) -> Option<Point> {
        let rows = self.rows();
        let own = points(&rows).filter(|row| row.tenant == tenant && row.system == system);
        own.last().map(point_of)
    }

    /// The event that adds a point, for the commit that makes it durable.
    pub fn event(point: &Point) -> Vec<u8> {
        let row = PointRow {
            kind: EVENT_POINT,
            content: CONTENT_VOLUMES,
            volumes: point.volumes,
            reserved: 0,
            point: point.id,
            tenant: point.tenant,
            system: point.system,
            record: point.record,
            sequence: Sequence(0),
            created: point.created,
            logical_bytes: point.logical_bytes,
            added_bytes: point.added_bytes,
            age: point.age,
            changed_bytes: point.changed_bytes,
            dense_bytes: point.dense_bytes,
            signals: point.signals,
            reserved2: [0; 15],
        };
        Event::Point(row).encode()
    }

    fn rows(&self) -> MutexGuard<'_, CatalogRows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Catalog {
    fn restore(&self, snapshot: &[u8]) -> Result<(), FormatError> {
        *self.rows() = CatalogRows::decode(snapshot)?;
        Ok(())
    }

    fn apply(&self, sequence: Sequence, event: &[u8]) -> Result<(), FormatError> {
        match decode_event(event)? {
            Some(Event::Point(row)) => {
                self.rows().events.push(Event::Point(PointRow { sequence, ..row }));
            }
            Some(event) => self.rows().events.push(event),
            None => self.rows().keep(sequence, event)?,
        }
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        self.rows().encode()
    }
}

fn points(rows: &CatalogRows) -> impl Iterator<Item = &PointRow> {
    rows.events.iter().filter_map(|event| match event {
        Event::Point(row) => Some(row),
        _ => None,
    })
}

fn point_of(row: &PointRow) -> Point {
    Point {
        id: row.point,
        tenant: row.tenant,
        system: row.system,
        record: row.record,
        sequence: row.sequence,
        created: row.created,
        volumes: row.volumes,
        logical_bytes: row.logical_bytes,
        added_bytes: row.added_bytes,
        age: row.age,
        changed_bytes: row.changed_bytes,
        dense_bytes: row.dense_bytes,
        signals: row.signals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(number: u8, system: u8) -> Point {
        Point {
            id: PointId([number; 16]),
            tenant: TenantId([1; 16]),
            system: SystemId([system; 16]),
            record: Digest([number; 32]),
            sequence: Sequence(u64::from(number)),
            created: WallTime(1_800_000_000 - u64::from(number)),
            volumes: 1,
            logical_bytes: 4096,
            added_bytes: 100,
            age: 7,
            changed_bytes: 4096,
            dense_bytes: 0,
            signals: 0,
        }
    }

    #[test]
    fn the_newest_point_is_the_last_made_whatever_the_clock_said() {
        let catalog = Catalog::default();
        for (number, system) in [(1, 7), (2, 7), (3, 8)] {
            let event = Catalog::event(&point(number, system));
            catalog.apply(Sequence(u64::from(number)), &event).unwrap();
        }
        assert_eq!(catalog.newest(TenantId([1; 16]), SystemId([7; 16])), Some(point(2, 7)));
        assert_eq!(catalog.newest(TenantId([2; 16]), SystemId([7; 16])), None);

        let again = Catalog::default();
        again.restore(&catalog.snapshot()).unwrap();
        assert_eq!(again.points(), [point(1, 7), point(2, 7), point(3, 8)]);
    }

    #[test]
    fn an_event_that_must_be_known_and_is_not_stops_the_opening() {
        let catalog = Catalog::default();
        assert!(catalog.apply(Sequence(1), &[99; 160]).is_err());
        assert!(catalog.apply(Sequence(1), &[]).is_err());
        assert!(catalog.points().is_empty());
    }

    #[test]
    fn an_event_that_may_be_skipped_is_in_every_checkpoint_from_then_on() {
        let catalog = Catalog::default();
        let first = Catalog::event(&point(1, 7));
        catalog.apply(Sequence(1), &first).unwrap();
        catalog.apply(Sequence(5), &[200, 1, 2, 3]).unwrap();
        catalog.apply(Sequence(6), &[128; 70]).unwrap();
        let snapshot = catalog.snapshot();
        let mut expected = vec![200, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 200, 1, 2, 3];
        expected.extend([128, 0, 0, 0, 70, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([128; 70]);
        assert_eq!(snapshot[first.len()..], expected);

        let again = Catalog::default();
        again.restore(&snapshot).unwrap();
        assert_eq!(again.snapshot(), snapshot);
        again.apply(Sequence(7), &Catalog::event(&point(7, 7))).unwrap();
        assert_eq!(again.points(), [point(1, 7), point(7, 7)]);
        assert!(again.snapshot().ends_with(&expected));
    }
}
