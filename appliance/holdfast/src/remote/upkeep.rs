//! `holdfast verify`, `scrub` and `reclaim`, by the engine.

use bus::{PastScrub, PastScrubFields, Place, ReclaimOptions, ScrubOptions, VerifyOptions};
use format::event::{EVENT_SCRUB, ScrubRow};
use model::WallTime;
use operations::{Failure, scrub_history};

use super::engine::Engine;
use super::job::run_and_tell;
use crate::arguments::{Reclaim, Scrub, Verify};
use crate::output::Output;

pub(crate) fn verify(engine: &Engine, verify: &Verify, output: &Output) -> Result<(), Failure> {
    let options = VerifyOptions { deep: verify.deep, no_heal: verify.no_heal };
    let body = (options.arguments(),);
    let begin = engine.client().begin(&Place::Pool, "Verify", &body);
    run_and_tell(engine, verify.waiting.no_wait, output, begin)
}

pub(crate) fn scrub(engine: &Engine, scrub: &Scrub, output: &Output) -> Result<(), Failure> {
    if scrub.history {
        return list_scrubs(engine, output);
    }
    let options = ScrubOptions {
        duty_percent: Some(scrub.duty),
        run_for_seconds: scrub.run_for.map(|time| time.as_secs()),
        new: scrub.new,
    };
    let body = (options.arguments(),);
    let begin = engine.client().begin(&Place::Pool, "Scrub", &body);
    run_and_tell(engine, scrub.waiting.no_wait, output, begin)
}

/// As the command says it of disks.
fn list_scrubs(engine: &Engine, output: &Output) -> Result<(), Failure> {
    let scrubs: Vec<PastScrubFields> = engine.call(&Place::Pool, "ListScrubs", &())?;
    let row = |scrub: PastScrub| ScrubRow {
        kind: EVENT_SCRUB,
        reserved: [0; 7],
        number: scrub.number,
        begun: scrub.begun_age,
        age: scrub.age,
        wall: WallTime(scrub.at),
        next: scrub.next,
        bytes_read: scrub.bytes_read,
        healed: scrub.healed,
        damaged: scrub.damaged,
        lost: scrub.lost,
        verified_below: scrub.verified_below,
    };
    let (value, text) =
        scrub_history(&scrubs.into_iter().map(PastScrub::from).map(row).collect::<Vec<_>>());
    output.result(&value, || text);
    Ok(())
}

pub(crate) fn reclaim(engine: &Engine, reclaim: &Reclaim, output: &Output) -> Result<(), Failure> {
    let options = ReclaimOptions {
        least_dead_percent: Some(reclaim.least_dead.into()),
        most_bytes: reclaim.most,
        release_after_seconds: Some(reclaim.release_after.0),
        recompress: reclaim.recompress,
        dry_run: reclaim.dry_run,
    };
    let body = (options.arguments(),);
    let begin = engine.client().begin(&Place::Pool, "Reclaim", &body);
    run_and_tell(engine, reclaim.waiting.no_wait, output, begin)
}
