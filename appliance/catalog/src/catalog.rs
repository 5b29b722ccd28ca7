//! The list of recovery points, kept by the store's log and checkpoints.

use std::sync::{Mutex, MutexGuard, PoisonError};

use format::FormatError;
use format::event::{Event, PolicyRow, ScrubRow, decode_event};
use model::{PointId, Sequence, SystemId, TenantId, WallTime};
use store::Journal;

use crate::policy;
use crate::policy::row_of;
use crate::state::State;
use crate::{CatalogError, Listed, Point, Policy, Result, Uptime};

/// All recovery points of a pool, in the order in which they were made, with what was said about
/// them, the policies, and the pool's age.
#[derive(Debug, Default)]
pub struct Catalog {
    state: Mutex<State>,
}

impl Catalog {
    /// All points, oldest first; those that were removed too, until they are gone.
    pub fn points(&self) -> Vec<Point> {
        self.state().points().map(|listed| listed.point).collect()
    }

    /// All points with what holds of them now, oldest first.
    pub fn listed(&self) -> Vec<Listed> {
        self.state().points().collect()
    }

    /// The point with this identity.
    pub fn point(&self, id: PointId) -> Option<Point> {
        self.state().point(id).map(|listed| listed.point)
    }

    /// The newest point of a system: what the next one is compared with.
    pub fn newest(&self, tenant: TenantId, system: SystemId) -> Option<Point> {
        let state = self.state();
        let mut points = state.points().map(|listed| listed.point);
        points.rfind(|point| point.tenant == tenant && point.system == system)
    }

    /// The event that adds a point, for the commit that makes it durable.
    pub fn event(point: &Point) -> Vec<u8> {
        point.event().encode()
    }

    /// The pool's age in seconds: what machines have run since it was made. It never goes back.
    pub fn age(&self, uptime: Uptime) -> u64 {
        self.state().clock.age(uptime)
    }

    /// [`Catalog::age`] for what is made now and committed later. From here on no proof of the time
    /// makes the pool older at once in this start: what was made would be older than it is.
    pub fn settle_age(&self, uptime: Uptime) -> u64 {
        self.state().clock.settle(uptime)
    }

    /// The pool's age, in seconds, as far as it was written down.
    pub fn known_age(&self) -> u64 {
        self.state().clock.newest().map_or(0, |row| row.age)
    }

    /// Whether it is worth while to wait for somebody who proves the time before anything is
    /// committed: only then the time that the machine was off counts.
    pub fn awaits_proof(&self, uptime: Uptime) -> bool {
        self.state().clock.awaits_proof(uptime)
    }

    /// The event that makes the age at `uptime` durable. It goes with every commit that a command
    /// makes: what runs without one is lost from the age when the machine starts anew. `wall` is
    /// for people.
    pub fn clock_event(&self, uptime: Uptime, wall: WallTime) -> Vec<u8> {
        let mut state = self.state();
        state.clock.settle(uptime);
        Event::Clock(state.clock.row(uptime, wall)).encode()
    }

    /// What holds for a system.
    pub fn policy(&self, tenant: TenantId, system: SystemId) -> Policy {
        self.state().policies.of(tenant, system)
    }

    /// All policies that were set, each as it holds; without a system: of all systems of the
    /// tenant that have none of their own.
    pub fn policies(&self) -> Vec<(TenantId, Option<SystemId>, Policy)> {
        self.state().policies.list()
    }

    /// The event that sets the policy of a system, or of all that have none of their own.
    ///
    /// # Errors
    /// `LockShortened` when its lock is shorter than the one that holds.
    pub fn set_policy(
        &self,
        tenant: TenantId,
        system: Option<SystemId>,
        policy: &Policy,
    ) -> Result<Vec<u8>> {
        let system = policy::key(system);
        let lock = self.policy(tenant, system).lock;
        if policy.lock < lock {
            return Err(CatalogError::LockShortened { lock: model::Span(lock) });
        }
        Ok(Event::Policy(row_of(policy, tenant, system)).encode())
    }

    /// The event after which a system has no policy of its own any more and that of all systems
    /// holds for it; its lock stays. `None` when it has none of its own.
    pub fn drop_policy(&self, tenant: TenantId, system: SystemId) -> Option<Vec<u8>> {
        let own = self.state().policies.has_own(tenant, system);
        let lock = self.policy(tenant, system).lock;
        let row = row_of(&Policy { lock, ..Policy::default() }, tenant, system);
        own.then(|| Event::Policy(PolicyRow { dropped: 1, ..row }).encode())
    }

    /// The newest scrubs, oldest first.
    pub fn scrubs(&self) -> Vec<ScrubRow> {
        self.state().scrubs().copied().collect()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Catalog {
    fn restore(&self, snapshot: &[u8]) -> std::result::Result<(), FormatError> {
        *self.state() = State::restore(snapshot)?;
        Ok(())
    }

    fn apply(&self, sequence: Sequence, event: &[u8]) -> std::result::Result<(), FormatError> {
        match decode_event(event)? {
            Some(event) => self.state().apply(sequence, event),
            None => self.state().keep(sequence, event)?,
        }
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        self.state().snapshot()
    }
}
