//! Disks and pool.

use std::time::Instant;

use format::event::ScrubRow;
use health::facts::{
    DiskFacts, Healed, Integrity, OpenPool, PoolFacts, Presence, Progress, Reading, Space,
};
use model::Bytes;
use store::{MemberState, MemberStatus};

use super::outside::device;
use super::smart::Known;
use crate::engine::{Engine, lock};

pub(super) fn disks(engine: &Engine, members: &[MemberStatus], smart: &Known) -> Vec<DiskFacts> {
    let returned = engine.returned.there();
    members.iter().map(|member| disk(member, returned.get(&member.disk_id), smart)).collect()
}

fn disk(member: &MemberStatus, returned: Option<&String>, smart: &Known) -> DiskFacts {
    let name = member.name.as_ref().or(returned).cloned();
    let name = name.unwrap_or_else(|| member.disk_id.to_string());
    DiskFacts {
        place: None,
        presence: Some(match member.state {
            MemberState::Complete => Presence::Whole,
            MemberState::Syncing => Presence::Syncing,
            MemberState::Missing if returned.is_some() => Presence::Stale { away: None },
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
    let healed = lock(&engine.healed).note(healed, Instant::now());
    let healed = (healed > 0).then(|| Healed { disk: "of the pool".to_owned(), records: healed });
    Integrity {
        damaged: lost(&engine.pool.catalog.scrubs(), engine.lasts().excused),
        healed: healed.into_iter().collect(),
        ..Integrity::default()
    }
}

/// Records that no disk holds whole: what the last scrub that came to its end found, and the one
/// that is under way, which has not been everywhere yet. Not what they had found when a verify
/// found everything whole: the number of the newest then, and how much that was.
fn lost(scrubs: &[ScrubRow], (excused, count): (u64, u64)) -> u64 {
    let ended = scrubs.iter().rfind(|scrub| scrub.next == 0);
    let newest = scrubs.last().filter(|scrub| scrub.next != 0);
    let found = [ended, newest].into_iter().flatten().map(|scrub| match scrub.number {
        number if number < excused => 0,
        number if number == excused => scrub.lost.saturating_sub(count),
        _ => scrub.lost,
    });
    found.max().unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use format::event::EVENT_SCRUB;
    use model::WallTime;

    use super::*;

    fn scrub(number: u64, next: u64, lost: u64) -> ScrubRow {
        ScrubRow {
            kind: EVENT_SCRUB,
            reserved: [0; 7],
            number,
            begun: 0,
            age: 0,
            wall: WallTime(0),
            next,
            bytes_read: 0,
            healed: 0,
            damaged: 0,
            lost,
            verified_below: 1,
        }
    }

    #[test]
    fn what_is_lost_stays_so_while_the_next_scrub_has_only_begun() {
        let none = (0, 0);
        assert_eq!(lost(&[], none), 0);
        assert_eq!(lost(&[scrub(1, 0, 3)], none), 3);
        assert_eq!(lost(&[scrub(1, 0, 3), scrub(2, 7, 0)], none), 3);
        assert_eq!(lost(&[scrub(1, 0, 3), scrub(2, 7, 5)], none), 5);
        assert_eq!(lost(&[scrub(1, 0, 3), scrub(2, 0, 0)], none), 0);
    }

    #[test]
    fn a_verify_that_finds_all_whole_ends_it_until_more_is_lost() {
        assert_eq!(lost(&[scrub(1, 0, 3)], (1, 3)), 0);
        assert_eq!(lost(&[scrub(1, 0, 4)], (1, 3)), 1);
        assert_eq!(lost(&[scrub(1, 0, 3), scrub(2, 7, 2)], (2, 2)), 0);
        assert_eq!(lost(&[scrub(1, 0, 3), scrub(2, 7, 2)], (1, 3)), 2);
    }
}
