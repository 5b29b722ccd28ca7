//! Policies: what to keep of the recovery points of a system.

use std::collections::BTreeMap;

use format::event::{EVENT_POLICY, PolicyRow};
use model::{SystemId, TenantId};

use crate::{DEFAULT_DELAY, Period};

/// What to keep of a system's recovery points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// So many newest points; with this and all others 0, everything is kept.
    pub last: u16,
    /// The last point of so many hours that have one; so too the next four.
    pub hourly: u16,
    pub daily: u16,
    pub weekly: u16,
    pub monthly: u16,
    pub yearly: u16,
    /// Retention lock, in seconds of age: nothing younger can be removed. Never shortened.
    pub lock: u64,
    /// Seconds of age between a removal and the point's going.
    pub delay: u64,
}

impl Default for Policy {
    /// That of a system without one: everything is kept, and what a person removes goes after
    /// [`DEFAULT_DELAY`].
    fn default() -> Self {
        Self {
            last: 0,
            hourly: 0,
            daily: 0,
            weekly: 0,
            monthly: 0,
            yearly: 0,
            lock: 0,
            delay: DEFAULT_DELAY,
        }
    }
}

impl Policy {
    /// Whether nothing goes by it.
    pub fn keeps_everything(&self) -> bool {
        self.last == 0 && self.periods().iter().all(|(_, count)| *count == 0)
    }

    /// Of how many periods it keeps the last point.
    pub fn periods(&self) -> [(Period, u16); 5] {
        [
            (Period::Hour, self.hourly),
            (Period::Day, self.daily),
            (Period::Week, self.weekly),
            (Period::Month, self.monthly),
            (Period::Year, self.yearly),
        ]
    }

    fn of(row: &PolicyRow) -> Self {
        Self {
            last: row.last,
            hourly: row.hourly,
            daily: row.daily,
            weekly: row.weekly,
            monthly: row.monthly,
            yearly: row.yearly,
            lock: row.lock,
            delay: row.delay,
        }
    }

    pub(crate) fn row(&self, tenant: TenantId, system: SystemId) -> PolicyRow {
        PolicyRow {
            kind: EVENT_POLICY,
            dropped: 0,
            reserved: [0; 6],
            tenant,
            system,
            last: self.last,
            hourly: self.hourly,
            daily: self.daily,
            weekly: self.weekly,
            monthly: self.monthly,
            yearly: self.yearly,
            reserved2: 0,
            lock: self.lock,
            delay: self.delay,
            reserved3: 0,
        }
    }
}

/// The system in a policy that holds for all of a tenant's that have none of their own.
const ALL: SystemId = SystemId([0; 16]);

/// The newest policy of each system that has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Policies {
    rows: BTreeMap<(TenantId, SystemId), PolicyRow>,
}

impl Policies {
    /// What holds for a system: its own policy, else the one of all of the tenant's. The lock of
    /// the latter holds in any case, or a policy of its own would shorten a system's lock; and so
    /// does that of its own after it was dropped.
    pub(crate) fn of(&self, tenant: TenantId, system: SystemId) -> Policy {
        let all = self.rows.get(&(tenant, ALL));
        let own = self.rows.get(&(tenant, system));
        let lock = [all, own].iter().flatten().map(|row| row.lock).max().unwrap_or(0);
        let counts = own.filter(|row| row.dropped == 0).or(all);
        Policy { lock, ..counts.map(Policy::of).unwrap_or_default() }
    }

    /// Whether a system has a policy of its own.
    pub(crate) fn has_own(&self, tenant: TenantId, system: SystemId) -> bool {
        self.rows.get(&(tenant, system)).is_some_and(|row| row.dropped == 0)
    }

    /// Takes a policy in place of the one before. A lock is never made shorter, whatever stands
    /// there.
    pub(crate) fn take(&mut self, row: PolicyRow) {
        let key = (row.tenant, row.system);
        let lock = self.rows.get(&key).map_or(0, |before| before.lock).max(row.lock);
        self.rows.insert(key, PolicyRow { lock, ..row });
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &PolicyRow> {
        self.rows.values()
    }

    /// All of them, each as it holds; `None` stands for all systems without one of their own. Of
    /// those that were dropped the ones whose lock still makes a difference.
    pub(crate) fn list(&self) -> Vec<(TenantId, Option<SystemId>, Policy)> {
        let lock_of_all = |tenant| self.rows.get(&(tenant, ALL)).map_or(0, |all| all.lock);
        let counts = |row: &&PolicyRow| row.dropped == 0 || row.lock > lock_of_all(row.tenant);
        let rows = self.rows.values().filter(counts);
        rows.map(|row| {
            let system = Some(row.system).filter(|system| *system != ALL);
            (row.tenant, system, self.of(row.tenant, row.system))
        })
        .collect()
    }
}

/// The number of a system in a policy; `None` is all of the tenant's.
pub(crate) fn key(system: Option<SystemId>) -> SystemId {
    system.unwrap_or(ALL)
}
