//! Commits: what several writers appended becomes durable with one flush per disk.
//!
//! All that changes the log runs under its lock. If it fails half-way, or its caller drops it
//! half-way, nobody knows what is on the disks: the store stops writing, and opening it again
//! finds out.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use format::superblock::{MEMBER_ACTIVE, MEMBER_MISSING, MEMBER_SYNCING};
use model::{Epoch, Sequence};

use crate::filling::Drained;
use crate::log::{Log, split};
use crate::members::lock;
use crate::planted::{Bug, planted};
use crate::queue::Changes;
use crate::segments::{State, number};
use crate::store::{Inner, Store};
use crate::sync::AtomicBool;
use crate::{Result, StoreError};

impl Store {
    /// Makes everything that was appended before durable, together with these events.
    ///
    /// Callers that come while a commit is running share the next one. When this returns, the
    /// events survive the loss of power and of all disks but one. A caller that does not wait for
    /// the end stops the store, as a failed write would.
    ///
    /// # Errors
    /// `TooLarge` when the events exceed half of what one log record holds: 64 KiB on small
    /// disks, 512 KiB on others. `Full` when there is no room for the next checkpoint. After any
    /// other error the store has stopped.
    pub async fn commit(&self, events: Vec<Vec<u8>>) -> Result<Sequence> {
        self.inner.commit(Changes { events, ..Changes::default() }).await
    }

    /// Writes down that the last commit is durable, so that damage to it can never be taken for
    /// a write that power loss cut short. To be called when no commit came for a while, and after
    /// an opening that nothing was written in.
    pub async fn settle(&self) -> Result<()> {
        let inner = &self.inner;
        let mut log = inner.log.lock().await;
        let begun = inner.current_epoch() != Epoch(0);
        let settled = if begun { log.durable.next() != log.next } else { !log.unproved };
        if settled || inner.read_only {
            return Ok(());
        }
        inner.check_writable()?;
        if !begun {
            return inner.begin_locked(&mut log).await;
        }
        // A pool without room for a checkpoint is full, and not stopped.
        inner.make_log_room(&mut log, inner.bytes_of(&[])).await?;
        inner.all_or_stop(inner.settle_locked(&mut log)).await
    }

    /// Finishes open segments and writes a checkpoint, so that the next opening is quick. Ends
    /// all writing, also by others that hold this store.
    pub async fn close(self) -> Result<()> {
        let inner = &self.inner;
        if inner.current_epoch() == Epoch(0) {
            return Ok(());
        }
        let writers: Vec<_> = lock(&inner.writers).iter().map(|slot| slot.state.clone()).collect();
        for writer in writers {
            writer.lock().await.seal(inner);
        }
        self.commit(Vec::new()).await?;
        let mut log = inner.log.lock().await;
        inner.check_writable()?;
        let result = inner.all_or_stop(inner.checkpoint(&mut log, true)).await;
        // A record after this superblock would never be looked for.
        inner.stopped.store(true, Ordering::Release);
        result
    }
}

