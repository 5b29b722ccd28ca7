//! `holdfast ingest --stream`, by the engine: it reads the command's output itself, and hears from
//! this command whether that ended well.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bus::{JobState, JobView, Place, StreamOptions};
use operations::{Failure, WHOLE};
use zbus::Fd;

use super::engine::Engine;
use super::ingest::refuse_own_choices;
use super::job::{self, Came};
use crate::arguments::Ingest;
use crate::command::stream::{Producer, name};
use crate::output::Output;

pub(crate) fn run(engine: &Engine, arguments: &Ingest, output: &Output) -> Result<(), Failure> {
    refuse_own_choices(arguments)?;
    if arguments.waiting.no_wait {
        let next = "leave --no-wait out: the command's end says whether the stream is whole";
        return Err(Failure::new("a stream has to be waited for", next));
    }
    let (producer, from) = Producer::start(&arguments.command)?;
    let pipe = std::io::pipe();
    let (heard, mut tell) =
        pipe.map_err(|error| Failure::new(error, "close some files, then try again"))?;
    let options = StreamOptions { volume: Some(name(arguments)) };
    let body = (
        arguments.system.as_str(),
        Fd::from(from),
        Fd::from(OwnedFd::from(heard)),
        options.arguments(),
    );
    let wished = Arc::new(AtomicBool::new(false));
    let (came, ended) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let ended = producer.wait(|| wished.load(Ordering::Acquire));
            if ended.is_ok() {
                // An engine that has gone reads it no more.
                let _ = tell.write_all(&[WHOLE]);
            }
            drop(tell);
            ended
        });
        let begin = engine.client().begin(&Place::Pool, "IngestStream", &body);
        let came = job::run_together(engine, &wished, output, begin);
        let is_done = |job: &JobView| matches!(job.state, JobState::Done | JobState::Warned);
        let was_running = match &came {
            Ok(Came::Ended(job)) if is_done(job) => false,
            _ => producer.kill() || wished.load(Ordering::Acquire),
        };
        let ended = writer.join().ok().filter(|_| !was_running);
        (came, ended)
    });
    drop(body);
    if let Some(Err(error)) = ended {
        let what = format!("{}: {error}", producer.name);
        return Err(Failure::new(what, "see what it says; nothing became of its output"));
    }
    came?.tell(output)
}
