//! Disks that somebody writes and that become recovery points.
//!
//! Clients write to an overlay, above the system's newest recovery point or above nothing. An
//! intake that is not explicit is as good as its clients: when one vanishes or was told that a
//! write failed, nobody knows what it meant to write, and the intake goes. An explicit one belongs
//! to somebody who knows: it outlives clients and the engine with what was flushed.

use std::sync::Arc;

use export::{Ends, Overlay};
use model::PointId;
use operations::{Failure, OpenPool};
use record::TenantAccess;
use restore::RestorePoint;
use sd_notify::NotifyState;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Exported, Exports, Inner, Live, MAX_EXPORTS, STATE_NEXT, Stage};
use crate::engine::lock;
use crate::state::State;

/// Intakes at once, finished ones included: half of what is served stays for machines that boot.
const MAX_INTAKES: usize = MAX_EXPORTS / 2;

/// What to do when there are too many.
pub(crate) const WAIT_FOR_OTHERS: &str = "try again later, or finish or discard one of them";

/// What becomes of a disk that somebody writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intake {
    /// The protected system's name.
    pub(crate) system: String,
    /// The volume's name.
    pub(crate) volume: String,
    pub(crate) bytes: u64,
    /// Only who asked for it says when it is whole.
    pub(crate) explicit: bool,
    /// It is whole, and takes no more writes.
    pub(crate) finished: bool,
}

/// A disk that somebody wants to write.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) intake: Intake,
    /// Above the newest recovery point, where that has the volume in this size.
    pub(crate) incremental: bool,
}

impl Inner {
    /// Refuses an intake too many, and two of one volume: each would miss what the other adds.
    pub(super) fn admit(&self, wanted: &Intake) -> Result<(), Failure> {
        let intakes = self.live.values().filter_map(|live| {
            let Exported { number, intake, .. } = &live.exported;
            Some((*number, intake.as_ref()?))
        });
        let mut count = 0;
        for (number, intake) in intakes {
            if intake.system == wanted.system && intake.volume == wanted.volume {
                let what = format!(
                    "intake {number} of {}, volume {}, is there already",
                    intake.system, intake.volume
                );
                return Err(Failure::new(what, "go on with that one, or discard it"));
            }
            count += 1;
        }
        if count >= MAX_INTAKES {
            let what = format!("there are {MAX_INTAKES} intakes already");
            return Err(Failure::new(what, WAIT_FOR_OTHERS));
        }
        Ok(())
    }
}

impl Exports {
    /// Serves a disk to write, and returns what it is known by.
    pub(crate) async fn receive(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        wanted: Wanted,
        now: u64,
    ) -> Result<Exported, Failure> {
        let Wanted { intake, incremental } = wanted;
        let base = match incremental {
            true => base(pool, access, &intake).await,
            false => None,
        };
        let (point, volume) = base.map_or((String::new(), 0), |(id, at)| (id.to_string(), at));
        let intake = Some(intake);
        let wanted = Exported { number: 0, point, volume, writable: true, since: now, intake };
        self.begin(pool, access, wanted).await
    }

    /// How the clients of what is served leave.
    pub(crate) fn ends(&self, number: u64) -> Option<watch::Receiver<Ends>> {
        let inner = lock(&self.inner);
        inner.live.get(&number).and_then(Live::server).map(export::Server::ends)
    }

    /// Whether anybody has written to it.
    pub(crate) fn is_written(&self, number: u64) -> bool {
        let inner = lock(&self.inner);
        inner.live.get(&number).and_then(Live::server).is_some_and(export::Server::is_written)
    }

    /// The intakes that are finished, and those that the last engine left without what was written
    /// or cut off.
    pub(crate) fn left(&self) -> (Vec<Exported>, Vec<Exported>) {
        let inner = lock(&self.inner);
        let waits = inner.live.values().filter(|live| matches!(live.stage, Stage::Waits));
        let intakes = waits.filter_map(|live| {
            let intake = live.exported.intake.as_ref()?;
            (intake.finished || !intake.explicit).then(|| live.exported.clone())
        });
        intakes.partition(|intake| intake.is_finished() && self.has_overlay(intake))
    }

