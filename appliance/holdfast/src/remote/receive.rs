//! `holdfast receive`: disks that others write to the box.

use bus::{FinishOptions, IntakeView, Object, Place, ReceiveOptions};
use model::Bytes;
use operations::Failure;
use serde_json::{Value, json};

use super::engine::Engine;
use super::job::run_and_tell;
use super::lines::{cut, minute};
use super::refused::failure;
use super::seen::Seen;
use crate::arguments::{Receive, ReceiveDiscard, ReceiveFinish, ReceiveStart};
use crate::confirm::confirm;
use crate::output::Output;

/// Characters of a system's name and a volume's.
const NAME: usize = 32;

pub(crate) fn run(receive: &Receive, output: &Output) -> Result<(), Failure> {
    match receive {
        Receive::Start(start) => self::start(start, output),
        Receive::List(list) => {
            let seen = Engine::on(&list.on)?.seen()?;
            let values: Vec<Value> =
                seen.intakes.iter().map(|intake| to_json(intake, &seen)).collect();
            output.result(&json!({ "intakes": values }), || match seen.intakes.is_empty() {
                true => "nobody writes a disk".to_owned(),
                false => {
                    let lines = seen.intakes.iter().map(|intake| to_text(intake, &seen));
                    lines.collect::<Vec<_>>().join("\n")
                }
            });
            Ok(())
        }
        Receive::Finish(finish) => self::finish(finish, output),
        Receive::Discard(discard) => self::discard(discard, output),
    }
}

fn start(start: &ReceiveStart, output: &Output) -> Result<(), Failure> {
    let engine = Engine::on(&start.on)?;
    let seen = engine.seen()?;
    let system = Place::System(seen.system(&start.system)?.id.clone());
    let options = ReceiveOptions {
        volume: Some(start.volume.clone()),
        bytes: Some(start.size),
        incremental: start.incremental,
        explicit: start.explicit,
    };
    let begun = engine
        .wait(async { engine.client().begin(&system, "Receive", &(options.arguments(),)).await });
    let place = begun.map_err(|error| failure(&error))?;
    let Some(Object::Intake(intake)) = engine.object(&place)? else {
        return Err(Failure::new("the disk is gone already", "start it again"));
    };
    output.result(&to_json(&intake, &seen), || {
        let (number, size, socket) = (intake.number, Bytes(intake.bytes), &intake.socket);
        let end = match intake.explicit {
            true => format!("`holdfast receive finish {number}` makes a recovery point of it"),
            false => "it is a recovery point when who wrote it disconnects".to_owned(),
        };
        let base = match base(&intake) {
            Some(point) => format!("what is not written is as in recovery point {point}"),
            None => "what is not written is zero".to_owned(),
        };
        format!("intake {number}: write {size} to\nnbd+unix:///?socket={socket}\n{base}; {end}")
    });
    Ok(())
}

fn finish(finish: &ReceiveFinish, output: &Output) -> Result<(), Failure> {
    let engine = Engine::on(&finish.on)?;
    let place = Place::Intake(intake(&engine, finish.intake)?.number);
    let options = FinishOptions::default();
    let arguments = (options.arguments(),);
    let begun = engine.client().begin(&place, "Finish", &arguments);
    run_and_tell(&engine, finish.no_wait, output, begun)
}

fn discard(discard: &ReceiveDiscard, output: &Output) -> Result<(), Failure> {
    let engine = Engine::on(&discard.on)?;
    let number = intake(&engine, discard.intake)?.number;
    confirm(
        &format!("what was written to intake {number} would be lost"),
        &format!("What was written to intake {number} will be lost"),
        discard.yes,
    )?;
    engine.call::<_, ()>(&Place::Intake(number), "Discard", &())?;
    let value = json!({ "intake": number, "discarded": true });
    output.result(&value, || format!("intake {number} is gone"));
    Ok(())
}

fn intake(engine: &Engine, number: u64) -> Result<IntakeView, Failure> {
    match engine.object(&Place::Intake(number))? {
        Some(Object::Intake(intake)) => Ok(intake),
        _ => {
            let what = format!("there is no intake {number}");
            Err(Failure::new(what, "see `holdfast receive list`"))
        }
    }
}

/// The recovery point that it lies above.
fn base(intake: &IntakeView) -> Option<String> {
    match Place::parse(intake.base.as_str()) {
        Some(Place::Point(id)) => Some(id.to_string()),
        _ => None,
    }
}

/// What its system is called.
fn system<'a>(intake: &IntakeView, seen: &'a Seen) -> &'a str {
    let place = Place::parse(intake.system.as_str());
    let is_it = |id: &str| matches!(&place, Some(Place::System(known)) if known == id);
    let found = seen.systems.iter().find(|system| is_it(&system.id));
    found.map_or("", |system| system.name.as_str())
}

fn to_json(intake: &IntakeView, seen: &Seen) -> Value {
    json!({
        "intake": intake.number,
        "system": system(intake, seen),
        "volume": intake.volume,
        "bytes": intake.bytes,
        "base": base(intake),
        "explicit": intake.explicit,
        "finished": intake.finished,
        "socket": intake.socket,
        "since": intake.since,
        "connections": intake.connections,
        "bytes_written": intake.bytes_written,
    })
}

fn to_text(intake: &IntakeView, seen: &Seen) -> String {
    let name = format!("{} {}", system(intake, seen), intake.volume);
    let state = match intake.finished {
        true => "being taken in".to_owned(),
        false => format!("{} clients", intake.connections),
    };
    format!(
        "{:>4}  {:<NAME$}  {}  since {}\n      {state}, {} written\n      nbd+unix:///?socket={}",
        intake.number,
        cut(&name, NAME),
        Bytes(intake.bytes),
        minute(intake.since),
        Bytes(intake.bytes_written),
        intake.socket,
    )
}
