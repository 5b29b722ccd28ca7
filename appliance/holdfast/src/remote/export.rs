//! `holdfast export`, by the engine: until interrupted, or from `export start` to `export stop`.

use bus::{ExportOptions, ExportView, Followed, Object, Place, PointView};
use model::{Bytes, PointId};
use operations::Failure;
use serde_json::{Value, json};

use super::engine::Engine;
use super::lines::minute;
use super::refused::failure;
use super::seen;
use super::wishes::Wishes;
use crate::arguments::{Export, ExportChange, ExportStart, ExportStop, OnBus};
use crate::confirm::confirm;
use crate::output::Output;

/// Serves a point until somebody asks this command to end.
pub(crate) fn run(engine: &Engine, export: &Export, output: &Output) -> Result<(), Failure> {
    refuse_own_choices(export)?;
    let seen = engine.seen()?;
    let (id, point) = seen.point(export.point.as_deref().unwrap_or_default())?;
    engine.wait(async {
        // Who reads that it serves may end it at once.
        let mut wishes = Wishes::listen()?;
        let place = begin(engine, (id, point), export.volume.as_deref(), export.writable).await?;
        let follow = engine.client().follow(&place).await;
        let mut follow = follow.map_err(|error| failure(&error))?;
        tell_serving(&view(engine, &place).await?, output);
        loop {
            tokio::select! {
                _ = wishes.next() => break,
                followed = follow.next() => if followed == Followed::Lost {
                    let what = "the engine went away while it served the recovery point";
                    let next = "see why (systemctl status holdfast-engine); it serves it again \
                        when it is back, until `holdfast export stop`";
                    return Err(Failure::new(what, next));
                },
            }
        }
        let stopped: Result<(), _> = engine.client().call(&place, "Stop", &false).await;
        stopped.map_err(|error| failure(&error))
    })
}

/// `holdfast export start|list|stop`.
pub(crate) fn change(change: &ExportChange, output: &Output) -> Result<(), Failure> {
    match change {
        ExportChange::Start(start) => self::start(start, output),
        ExportChange::List(list) => self::list(&list.on, output),
        ExportChange::Stop(stop) => self::stop(stop, output),
    }
}

fn start(start: &ExportStart, output: &Output) -> Result<(), Failure> {
    let engine = Engine::on(&start.on)?;
    let seen = engine.seen()?;
    let point = seen.point(&start.which.point)?;
    let served = engine.wait(async {
        let place = begin(&engine, point, start.which.volume.as_deref(), start.writable).await?;
        view(&engine, &place).await
    });
    tell_serving(&served?, output);
    Ok(())
}

fn list(on: &OnBus, output: &Output) -> Result<(), Failure> {
    let exports = Engine::on(on)?.seen()?.exports;
    let values: Vec<Value> = exports.iter().map(to_json).collect();
    output.result(&json!({ "exports": values }), || match exports.is_empty() {
        true => "nothing is served".to_owned(),
        false => exports.iter().map(to_text).collect::<Vec<_>>().join("\n"),
    });
    Ok(())
}

fn stop(stop: &ExportStop, output: &Output) -> Result<(), Failure> {
    let engine = Engine::on(&stop.on)?;
    let number = stop.export;
    let place = Place::Export(number);
    let Some(Object::Export(export)) = engine.object(&place)? else {
        let what = format!("there is no export {number}");
        return Err(Failure::new(what, "see `holdfast export list`"));
    };
    if stop.discard && export.writable {
        confirm(
            &format!("what clients wrote to export {number} would be lost"),
            &format!("What clients wrote to export {number} will be lost"),
            stop.yes,
        )?;
    }
    engine.call::<_, ()>(&place, "Stop", &stop.discard)?;
    output.result(&json!({ "export": number, "stopped": true }), || {
        format!("export {number} has ended")
    });
    Ok(())
}

/// Refuses what an engine decides by itself.
fn refuse_own_choices(export: &Export) -> Result<(), Failure> {
    let chosen = [
        (export.socket.is_some(), "chooses the socket itself", "leave --socket out"),
        (export.listen.is_some(), "serves on local sockets only", "leave --listen out"),
        (export.overlay.is_some(), "keeps overlays itself", "use --writable for --overlay"),
        (!export.name.is_empty(), "gives exports no names", "leave --name out"),
        (export.cache.is_some(), "chooses its cache itself", "leave --cache out"),
    ];
    match chosen.iter().find(|(given, _, _)| *given) {
        None => Ok(()),
        Some((_, what, next)) => Err(Failure::new(format!("the engine {what}"), *next)),
    }
}

async fn begin(
    engine: &Engine,
    (id, point): (PointId, &PointView),
    volume: Option<&str>,
    writable: bool,
) -> Result<Place, Failure> {
    let (volume, _) = seen::volume(point, volume)?;
    let volume = Some(volume).filter(|volume| !volume.is_empty());
    let options = ExportOptions { volume, writable, listen: None };
    let begun = engine.client().begin(&Place::Point(id), "Export", &(options.arguments(),)).await;
    begun.map_err(|error| failure(&error))
}

async fn view(engine: &Engine, place: &Place) -> Result<ExportView, Failure> {
    match engine.client().object(place).await {
        Ok(Object::Export(export)) => Ok(export),
        Ok(_) => Err(Failure::new("the export has ended already", "start it again")),
        Err(error) => Err(failure(&error)),
    }
}

fn tell_serving(export: &ExportView, output: &Output) {
    output.result(&to_json(export), || {
        let (number, point, socket) = (export.number, point_of(export), &export.socket);
        format!("export {number}: serving recovery point {point} at\nnbd+unix:///?socket={socket}")
    });
}

fn point_of(export: &ExportView) -> String {
    match Place::parse(export.point.as_str()) {
        Some(Place::Point(id)) => id.to_string(),
        _ => String::new(),
    }
}

fn to_json(export: &ExportView) -> Value {
    json!({
        "export": export.number,
        "socket": export.socket,
        "address": Some(&export.address).filter(|address| !address.is_empty()),
        "point": point_of(export),
        "read_only": !export.writable,
        "since": export.since,
        "connections": export.connections,
        "bytes_read": export.bytes_read,
        "bytes_written": export.bytes_written,
    })
}

fn to_text(export: &ExportView) -> String {
    let (read, written) = (Bytes(export.bytes_read), Bytes(export.bytes_written));
    format!(
        "{:>4}  {}  {}  since {}\n      {} clients, {read} read, {written} written\n      \
         nbd+unix:///?socket={}",
        export.number,
        point_of(export),
        if export.writable { "writable " } else { "read-only" },
        minute(export.since),
        export.connections,
        export.socket,
    )
}