    /// Ends writing for good: what was written is durable when this returns. Once more is as well.
    /// With `well` all clients must have left in good order by the end, also those that came last.
    ///
    /// # Errors
    /// What was written is gone if it could not be made durable, or a client was cut off.
    pub(crate) async fn finish(
        &self,
        state: &State,
        number: u64,
        well: bool,
    ) -> Result<Exported, Failure> {
        let (exported, server) = self.take_server(number)?;
        if let Some(server) = server {
            self.forget_socket(&exported);
            let ends = server.ends();
            let flushed = server.shutdown().await.map(drop);
            let ends = *ends.borrow();
            let next = "see the file system of the engine's state; begin anew";
            let ended =
                flushed.map_err(|error| Failure::new(error, next)).and_then(|()| {
                    match well && (ends.lost > 0 || ends.refused > 0) {
                        true => Err(Failure::new("a client was cut off as it wrote", "begin anew")),
                        false => Ok(()),
                    }
                });
            self.note_finished(number)?;
            if let Err(failure) = ended {
                let _ = self.forget(state, number);
                return Err(failure);
            }
        }
        self.keep(state).map_err(|error| Failure::new(error, STATE_NEXT))?;
        Ok(exported)
    }

    /// An intake and what serves it; nothing serves one that is finished.
    fn take_server(&self, number: u64) -> Result<(Exported, Option<export::Server>), Failure> {
        let mut inner = lock(&self.inner);
        let live = inner.live.get_mut(&number).filter(|live| live.exported.intake.is_some());
        let live = live.ok_or_else(|| no_intake(number))?;
        if live.exported.is_finished() && matches!(live.stage, Stage::Waits) {
            return Ok((live.exported.clone(), None));
        }
        match std::mem::replace(&mut live.stage, Stage::Resumes) {
            Stage::Serves(server) => Ok((live.exported.clone(), Some(server))),
            other => {
                live.stage = other;
                let what = format!("intake {number} is not served now");
                Err(Failure::new(what, "unlock the pool, or try again in a moment"))
            }
        }
    }

    fn note_finished(&self, number: u64) -> Result<(), Failure> {
        let mut inner = lock(&self.inner);
        let live = inner.live.get_mut(&number).ok_or_else(|| no_intake(number))?;
        live.stage = Stage::Waits;
        if let Some(intake) = &mut live.exported.intake {
            intake.finished = true;
        }
        Ok(())
    }

    /// Whether it takes no more writes, or is gone.
    pub(crate) fn is_finished(&self, number: u64) -> bool {
        let inner = lock(&self.inner);
        inner.live.get(&number).is_none_or(|live| live.exported.is_finished())
    }

    /// What was written to a finished intake, above what it was written.
    pub(crate) async fn written(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        number: u64,
    ) -> Result<(Exported, Arc<Overlay>), Failure> {
        let exported = {
            let inner = lock(&self.inner);
            let live = inner.live.get(&number).filter(|live| live.exported.is_finished());
            live.map(|live| live.exported.clone()).ok_or_else(|| no_intake(number))?
        };
        if !self.has_overlay(&exported) {
            // An empty one in its place would pass for what was written.
            let what = format!("what was written to intake {number} is gone");
            return Err(Failure::new(what, "discard the intake, and write it again"));
        }
        let (base, image) = self.below(pool, access, &exported).await?;
        Ok((exported.clone(), self.overlay(&exported, base, image).await?))
    }

    /// Forgets an intake that nothing serves: its recovery point is there.
    pub(crate) fn forget(&self, state: &State, number: u64) -> Result<(), Failure> {
        let live = self.take_out(number)?;
        self.forget_socket(&live.exported);
        let _ = std::fs::remove_file(live.exported.overlay(&self.state));
        self.keep(state).map_err(|error| Failure::new(error, STATE_NEXT))
    }

    /// Nobody can come any more.
    pub(super) fn forget_socket(&self, exported: &Exported) {
        let name = exported.name();
        let forget = [NotifyState::FdStoreRemove, NotifyState::FdName(&name)];
        let _ = sd_notify::notify(&forget);
        let _ = std::fs::remove_file(self.socket(exported));
        lock(&self.inherited).remove(&name);
    }
}

fn no_intake(number: u64) -> Failure {
    Failure::new(format!("there is no intake {number}"), "list the intakes")
}

/// Recovery points that are looked through for the newest one of a volume, at most.
const LOOKED_THROUGH: usize = 64;

/// The newest recovery point of the system that has the volume, and which of its volumes it is; if
/// it has it in this size.
async fn base(
    pool: &OpenPool,
    access: &Arc<TenantAccess>,
    intake: &Intake,
) -> Option<(PointId, usize)> {
    let system = ingest::system_id(access, &intake.system);
    let mut points = pool.catalog.points();
    points.retain(|point| point.tenant == access.tenant() && point.system == system);
    for point in points.iter().rev().take(LOOKED_THROUGH) {
        let opened = RestorePoint::open(access, *point).await.ok()?;
        let mut volumes = opened.description.volumes.iter();
        let Some(at) = volumes.position(|volume| volume.name == intake.volume) else { continue };
        let same = opened.volume(at).is_some_and(|volume| volume.bytes() == intake.bytes);
        return same.then_some((point.id, at));
    }
    None
}
