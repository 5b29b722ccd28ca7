//! `holdfast verify`, `scrub` and `reclaim`, by the engine.

use bus::{Place, ReclaimOptions, ScrubOptions, VerifyOptions};
use operations::Failure;

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
        let next = "`holdfast pool status` says when the last one ended; stop the engine and name \
            the disks with --pool for all of them";
        return Err(Failure::new("an engine does not list its scrubs", next));
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
