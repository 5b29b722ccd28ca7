//! Names of protected systems: sealed in the records of their recovery points.

use std::collections::HashMap;
use std::sync::Arc;

use catalog::Point;
use futures_executor::block_on;
use model::SystemId;
use record::TenantAccess;
use restore::RestorePoint;

/// Names of systems, each read from one of its recovery points when it is first asked for.
#[derive(Debug)]
pub struct SystemNames<'a> {
    access: &'a Arc<TenantAccess>,
    names: HashMap<SystemId, String>,
}

impl<'a> SystemNames<'a> {
    /// No names yet: those of the tenant that `access` is for can be asked.
    pub fn new(access: &'a Arc<TenantAccess>) -> Self {
        Self { access, names: HashMap::new() }
    }

    /// The name of a point's system; `None` while no point of it could be read.
    pub fn of(&mut self, point: &Point) -> Option<String> {
        if let Some(name) = self.names.get(&point.system) {
            return Some(name.clone());
        }
        let opened = block_on(RestorePoint::open(self.access, *point)).ok()?;
        self.names.insert(point.system, opened.description.system.clone());
        Some(opened.description.system)
    }

    /// The name of a system, from any of the points.
    pub fn find(&mut self, system: SystemId, points: &[Point]) -> Option<String> {
        points.iter().rev().filter(|point| point.system == system).find_map(|point| self.of(point))
    }
}
