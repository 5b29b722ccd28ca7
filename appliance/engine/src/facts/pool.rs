//! Disks and pool.

use health::facts::{
    DiskFacts, Healed, Integrity, OpenPool, PoolFacts, Presence, Progress, Reading, Space,
};
use model::Bytes;
use store::{MemberState, MemberStatus};

use super::outside::device;
use super::smart::Known;
use crate::engine::Engine;

pub(super) fn disks(members: &[MemberStatus], smart: &Known) -> Vec<DiskFacts> {
    members.iter().map(|member| disk(member, smart)).collect()
}

fn disk(member: &MemberStatus, smart: &Known) -> DiskFacts {
    let name = member.name.clone().unwrap_or_else(|| member.disk_id.to_string());
    DiskFacts {
        place: None,
        presence: Some(match member.state {
            MemberState::Complete => Presence::Whole,
            MemberState::Syncing => Presence::Syncing,
            MemberState::Missing => Presence::Missing,
            MemberState::Failed => Presence::Failed { error: "it refuses to work".to_owned() },
        }),
        slow: None,
        // Files have none.
        smart: device(&name).map_or(Reading::Absent, |device| smart.of(device)),
        name,
    }
}

pub(super) fn pool(engine: &Engine, members: &[MemberStatus]) -> PoolFacts {
    if engine.access().is_none() {
        return PoolFacts::Locked;
    }
    let count = |state| members.iter().filter(|member| member.state == state).count() as u16;
    let lacking: u64 = members.iter().map(|member| member.lacking_bytes).sum();
    let status = engine.pool.store.status();
    let resync = match count(MemberState::Syncing) {
        0 => Reading::Absent,
        _ => Reading::Known(Progress {
            done: Bytes(status.stored_bytes.saturating_sub(lacking)),
            all: Bytes(status.stored_bytes),
        }),
    };
    PoolFacts::Open(OpenPool {
        whole: Some(count(MemberState::Complete)),
        disks: members.len() as u16,
        resync,
        // What a power cut left where nothing is stored is no sign of a bad disk.
        integrity: Some(integrity(engine, status.healed.saturating_sub(status.cleared))),
        space: Some(space(engine)),
        kit_proved: Some(engine.pool.keyring.has_proved_kit()),
    })
}

fn integrity(engine: &Engine, healed: u64) -> Integrity {
    let last = engine.pool.catalog.scrubs().pop();
    let healed = (healed > 0).then(|| Healed { disk: "of the pool".to_owned(), records: healed });
    Integrity {
        damaged: last.map_or(0, |scrub| scrub.lost),
        healed: healed.into_iter().collect(),
        ..Integrity::default()
    }
}

fn space(engine: &Engine) -> Space {
    let status = engine.pool.store.status();
    let points = engine.pool.catalog.points();
    let lasts = engine.lasts();
    Space {
        total: Bytes(status.capacity_bytes),
        free: Bytes(status.free_bytes),
        reclaimable: (lasts.reclaim > 0).then_some(Bytes(lasts.reclaimable_bytes)),
        days_until_full: catalog::days_until_full(&points, engine.pool.age(), status.free_bytes),
        refuses: status.free_bytes < status.segment_bytes,
    }
}
