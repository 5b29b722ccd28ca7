//! What a person says of recovery points: that they go, come back, are held, have been looked at.
//!
//! Each gives the events to commit, for all of the points or, when one is refused, for none. What
//! holds already needs no event.

use format::event::{
    EVENT_CLEARED, EVENT_HELD, EVENT_RELEASED, EVENT_REMOVED, EVENT_RETURNED, Event, MarkRow,
    REASON_HAND,
};
use model::{PointId, Sequence};

use crate::retention::locked;
use crate::{Catalog, CatalogError, Listed, Result};

/// Something that a person says of recovery points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// They are to go, after the delay of their system's policy. With `newest` also the newest of
    /// a system.
    Remove {
        newest: bool,
    },
    /// They are not to go after all.
    Return,
    /// They stay until they are released.
    Hold,
    Release,
    /// Somebody has looked at what was unusual about them: it freezes nothing any more.
    Clear,
}

impl Catalog {
    /// The events that make a change of these points, at this age of the pool. They hold for the
    /// catalog as it is, so nothing else may be committed before them.
    ///
    /// # Errors
    /// `Unknown`; for a removal also `Held`, `Locked`, and `Newest` if that was not asked for.
    pub fn change(&self, ids: &[PointId], change: Change, age: u64) -> Result<Vec<Vec<u8>>> {
        let points = self.listed();
        let mut rows: Vec<MarkRow> = Vec::new();
        for id in ids {
            let listed = points.iter().find(|listed| listed.point.id == *id);
            let listed = listed.ok_or(CatalogError::Unknown { point: *id })?;
            let done = rows.iter().any(|row| row.point == *id);
            if done || !is_new(listed, change) {
                continue;
            }
            let row = mark(*id, change, age);
            rows.push(match change {
                Change::Remove { newest } => {
                    let going = |id| rows.iter().any(|row| row.point == id);
                    if !newest && is_newest(&points, listed, going) {
                        return Err(CatalogError::Newest { point: *id });
                    }
                    MarkRow { due: self.due(listed, age)?, ..row }
                }
                _ => row,
            });
        }
        Ok(rows.into_iter().map(|row| Event::Mark(row).encode()).collect())
    }

    /// The age from which on a point that is removed now may go.
    fn due(&self, listed: &Listed, age: u64) -> Result<u64> {
        let point = listed.point.id;
        let policy = self.policy(listed.point.tenant, listed.point.system);
        if listed.held {
            return Err(CatalogError::Held { point });
        }
        match locked(&listed.point, &policy, age) {
            Some(left) => Err(CatalogError::Locked { point, left }),
            None => Ok(age.saturating_add(policy.delay)),
        }
    }
}

/// Whether the change makes a difference.
fn is_new(listed: &Listed, change: Change) -> bool {
    match change {
        Change::Remove { .. } => listed.removed.is_none(),
        Change::Return => listed.removed.is_some(),
        Change::Hold => !listed.held,
        Change::Release => listed.held,
        Change::Clear => listed.is_suspect(),
    }
}

/// Whether nothing newer of its system is left.
fn is_newest(points: &[Listed], listed: &Listed, going: impl Fn(PointId) -> bool) -> bool {
    let system = |listed: &Listed| (listed.point.tenant, listed.point.system);
    let mut left = points.iter().rev().filter(|other| {
        system(other) == system(listed) && other.removed.is_none() && !going(other.point.id)
    });
    left.next().is_some_and(|newest| newest.point.id == listed.point.id)
}

fn mark(point: PointId, change: Change, age: u64) -> MarkRow {
    let (kind, reason) = match change {
        Change::Remove { .. } => (EVENT_REMOVED, REASON_HAND),
        Change::Return => (EVENT_RETURNED, 0),
        Change::Hold => (EVENT_HELD, 0),
        Change::Release => (EVENT_RELEASED, 0),
        Change::Clear => (EVENT_CLEARED, 0),
    };
    mark_row(kind, reason, point, age)
}

/// A mark without a due age.
pub(crate) fn mark_row(kind: u8, reason: u8, point: PointId, age: u64) -> MarkRow {
    let sequence = Sequence(0);
    MarkRow { kind, reason, reserved: [0; 6], point, sequence, age, due: 0, reserved2: 0 }
}
