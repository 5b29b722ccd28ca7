//! The catalog over the whole store, on simulated disks that lose power.

use std::sync::{Arc, Mutex};

use disk::sim::{SimMachine, SimRng};
use format::keyring::KeyBlock;
use futures_executor::block_on;
use model::{PoolId, WallTime};
use store::{Entropy, OpenOptions, PoolLayout, Store};

use super::make::{DAY, HOUR, TENANT, id, point};
use crate::{Catalog, Change, Listed, Policy, Uptime, commit_all, expiry_events};

const LAYOUT: PoolLayout = PoolLayout { segment_bytes: 32 << 10, log_bytes: 64 << 10 };

/// Randomness from a seed.
struct Seeded(Mutex<SimRng>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut rng = self.0.lock().unwrap();
        bytes.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8);
    }
}

fn entropy() -> Arc<Seeded> {
    Arc::new(Seeded(Mutex::new(SimRng::new(1))))
}

async fn create(machine: &SimMachine) -> (Store, Arc<Catalog>) {
    let pool_id = PoolId([7; 16]);
    let keys = KeyBlock {
        pool_id,
        generation: 1,
        next_slot: 1,
        slots: Vec::new(),
        tenants: Vec::new(),
        data_keys: Vec::new(),
        authenticator: [0; 32],
    }
    .encode();
    let catalog = Arc::new(Catalog::default());
    let (disks, entropy) = (machine.disks(), entropy());
    let making = Store::create(disks, LAYOUT, &keys, pool_id, entropy, catalog.clone());
    (making.await.unwrap(), catalog)
}

fn uptime(seconds: u64) -> Uptime {
    Uptime { boot: [1; 16], seconds, proven: None }
}

async fn reopen(machine: &SimMachine) -> (Store, Arc<Catalog>) {
    let catalog = Arc::new(Catalog::default());
    let options = OpenOptions::default();
    let opened = Store::open(machine.disks(), options, entropy(), catalog.clone()).await;
    (opened.unwrap().store, catalog)
}

#[test]
fn points_ages_and_policies_survive_many_checkpoints_and_losses_of_power() {
    let mut machine = SimMachine::new(&[8 << 20, 8 << 20]);
    let mut rng = SimRng::new(3);
    let policy = Policy { last: 5, daily: 3, lock: HOUR, delay: 2 * HOUR, ..Policy::default() };
    block_on(async {
        let (store, catalog) = create(&machine).await;
        let event = catalog.set_policy(TENANT, None, &policy).unwrap();
        store.commit(vec![event]).await.unwrap();
    });
    let mut seen = (Vec::new(), 0);
    for round in 0..40u32 {
        let (listed, age) = block_on(async {
            let (store, catalog) = reopen(&machine).await;
            let mut age = catalog.age(uptime(u64::from(round) * 10 * HOUR));
            assert!(age >= seen.1, "the age went back");
            assert_eq!(catalog.listed(), seen.0, "before round {round}");
            assert_eq!(catalog.policy(TENANT, point(0, 0).system), policy);
            for number in round * 10..round * 10 + 10 {
                let now = uptime(u64::from(number) * HOUR);
                age = catalog.age(now);
                let clock = catalog.clock_event(now, WallTime(u64::from(number)));
                let mut events = vec![Catalog::event(&point(number, age)), clock];
                events.extend(expiry_events(&catalog.expiry(age), age));
                commit_all(&store, events).await.unwrap();
            }
            let held = [id(round * 10 + 5)];
            let events = catalog.change(&held, Change::Hold, age).unwrap();
            commit_all(&store, events).await.unwrap();
            let seen = (catalog.listed(), age);
            if round % 3 == 0 {
                store.close().await.unwrap();
            }
            seen
        });
        machine = machine.crashed(machine.event_count(), &mut rng);
        assert_eq!(age, (u64::from(round) * 10 + 9) * HOUR);
        seen = (listed, age);
    }
    let held = seen.0.iter().filter(|listed| listed.held).count();
    assert_eq!(held, 40);
    assert!(seen.0.len() < 40 + 20, "{} points are left", seen.0.len());
}

#[test]
fn thousands_of_points_expire_in_a_few_commits() {
    let machine = SimMachine::new(&[16 << 20]);
    block_on(async {
        let (store, catalog) = create(&machine).await;
        let points = (0..2000).map(|number| Catalog::event(&point(number, u64::from(number))));
        commit_all(&store, points.collect()).await.unwrap();
        let policy = Policy { last: 3, delay: 0, ..Policy::default() };
        store.commit(vec![catalog.set_policy(TENANT, None, &policy).unwrap()]).await.unwrap();
        let events = expiry_events(&catalog.expiry(DAY), DAY);
        assert_eq!(events.len(), 2 * 1997);
        commit_all(&store, events).await.unwrap();
        assert_eq!(catalog.points().len(), 3);
        store.close().await.unwrap();
        let (_, again) = reopen(&machine).await;
        assert_eq!(again.listed(), catalog.listed());
    });
}

/// One life of a catalog: what it knew after each commit, and how many events of the machine there
/// were then.
async fn life(machine: &SimMachine) -> Vec<(usize, Vec<Listed>, u64)> {
    let (store, catalog) = create(machine).await;
    let policy = Policy { last: 4, daily: 2, lock: HOUR, delay: 3 * HOUR, ..Policy::default() };
    store.commit(vec![catalog.set_policy(TENANT, None, &policy).unwrap()]).await.unwrap();
    let mut known = vec![(machine.event_count(), Vec::new(), 0)];
    for number in 0..40 {
        let now = uptime(u64::from(number) * HOUR);
        let age = catalog.age(now);
        let judged = expiry_events(&catalog.expiry(age), age);
        let held = [id(number / 3)];
        let hold = catalog.change(&held, Change::Hold, age).unwrap_or_default();
        let add = vec![Catalog::event(&point(number, age))];
        for events in [add, judged, hold] {
            let clock = catalog.clock_event(now, WallTime(0));
            store.commit(std::iter::once(clock).chain(events).collect()).await.unwrap();
            known.push((machine.event_count(), catalog.listed(), age));
        }
    }
    known
}

#[test]
fn a_loss_of_power_at_any_event_loses_no_commit_and_splits_none() {
    let machine = SimMachine::new(&[8 << 20]);
    let known = block_on(life(&machine));
    let mut rng = SimRng::new(11);
    let first = known[0].0;
    for at in (first..machine.event_count()).step_by(3) {
        let crashed = machine.crashed(at, &mut rng);
        let (found, age) = block_on(async {
            let (_, catalog) = reopen(&crashed).await;
            (catalog.listed(), catalog.age(uptime(0)))
        });
        let acknowledged = known.iter().rposition(|(events, ..)| *events <= at).unwrap();
        let possible = known.iter().skip(acknowledged).take(2);
        assert!(
            possible.into_iter().any(|(_, listed, then)| *listed == found && *then == age),
            "power was lost at event {at}, behind commit {acknowledged}"
        );
    }
}
