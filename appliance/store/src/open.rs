//! Opening a pool: what is on the disks becomes a store again. Nothing is written before the
//! first write that the caller asks for.

use std::sync::Arc;

use disk::Disk;
use format::superblock::{KNOWN_RO_COMPAT, MEMBER_MISSING, MEMBER_SYNCING, Superblock};
use futures_util::future::join_all;

use crate::commit::in_service;
use crate::load::anchor_of;
use crate::log::Anchor;
use crate::members::{Member, Members, lock};
use crate::planted::{Bug, planted};
use crate::probe::{Assembled, Probed, assemble, probe};
use crate::replay::{Run, Start};
use crate::store::{Entropy, Inner, Journal, Store};
use crate::{Result, StoreError};

/// What an opening may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenOptions {
    /// Nothing is written, not even to heal.
    pub read_only: bool,
    /// Go on without a disk that is not there. Before anything is acknowledged without it, the
    /// others record that it was left behind.
    pub allow_missing: bool,
}

/// An opened pool.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    /// Disks that were given but may not be used, because the pool went on without them.
    pub stale: Vec<String>,
}

impl Store {
    /// Opens the pool on these disks.
    ///
    /// The journal gets the catalog of the newest checkpoint and all events since.
    ///
    /// # Errors
    /// Among others `ReadableOnly` for an opening that may write when the pool has a feature
    /// that this Holdfast does not know and would not keep right.
    pub async fn open(
        disks: Vec<Arc<dyn Disk>>,
        options: OpenOptions,
        entropy: Arc<dyn Entropy>,
        journal: Arc<dyn Journal>,
    ) -> Result<Opened> {
        let probed = join_all(disks.into_iter().map(probe)).await;
        let probed = probed.into_iter().collect::<Result<_>>()?;
        let assembled = assemble(probed, options)?;
        let bits = assembled.newest.ro_compat & !KNOWN_RO_COMPAT;
        if bits != 0 && !options.read_only {
            return Err(StoreError::ReadableOnly { bits });
        }
        let (inner, stale) = recover(assembled, options, entropy, journal).await?;
        Ok(Opened { store: Self { inner: Arc::new(inner) }, stale })
    }
}