impl Inner {
    /// Runs what must happen wholly or be the last thing that this opening writes.
    pub(crate) async fn all_or_stop<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let stop = StopUnlessDone { stopped: &self.stopped };
        let result = work.await;
        if result.is_ok() {
            std::mem::forget(stop);
        }
        result
    }

    /// See [`Store::commit`].
    pub(crate) async fn commit(self: &Arc<Self>, changes: Changes) -> Result<Sequence> {
        let (bytes, limit) = (changes.bytes(), self.commit_bytes() / 2);
        if bytes > limit {
            return Err(StoreError::TooLarge { what: "a list of events", bytes, limit });
        }
        let outcome = lock(&self.queue).join(changes, limit);
        let mut log = self.log.lock().await;
        while outcome.get().is_none() {
            let Some(round) = lock(&self.queue).take() else {
                // Who had taken these changes did not wait for the end.
                return Err(StoreError::Stopped);
            };
            if planted(Bug::AckWhenTaken) {
                let _ = round.outcome.set(Ok(log.durable));
            }
            let result = self.commit_round(&mut log, round.changes).await;
            let _ = round.outcome.set(result);
        }
        outcome.get().cloned().unwrap_or(Err(StoreError::Stopped))
    }

    async fn commit_round(self: &Arc<Self>, log: &mut Log, changes: Changes) -> Result<Sequence> {
        self.check_writable()?;
        self.begin_locked(log).await?;
        self.make_log_room(log, self.round_bytes()).await?;
        self.all_or_stop(self.commit_drained(log, changes)).await?;
        if self.wants_checkpoint(log) {
            match self.checkpoint(log, false).await {
                // The commit stands; the next one looks for room again.
                Ok(()) | Err(StoreError::Full | StoreError::TooLarge { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(log.durable)
    }

    async fn commit_drained(self: &Arc<Self>, log: &mut Log, changes: Changes) -> Result<()> {
        self.pending_bytes.store(0, Ordering::Release);
        self.pending_stored.store(0, Ordering::Release);
        let writers: Vec<_> = lock(&self.writers).iter().map(|slot| slot.state.clone()).collect();
        let mut drained = Vec::new();
        for writer in writers {
            if planted(Bug::BusyWriterSkipped) && writer.try_lock().is_err() {
                continue;
            }
            drained.push(writer.lock().await.drain(self).await?);
        }
        let commits = split(&drained, changes, self.commit_bytes());
        self.make_log_room(log, self.bytes_of(&commits)).await?;
        let first = log.next;
        for commit in &commits {
            self.append_log(log, Some(commit)).await?;
        }
        if !planted(Bug::AckBeforeFlush) {
            self.members.flush().await?;
        }
        self.note_failed_members(log).await?;
        log.durable = Sequence(log.next.0 - 1);
        self.publish(&drained);
        commits.iter().for_each(|commit| self.publish_moves(commit, log.generation));
        for (sequence, commit) in (first.0..).map(Sequence).zip(&commits) {
            for event in &commit.events {
                self.journal.apply(sequence, event).map_err(|source| StoreError::Unreadable {
                    disk: "the catalog".to_owned(),
                    source,
                })?;
            }
        }
        Ok(())
    }

    async fn settle_locked(&self, log: &mut Log) -> Result<()> {
        self.append_log(log, None).await?;
        self.members.flush().await
    }

    /// Lets everyone see as durable what the writers handed over.
    fn publish(&self, drained: &[Drained]) {
        for (open, committed) in drained.iter().flat_map(|drained| &drained.ends) {
            open.committed.store(*committed, Ordering::Release);
        }
        let mut segments = lock(&self.segments);
        for closed in drained.iter().flat_map(|drained| &drained.closed) {
            let Some(segment) = segments.get_mut(closed.sealed.segment) else { continue };
            if let State::Open(open) = &segment.state {
                let entries = lock(&open.entries).clone();
                lock(&self.footers).put(number(closed.sealed.segment), entries.into());
            }
            segment.state = State::Sealed {
                records: closed.records,
                body_end: closed.body_end,
                trailer: closed.sealed.trailer,
            };
        }
    }

    /// A disk that failed is named as missing, durably, before anything that it lacks is
    /// acknowledged: it can never again pass for a good copy.
    pub(crate) async fn note_failed_members(&self, log: &mut Log) -> Result<()> {
        // Writing it down may itself find the next disk failed.
        while !self.unrecorded_failures(log).is_empty() && !planted(Bug::FailureUnrecorded) {
            let anchor = log.anchor.clone();
            self.write_superblock(log, anchor, false).await?;
        }
        Ok(())
    }

    /// Brings the member table up to date, for the next generation: which disks are out of
    /// service, and what the others have for sure.
    pub(crate) fn record_members(&self, log: &mut Log) {
        let generation = log.generation + 1;
        for (number, member) in self.members.present() {
            let row = log.members.get_mut(number).filter(|row| in_service(row.state));
            let Some(row) = row else { continue };
            if member.is_active() || planted(Bug::FailureUnrecorded) {
                row.state = if member.is_syncing() { MEMBER_SYNCING } else { MEMBER_ACTIVE };
                row.generation = row.generation.max(member.generation());
            } else {
                row.state = MEMBER_MISSING;
                row.generation = generation;
            }
        }
    }

    fn unrecorded_failures(&self, log: &Log) -> Vec<usize> {
        let failed = self.members.present().filter(|(number, member)| {
            let listed = log.members.get(*number).map(|row| row.state);
            !member.is_active() && listed.is_some_and(in_service)
        });
        failed.map(|(number, _)| number).collect()
    }
}

/// Whether a member in this state takes every write.
pub(crate) fn in_service(state: u8) -> bool {
    matches!(state, MEMBER_ACTIVE | MEMBER_SYNCING)
}

/// Stops the store when it is dropped.
struct StopUnlessDone<'a> {
    stopped: &'a AtomicBool,
}

impl Drop for StopUnlessDone<'_> {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
    }
}
