//! The pool: its upkeep, its keys, its disks.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bus::{PastScrub, PastScrubFields, Place};
use futures_util::FutureExt;
use serde_json::{Value, json};
use zbus::{Fd, OwnedObjectPath, Variant};

use super::objects::one;
use crate::http::Answer;
use crate::problem::Problem;
use crate::render::id;
use crate::role::{DESK, WITNESSES};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::Server;
use crate::shape::{Field, Kind, may, must};

const DEVICE: Field = must("device", Kind::Text(4096), "Absolute path of the disk");

pub(crate) const ROUTES: &[Route] = &[
    Route::post(
        "/api/v1/pool/scrub",
        Access::Wide(DESK),
        "Read everything, and heal what is damaged",
        Gives::Id("job"),
        |server, _| begin(server, "Scrub").boxed(),
    ),
    Route::get(
        "/api/v1/pool/scrubs",
        Access::Wide(WITNESSES),
        "All scrubs, oldest first: what was read, healed and lost",
        Gives::Fields(&[(
            "scrubs",
            "Each with scrub (its number), done, at, bytes_read, healed, damaged (not healed, of \
             which another copy is good), lost, and verified_below, the segment below which all \
             were read back from every disk",
        )]),
        |server, _| scrubs(server).boxed(),
    ),
    Route::post(
        "/api/v1/pool/reclaim",
        Access::Wide(DESK),
        "Give back what no recovery point needs",
        Gives::Id("job"),
        |server, _| begin(server, "Reclaim").boxed(),
    ),
    Route::post(
        "/api/v1/pool/verify",
        Access::Wide(DESK),
        "Check every byte of every recovery point",
        Gives::Id("job"),
        |server, _| begin(server, "Verify").boxed(),
    ),
    Route::post(
        "/api/v1/pool/expire",
        Access::Wide(DESK),
        "Remove what no policy keeps; or say, of each point, why it stays or goes",
        Gives::Fields(&[("points", "Each with point, verdict and reason")]),
        |server, asked| expire(server, asked).boxed(),
    )
    .body(&[may("dry_run", Kind::Flag, "Only say what would go")]),
    Route::post(
        "/api/v1/pool/lock",
        Access::Wide(DESK),
        "Forget the keys: nothing can be read or written until it is unlocked",
        Gives::Done,
        |server, asked| lock(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/pool/unlock",
        Access::Wide(DESK),
        "Give the engine its passphrase, or the key of the recovery kit, after a start without it",
        Gives::Done,
        |server, asked| unlock(server, asked).boxed(),
    )
    .body(&[must("passphrase", Kind::Secret(4096), "The passphrase, or the words of the kit")]),
    Route::post(
        "/api/v1/disks",
        Access::Wide(DESK),
        "Add a disk of the box to the pool; what was on it is lost",
        Gives::Id("job"),
        |server, asked| add(server, asked).boxed(),
    )
    .body(&[DEVICE]),
    Route::post(
        "/api/v1/disks/{disk}/remove",
        Access::Wide(DESK),
        "Take a disk out of the pool",
        Gives::Done,
        |server, asked| remove(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/disks/{disk}/replace",
        Access::Wide(DESK),
        "Put another in the place of a disk; what was on that is lost",
        Gives::Id("job"),
        |server, asked| replace(server, asked).boxed(),
    )
    .body(&[DEVICE]),
    Route::post(
        "/api/v1/disks/{disk}/return",
        Access::Wide(DESK),
        "Take a disk back that was away",
        Gives::Id("job"),
        |server, asked| give_back(server, asked).boxed(),
    ),
];

/// Begins upkeep as it is done when nothing more is said.
async fn begin(server: Arc<Server>, method: &str) -> Result<Answer, Problem> {
    let options: BTreeMap<&str, Variant<'_>> = BTreeMap::new();
    let job = server.client.begin(&Place::Pool, method, &(options,)).await?;
    Ok(Answer::json(&json!({ "job": id(&job) })))
}

async fn scrubs(server: Arc<Server>) -> Result<Answer, Problem> {
    let past: Vec<PastScrubFields> = server.client.call(&Place::Pool, "ListScrubs", &()).await?;
    let one = |scrub: PastScrub| {
        json!({
            "scrub": scrub.number,
            "done": scrub.next == 0,
            "at": scrub.at,
            "bytes_read": scrub.bytes_read,
            "healed": scrub.healed,
            "damaged": scrub.damaged,
            "lost": scrub.lost,
            "verified_below": scrub.verified_below,
        })
    };
    let past: Vec<Value> = past.into_iter().map(PastScrub::from).map(one).collect();
    Ok(Answer::json(&json!({ "scrubs": past })))
}

async fn expire(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let dry_run = asked.body.flag("dry_run");
    let fates: Vec<(OwnedObjectPath, String, String)> =
        server.client.call(&Place::Pool, "Expire", &dry_run).await?;
    let fates: Vec<Value> = fates
        .into_iter()
        .map(|(point, verdict, reason)| {
            let point = Place::parse(point.as_str()).map(|place| id(&place));
            json!({ "point": point, "verdict": verdict, "reason": reason })
        })
        .collect();
    Ok(Answer::json(&json!({ "points": fates })))
}

/// The secret goes through a pipe, so that no message of the bus holds it.
async fn unlock(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let secret = asked.body.secret("passphrase");
    let (reader, mut writer) = std::io::pipe().map_err(Problem::inside)?;
    // A pipe has room for all of it.
    writer.write_all(secret.expose().as_bytes()).map_err(Problem::inside)?;
    drop(writer);
    let passphrase = Fd::from(OwnedFd::from(reader));
    server.client.call::<_, ()>(&Place::Appliance, "Unlock", &passphrase).await?;
    Ok(Answer::done())
}

async fn lock(server: Arc<Server>, _: Asked) -> Result<Answer, Problem> {
    server.client.call::<_, ()>(&Place::Appliance, "Lock", &()).await?;
    Ok(Answer::done())
}

/// The disk that is asked for, if it is there.
fn disk(server: &Server, asked: &Asked) -> Result<Place, Problem> {
    let place = asked.part(0).parse().map(Place::Disk).map_err(|_| Problem::missing("disk"))?;
    one(server, asked.who()?, &place, "disk").map(|_| place)
}

async fn add(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let job = server.client.begin(&Place::Pool, "AddDisk", &asked.body.text("device")).await?;
    Ok(Answer::json(&json!({ "job": id(&job) })))
}

async fn remove(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    server.client.call::<_, ()>(&disk(&server, &asked)?, "Remove", &()).await?;
    Ok(Answer::done())
}

async fn replace(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let device = asked.body.text("device");
    let job = server.client.begin(&disk(&server, &asked)?, "Replace", &device).await?;
    Ok(Answer::json(&json!({ "job": id(&job) })))
}

async fn give_back(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let job = server.client.begin(&disk(&server, &asked)?, "Return", &()).await?;
    Ok(Answer::json(&json!({ "job": id(&job) })))
}
