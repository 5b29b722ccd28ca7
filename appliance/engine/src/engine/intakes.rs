//! Disks that somebody writes, from the first byte to the recovery point.

use std::sync::Arc;

use export::Ends;
use model::Consistency;
use operations::Failure;
use tokio::sync::watch;

use super::{Engine, NotTaken, lock};
use crate::clock::moment;
use crate::exports::{Exported, STATE_NEXT, Wanted};
use crate::jobs::{Job, JobState, Work};
use crate::protection::{self, Of};
use crate::schedule;

impl Engine {
    /// Serves a disk to write. Unless it is explicit it is finished when its clients have left.
    pub(crate) async fn receive(self: &Arc<Self>, wanted: Wanted) -> Result<Exported, Failure> {
        let access =
            self.access().ok_or_else(|| Failure::new("the pool is locked", "unlock it"))?;
        let explicit = wanted.intake.explicit;
        let begun = self.exports.receive(&self.pool, &access, wanted, moment().wall).await?;
        let exported = self.keep_served(begun).await?;
        if let Some(ends) = self.exports.ends(exported.number).filter(|_| !explicit) {
            tokio::spawn(attend(self.clone(), exported.number, ends));
        }
        Ok(exported)
    }

    /// Takes no more writes, and begins the job that makes a recovery point of them.
    pub(crate) async fn finish_intake(
        &self,
        number: u64,
        consistency: Consistency,
    ) -> Result<u64, Failure> {
        self.finish(number, false, consistency).await
    }

    async fn finish(
        &self,
        number: u64,
        well: bool,
        consistency: Consistency,
    ) -> Result<u64, Failure> {
        let exported = self.exports.finish(&self.state, number, well).await?;
        self.begin_receiving(&exported, consistency)
    }

    /// Forgets what was written, unless it is being taken in.
    pub(crate) async fn discard_intake(&self, number: u64) -> Result<(), Failure> {
        if let Some(job) = self.receiving(number) {
            let what = format!("job {job} takes intake {number} in");
            return Err(Failure::new(what, "cancel that job first"));
        }
        self.stop_export(number, true).await
    }

    /// Begins the job that takes a finished intake in. One that waits already is that job.
    fn begin_receiving(
        &self,
        exported: &Exported,
        consistency: Consistency,
    ) -> Result<u64, Failure> {
        let number = exported.number;
        let intake = exported.intake.clone();
        let intake = intake.ok_or_else(|| {
            Failure::new(format!("there is no intake {number}"), "list the intakes")
        })?;
        if let Some(job) = self.receiving(number) {
            return Ok(job);
        }
        let (system, volume) = (intake.system, intake.volume);
        let plan = self.protection.plan();
        let planned = plan.systems.iter().find(|known| known.name == system);
        let client = planned.and_then(|planned| schedule::client(&plan, planned));
        let name = client.map_or("", |client| &client.name);
        let point = operations::random_point().to_string();
        let consistency = consistency.as_str().to_owned();
        let work =
            Work::Receive { system: system.clone(), volume, intake: number, point, consistency };
        let taken = self.submit(work, name, protection::retry(client));
        let job = taken.map_err(|error| match error {
            NotTaken::Refused(error) => Failure::new(error, "finish it again in a moment"),
            NotTaken::State(error) => Failure::new(error, STATE_NEXT),
        })?;
        if planned.is_some() {
            schedule::note(self, Of::System(&system));
        }
        Ok(job)
    }

    /// The job that takes an intake in now, or is about to.
    fn receiving(&self, number: u64) -> Option<u64> {
        let queue = lock(&self.queue);
        let mut jobs = queue.jobs().filter(|job| !job.state.is_over());
        let takes = |work: &Work| matches!(work, Work::Receive { intake, .. } if *intake == number);
        jobs.find(|job| takes(&job.work)).map(|job| job.number)
    }

    /// Goes on with what an earlier engine left: what was finished is taken in, and where clients
    /// were in the middle nothing is left of it.
    pub(super) fn resume_intakes(&self) {
        let (finished, cut) = self.exports.left();
        for intake in finished {
            if let Err(Failure { what, next, .. }) =
                self.begin_receiving(&intake, Consistency::Unknown)
            {
                log::error!("intake {} is not taken in: {what}; {next}", intake.number);
            }
        }
        for intake in cut {
            match intake.is_finished() {
                true => log::error!("intake {}: what was written to it is gone", intake.number),
                false => {
                    log::warn!(
                        "intake {} ended with the engine before it was whole",
                        intake.number
                    );
                }
            }
            self.forget_intake(intake.number);
        }
    }

    /// An intake goes when its recovery point is there.
    pub(super) fn note_intake(&self, job: &Job) {
        if let (Work::Receive { intake, .. }, JobState::Done | JobState::Warned) =
            (&job.work, job.state)
        {
            self.forget_intake(*intake);
        }
    }

    fn forget_intake(&self, number: u64) {
        if let Err(Failure { what, next, .. }) = self.exports.forget(&self.state, number) {
            log::error!("{what}; {next}");
        }
    }
}

/// Finishes an intake once all of its clients have left, and ends it when one did not leave well.
async fn attend(engine: Arc<Engine>, number: u64, mut ends: watch::Receiver<Ends>) {
    // The server is gone when somebody finished or discarded it.
    while let Some(now) = all_gone(&mut ends).await {
        // Whoever finished it cut off those who were there.
        if engine.exports.is_finished(number) {
            break;
        }
        if now.lost > 0 || now.refused > 0 {
            log::warn!("intake {number} ends: a client vanished, or could not write all");
            if let Err(Failure { what, next, .. }) = engine.stop_export(number, true).await {
                log::error!("{what}; {next}");
            }
            break;
        }
        let written = engine.exports.is_written(number);
        if written {
            match engine.finish(number, true, Consistency::Unknown).await {
                Ok(job) => log::info!("intake {number} is whole: job {job} takes it in"),
                Err(Failure { what, next, .. }) => log::error!("{what}; {next}"),
            }
            break;
        }
        // Somebody only looked: the next one may write.
        if ends.changed().await.is_err() {
            break;
        }
    }
    engine.refresh.notify_one();
}

/// How clients left, once there were some and all are gone; `None` when nobody serves any more.
async fn all_gone(ends: &mut watch::Receiver<Ends>) -> Option<Ends> {
    let gone = ends.wait_for(|ends| ends.open == 0 && *ends != Ends::default()).await;
    gone.ok().map(|ends| *ends)
}
