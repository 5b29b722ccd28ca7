//! A mirror gets a third disk, goes on, and lets one of the first two go; then power fails
//! somewhere in that.

use std::sync::atomic::{AtomicUsize, Ordering};

use disk::sim::{SimMachine, SimRng};
use futures_util::future::join;

use super::again::go_on;
use super::phases::{Fate, Phases};
use super::{ALONE, NEW, OLD, RELIEVE, RESCUE};
use crate::tests::history::{Op, Runner};
use crate::tests::model::Model;
use crate::tests::resync::{allow_full, expect_sound, keeps_open, some_ops, to_the_end};
use crate::{MemberState, OpenOptions, Pace, Store, StoreError};

/// What was done, and when.
pub(super) struct Takeover {
    runner: Runner,
    pub(super) begun: usize,
    pub(super) ended: usize,
    pub(super) phases: Phases,
}

impl Takeover {
    /// `None` when the pool got too full for it.
    pub(super) async fn play(
        machine: &SimMachine,
        seed: u64,
        rng: &mut SimRng,
    ) -> Result<Option<Self>, String> {
        let pair = vec![machine.disk(0), machine.disk(OLD)];
        let mut runner = Runner::create_on(machine, pair, seed << 16).await?;
        runner.run(&some_ops(rng, 9)).await?;
        let begun = machine.event_count();
        match runner.store.admit(machine.disk(NEW), RELIEVE, false).await {
            Ok(NEW) => {}
            Err(StoreError::Full | StoreError::TooSmall { .. }) => return Ok(None),
            other => return Err(format!("coming in: {other:?}")),
        }
        let admitted = machine.event_count();
        runner.set_disks(machine.disks());
        runner.run(&some_ops(rng, 3)).await?;
        let mut steps = rng.below(4);
        let partly = runner.store.resync(Pace::default(), |_| {
            steps = steps.saturating_sub(1);
            steps > 0
        });
        allow_full(partly.await.map(|_| ()))?;
        not_yet(&runner.store).await?;
        runner.run(&some_ops(rng, 3)).await?;
        let beside: Vec<Op> = some_ops(rng, 4).into_iter().filter(keeps_open).collect();
        runner.pace(true);
        let store = runner.store.clone();
        let (resynced, worked) =
            join(store.resync(Pace::default(), |_| true), runner.run(&beside)).await;
        runner.pace(false);
        worked?;
        allow_full(resynced.map(|_| ()))?;
        if !to_the_end(&runner.store).await? {
            return Ok(None);
        }
        let complete = machine.event_count();
        runner.run(&some_ops(rng, 3)).await?;
        let leaving = machine.event_count();
        let left = runner.store.relieve(OLD, NEW).await;
        left.map_err(|error| format!("relieving: {error}"))?;
        let phases = Phases { admitted, complete, leaving, left: machine.event_count() };
        runner.set_disks(vec![machine.disk(0), machine.disk(NEW)]);
        runner.run(&some_ops(rng, 4)).await?;
        let ended = machine.event_count();
        Ok(Some(Self { runner, begun, ended, phases }))
    }

    /// Power fails after `at` events.
    pub(super) async fn failure(
        &self,
        at: usize,
        rng: &mut SimRng,
        states: &AtomicUsize,
    ) -> Result<(), String> {
        let (machine, model) = (&self.runner.machine, &self.runner.model);
        states.fetch_add(1, Ordering::Relaxed);
        let which = rng.below(3) as usize;
        match rng.below(8) {
            0 | 1 => {
                let crashed = machine.crashed(at, rng);
                self.phases.survive(model, &crashed, at, Fate::Lost(which)).await.map(drop)
            }
            2 => self.phases.alone(model, &machine.crashed(at, rng), at, which).await,
            3 => {
                let early = self.begun + rng.below((at - self.begun) as u64 + 1) as usize;
                machine.rewind(which, early);
                let stale = machine.images().swap_remove(which);
                machine.rewind(which, self.ended);
                let mut images = machine.crash(at, rng);
                images[which] = stale;
                let told = |error| format!("disk {which} as after {early}: {error}");
                self.stale(&SimMachine::from_images(images), at, which).await.map_err(told)
            }
            _ => self.all(&machine.crashed(at, rng), at, rng, states).await,
        }
    }

