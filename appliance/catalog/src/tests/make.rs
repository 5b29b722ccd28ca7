//! What these tests are made of: points, catalogs, and the passing of time.

use model::{Digest, PointId, Sequence, SystemId, TenantId, WallTime};
use store::Journal;

use crate::{Catalog, Change, Content, Point, Policy, Uptime, expiry_events};

pub(super) const TENANT: TenantId = TenantId([1; 16]);

pub(super) const HOUR: u64 = 3600;
pub(super) const DAY: u64 = 86_400;

/// Monday, 2026-11-23 00:00 UTC.
pub(super) const MONDAY: u64 = 1_795_392_000;

pub(super) fn id(number: u32) -> PointId {
    let mut id = PointId([0xee; 16]);
    id.0[..4].copy_from_slice(&number.to_be_bytes());
    id
}

pub(super) fn system(number: u8) -> SystemId {
    SystemId([number; 16])
}

/// A point of system 7 that was made at this age, when the clock on the wall was right.
pub(super) fn point(number: u32, age: u64) -> Point {
    Point {
        id: id(number),
        tenant: TENANT,
        system: system(7),
        record: Digest([number as u8; 32]),
        sequence: Sequence(0),
        created: WallTime(MONDAY + age),
        content: Content::Volumes,
        volumes: 1,
        logical_bytes: 4096,
        added_bytes: 100,
        age,
        changed_bytes: 4096,
        dense_bytes: 0,
        signals: 0,
    }
}

/// A policy that keeps nothing but what is asked for.
pub(super) fn policy(last: u16, daily: u16) -> Policy {
    Policy { last, daily, ..Policy::default() }
}

/// A catalog whose events are durable at once.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) catalog: Catalog,
    pub(super) sequence: u64,
}

impl Pool {
    pub(super) fn commit(&mut self, events: Vec<Vec<u8>>) {
        self.sequence += 1;
        for event in events {
            self.catalog.apply(Sequence(self.sequence), &event).unwrap();
        }
    }

    pub(super) fn add(&mut self, point: &Point) {
        self.commit(vec![Catalog::event(point)]);
    }

    pub(super) fn set_policy(&mut self, of: Option<u8>, policy: &Policy) -> crate::Result<()> {
        let event = self.catalog.set_policy(TENANT, of.map(system), policy)?;
        self.commit(vec![event]);
        Ok(())
    }

    pub(super) fn change(&mut self, of: &[u32], change: Change, age: u64) -> crate::Result<usize> {
        let ids: Vec<PointId> = of.iter().copied().map(id).collect();
        let events = self.catalog.change(&ids, change, age)?;
        let count = events.len();
        self.commit(events);
        Ok(count)
    }

    /// Expires, and returns the points that are gone.
    pub(super) fn expire(&mut self, age: u64) -> Vec<PointId> {
        let before = self.catalog.points();
        let events = expiry_events(&self.catalog.expiry(age), age);
        self.commit(events);
        let gone = before.iter().filter(|point| self.catalog.point(point.id).is_none());
        gone.map(|point| point.id).collect()
    }

    pub(super) fn tick(&mut self, boot: u8, seconds: u64, wall: u64) -> u64 {
        let uptime = Uptime { boot: [boot; 16], seconds, proven: None };
        let event = self.catalog.clock_event(uptime, WallTime(wall));
        self.commit(vec![event]);
        self.catalog.age(uptime)
    }

    /// Numbers of the points that are there, oldest first.
    pub(super) fn numbers(&self) -> Vec<u32> {
        self.catalog.points().iter().map(|point| number_of(point.id)).collect()
    }
}

pub(super) fn number_of(id: PointId) -> u32 {
    u32::from_be_bytes(*id.0.first_chunk().unwrap())
}
