//! Policies: what to keep of the recovery points of a system.

use std::collections::BTreeMap;

use format::event::{EVENT_POLICY, PolicyRow};
use model::{Policy, SystemId, TenantId};

/// What a row of the catalog says.
fn of_row(row: &PolicyRow) -> Policy {
    Policy {
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

/// A policy as a row of the catalog.
pub(crate) fn row_of(policy: &Policy, tenant: TenantId, system: SystemId) -> PolicyRow {
    PolicyRow {
        kind: EVENT_POLICY,
        dropped: 0,
        reserved: [0; 6],
        tenant,
        system,
        last: policy.last,
        hourly: policy.hourly,
        daily: policy.daily,
        weekly: policy.weekly,
        monthly: policy.monthly,
        yearly: policy.yearly,
        reserved2: 0,
        lock: policy.lock,
        delay: policy.delay,
        reserved3: 0,
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
        Policy { lock, ..counts.map(of_row).unwrap_or_default() }
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