    /// Either a disk that lost writes is not used, or it has everything once anything is written.
    async fn stale(&self, machine: &SimMachine, at: usize, which: usize) -> Result<(), String> {
        let model = &self.runner.model;
        let found = self.phases.survive(model, machine, at, Fate::Stale(which)).await?;
        found.store.inner.begin().await.map_err(|error| format!("recovering: {error}"))?;
        let members = found.store.members().await;
        let used = |member: &crate::MemberStatus| {
            member.number == which && member.state == MemberState::Complete
        };
        if !members.iter().any(used) {
            return Ok(());
        }
        let alone = model.check_disks(vec![machine.disk(which)], ALONE, at, 6).await;
        alone.map(drop).map_err(|error| format!("used, and alone: {error}"))
    }

    /// All three go on, whatever the new one had by then, and the old one leaves after all.
    async fn all(
        &self,
        machine: &SimMachine,
        at: usize,
        rng: &mut SimRng,
        states: &AtomicUsize,
    ) -> Result<(), String> {
        let found = self.phases.survive(&self.runner.model, machine, at, Fate::Well).await?;
        if rng.chance(0.6) {
            return Ok(());
        }
        let model = self.runner.model.after(at, &found);
        let begun = machine.event_count();
        let store = found.store.clone();
        store.inner.begin().await.map_err(|error| format!("recovering: {error}"))?;
        let Some(phases) = go_on(machine, &store).await? else { return Ok(()) };
        let pair = vec![machine.disk(0), machine.disk(NEW)];
        let mut second = Runner::resume_on(machine, pair, model, found, rng.next_u64());
        second.run(&[Op::Commit { bytes: Some(30) }]).await?;
        let end = machine.event_count();
        let again = begun + rng.below((end - begun) as u64 + 1) as usize;
        for at in [again, end] {
            states.fetch_add(1, Ordering::Relaxed);
            let crashed = machine.crashed(at, rng);
            let told = |error| format!("then after {at} of {begun}..{end}, {phases:?}: {error}");
            let fate = if at == end { Fate::Lost(rng.below(3) as usize) } else { Fate::Well };
            phases.survive(&second.model, &crashed, at, fate).await.map_err(told)?;
        }
        phases.alone(&second.model, &machine.restarted(), end, rng.below(3) as usize).await
    }

    /// What is left is as good a mirror as any, and the disk that went does not pass for one of it.
    pub(super) async fn end(self) -> Result<(), String> {
        let Self { mut runner, phases, .. } = self;
        // What a writer still has in memory is on no disk.
        runner.run(&[Op::Close]).await?;
        let machine = runner.machine.clone();
        let now = machine.event_count();
        expect_sound(&runner.store).await?;
        let model: Model = runner.model.clone();
        drop(runner);
        let pair = vec![machine.disk(0), machine.disk(NEW)];
        model.check_disks(pair, OpenOptions::default(), now, 7).await?;
        for which in 0..3 {
            phases.alone(&model, &machine, now, which).await?;
        }
        let old = vec![machine.disk(OLD)];
        let rescued = model.check_disks(old, RESCUE, phases.leaving, 8).await;
        rescued.map(drop).map_err(|error| format!("reading the disk that left: {error}"))
    }
}

/// The old disk does not leave before a resync has come to its end.
async fn not_yet(store: &Store) -> Result<(), String> {
    let syncing = |m: &crate::MemberStatus| m.number == NEW && m.state == MemberState::Syncing;
    if !store.members().await.iter().any(syncing) {
        return Ok(());
    }
    match store.relieve(OLD, NEW).await {
        Err(StoreError::Incomplete { .. }) => Ok(()),
        early => Err(format!("relieved too early: {early:?}")),
    }
}
