//! Commits: what several writers appended becomes durable with one flush per disk.

use std::sync::atomic::Ordering;

use format::superblock::{MEMBER_ACTIVE, MEMBER_MISSING};
use model::{Epoch, Sequence};

use crate::log::{Log, split};
use crate::members::lock;
use crate::segments::{State, number};
use crate::store::{Inner, Store};
use crate::writer::Drained;
use crate::{Result, StoreError};

/// Outcomes of commits that are remembered for those who wait for them: more than can wait, as
/// each waits for the round it queued in or the one after.
const OUTCOMES_KEPT: usize = 8;

impl Store {
    /// Makes everything that was appended before durable, together with these events.
    ///
    /// Callers that come while a commit is running share the next one. When this returns, the
    /// events survive the loss of power and of all disks but one.
    pub async fn commit(&self, events: Vec<Vec<u8>>) -> Result<Sequence> {
        let inner = &self.inner;
        let round = {
            let mut queue = lock(&inner.queue);
            queue.events.extend(events);
            queue.round
        };
        let mut log = inner.log.lock().await;
        if let Some(outcome) = inner.outcome(round) {
            return outcome;
        }
        let result = inner.commit_round(&mut log).await;
        let result = inner.stop_on_error(result);
        let mut queue = lock(&inner.queue);
        queue.outcomes.push_back((round, result.clone()));
        if queue.outcomes.len() > OUTCOMES_KEPT {
            queue.outcomes.pop_front();
        }
        result
    }

    /// Writes down that the last commit is durable, so that damage to it can never be taken for
    /// a write that power loss cut short. To be called when no commit came for a while.
    pub async fn settle(&self) -> Result<()> {
        let inner = &self.inner;
        let mut log = inner.log.lock().await;
        if inner.current_epoch() == Epoch(0) || log.durable.next() != log.next {
            return Ok(());
        }
        let result = inner.append_log(&mut log, None).await;
        inner.stop_on_error(result)?;
        let flushed = inner.members.flush().await;
        inner.stop_on_error(flushed)
    }

    /// Finishes open segments and writes a checkpoint, so that the next opening is quick.
    pub async fn close(self) -> Result<()> {
        let inner = &self.inner;
        if inner.current_epoch() == Epoch(0) {
            return Ok(());
        }
        self.commit(Vec::new()).await?;
        let writers: Vec<_> =
            lock(&inner.writers).iter().map(|slot| slot.state.clone()).collect();
        for writer in writers {
            let sealed = writer.lock().await.seal(inner).await;
            inner.stop_on_error(sealed)?;
        }
        self.commit(Vec::new()).await?;
        let mut log = inner.log.lock().await;
        let result = inner.checkpoint(&mut log, true).await;
        inner.stop_on_error(result)
    }
}

impl Inner {
    fn outcome(&self, round: u64) -> Option<Result<Sequence>> {
        let queue = lock(&self.queue);
        queue.outcomes.iter().find(|(done, _)| *done == round).map(|(_, result)| result.clone())
    }

    async fn commit_round(self: &std::sync::Arc<Self>, log: &mut Log) -> Result<Sequence> {
        let events = {
            let mut queue = lock(&self.queue);
            queue.round += 1;
            std::mem::take(&mut queue.events)
        };
        self.check_writable()?;
        self.begin_locked(log).await?;
        self.pending_bytes.store(0, Ordering::Release);
        let writers: Vec<_> = lock(&self.writers).iter().map(|slot| slot.state.clone()).collect();
        let mut drained = Vec::new();
        for writer in writers {
            drained.push(writer.lock().await.drain(self).await?);
        }
        let commits = split(&drained, events, self.commit_bytes());
        let first = log.next;
        for commit in &commits {
            self.append_log(log, Some(commit)).await?;
        }
        self.members.flush().await?;
        self.note_failed_members(log).await?;
        log.durable = Sequence(log.next.0 - 1);
        self.publish(&drained);
        for (sequence, commit) in (first.0..).map(Sequence).zip(&commits) {
            for event in &commit.events {
                self.journal.apply(sequence, event).map_err(|source| StoreError::Unreadable {
                    disk: "the catalog".to_owned(),
                    source,
                })?;
            }
        }
        if self.wants_checkpoint(log) {
            self.checkpoint(log, false).await?;
        }
        Ok(log.durable)
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
        let failed: Vec<usize> = self
            .members
            .present()
            .filter(|(number, member)| {
                let listed = log.members.get(*number).map(|row| row.state);
                !member.is_active() && listed == Some(MEMBER_ACTIVE)
            })
            .map(|(number, _)| number)
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        for number in failed {
            if let Some(row) = log.members.get_mut(number) {
                row.state = MEMBER_MISSING;
                row.generation = log.generation + 1;
            }
        }
        let anchor = log.anchor.clone();
        self.write_superblock(log, anchor, false).await
    }
}