async fn recover(
    assembled: Assembled,
    options: OpenOptions,
    entropy: Arc<dyn Entropy>,
    journal: Arc<dyn Journal>,
) -> Result<(Inner, Vec<String>)> {
    let Assembled { members: probed, newest, mut stale } = assembled;
    let copies: Vec<Vec<Superblock>> =
        probed.iter().map(|disk| disk.as_ref().map_or(Vec::new(), |d| d.copies.clone())).collect();
    let whole = probed.iter().flatten().all(|disk| disk.whole);
    let rows = newest.members;
    let members = probed.into_iter().zip(&rows).map(|(disk, row)| member(disk?, row.state));
    let members = members.collect();
    let mut inner =
        Inner::new(newest.pool_id, Members::new(members), newest.members, entropy, journal)?;
    inner.read_only = options.read_only;
    let vacant = |row: usize| rows.get(row).is_some_and(|row| row.state == 0);
    inner.members.set_rows(inner.members.count(), vacant);

    let mut last = StoreError::DamagedStructure { structure: "checkpoint" };
    for generation in [newest.generation, newest.generation.saturating_sub(1)] {
        let Some((anchor, superblock)) = anchor_of(&copies, generation) else { continue };
        match inner.load(&anchor, &superblock, &copies).await {
            Ok(()) => {
                let current = generation == newest.generation;
                let closed = current && whole && newest.closed == 1;
                stale.extend(inner.finish_opening(&newest, &copies, closed, options).await?);
                return Ok((inner, stale));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn member(probed: Probed, state: u8) -> Option<Member> {
    let newest = *probed.newest()?;
    let geometry =
        format::geometry::Geometry::new(newest.disk_bytes, newest.log_bytes, newest.segment_bytes)?;
    let member = Member::new(probed.disk, newest.disk_id, newest.generation, geometry);
    Some(if state == MEMBER_SYNCING { member.incomplete().returning() } else { member })
}

impl Inner {
    /// Applies the log since the checkpoint. Gives the names of disks that turned out to be
    /// stale and are not used.
    async fn finish_opening(
        &mut self,
        newest: &Superblock,
        copies: &[Vec<Superblock>],
        closed: bool,
        options: OpenOptions,
    ) -> Result<Vec<String>> {
        let log = self.log.get_mut();
        let Anchor { position, sequence, previous, .. } = log.anchor;
        let start = Start { position, sequence, previous, epoch: log.epoch };
        let run = match closed {
            true => Run::empty(start),
            false => self.read_run(start, &newest.replay_previous).await?,
        };
        let log = self.log.get_mut();
        log.generation = newest.generation;
        log.epoch = run.epoch.max(newest.epoch);
        log.compat = newest.compat;
        log.members = newest.members;
        let stale = self.leave_lagging(newest, &run, copies, options.allow_missing).await?;
        let highest = run.highest;
        self.apply_run(start, run).await?;
        let log = self.log.get_mut();
        log.next = highest.max(log.durable).next();
        if planted(Bug::StaleTail) {
            log.next = log.durable.next();
        }
        self.check_complete()?;
        self.note_missing();
        Ok(stale)
    }

    /// Leaves out disks that have lost writes and may lack anything: those without the newest
    /// superblock although the log went on after it, or without the log before it. Recovery sees
    /// to it that power failure alone never makes a disk look like that.
    async fn leave_lagging(
        &mut self,
        newest: &Superblock,
        run: &Run,
        copies: &[Vec<Superblock>],
        allow_missing: bool,
    ) -> Result<Vec<String>> {
        let (mut stale, mut lagging) = (Vec::new(), Vec::new());
        for (number, member) in self.members.present() {
            let own = copies.get(number).and_then(|own| own.first());
            let Some(own) = own.filter(|own| own.generation < newest.generation) else { continue };
            let start = Start::of(own);
            // Where only the members changed in between, the log tells, which goes on behind both.
            let same_log =
                own.replay_sequence == newest.replay_sequence && !planted(Bug::ChangeTakenForLoss);
            let went_on = match run.last_proved(own.replay_sequence) {
                Some(hash) if same_log => !self.has_log(number, start, &hash).await,
                None if same_log => false,
                _ => run.proved >= newest.replay_sequence,
            };
            if !went_on && self.has_log(number, start, &newest.replay_previous).await {
                lagging.push((number, start));
                continue;
            }
            if planted(Bug::LaggingAccepted) {
                continue;
            }
            let disk = member.disk.name().to_owned();
            if !allow_missing {
                return Err(StoreError::StaleDisk { disk });
            }
            member.fail();
            stale.push(disk);
        }
        self.log.get_mut().lagging = lagging;
        Ok(stale)
    }

    /// Refuses to go on without any disk that has everything. One that turns out to have it, as
    /// when the others were lost just before that was written down, counts as complete.
    fn check_complete(&self) -> Result<()> {
        if self.members.complete().next().is_some() {
            return Ok(());
        }
        let mut refused = StoreError::DamagedStructure { structure: "pool" };
        for (number, member) in self.members.syncing() {
            let segments = lock(&self.segments).lacking(number).count();
            if segments == 0 {
                member.complete();
                return Ok(());
            }
            refused = StoreError::Incomplete { disk: member.disk.name().to_owned(), segments };
        }
        Err(refused)
    }

    /// Notes which disks this opening goes on without, for the next superblock to say so.
    fn note_missing(&mut self) {
        let count = self.members.count();
        let log = self.log.get_mut();
        let generation = log.generation + 1;
        for (number, row) in log.members.iter_mut().enumerate().take(count) {
            let active = self.members.get(number).is_some_and(Member::is_active);
            if !active && in_service(row.state) {
                row.state = MEMBER_MISSING;
                row.generation = generation;
            }
        }
    }
}
