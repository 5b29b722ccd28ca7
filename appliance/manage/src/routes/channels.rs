//! Channels: by which ways people are told of alerts.

use std::sync::Arc;

use futures_util::FutureExt;
use notify::NotifyError;
use serde_json::json;

use crate::channels::{Difference, Refused, SETTINGS};
use crate::http::Answer;
use crate::own_alerts::{stranger, strangers};
use crate::problem::{Kind as Wrong, Problem};
use crate::role::{DESK, WITNESSES};
use crate::route::{Access, Asked, Gives, Route, Verb};
use crate::server::Server;
use crate::shape::{Kind, may, must};

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/channels",
        Access::Wide(WITNESSES),
        "Channels, routes and agreements that are in force, as TOML; secrets stand there as (kept)",
        Gives::Fields(&[("channels", "The text of it")]),
        |server, asked| show(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/channels",
        Access::Wide(DESK),
        "Put other channels in force, or say what would be different",
        Gives::Fields(&[
            ("difference", "What is different, as one JSON object: lines for people, warnings"),
            ("applied", "Whether they are in force now"),
        ]),
        |server, asked| apply(server, asked).boxed(),
    )
    .verb(Verb::Put)
    .body(&[
        // It holds passwords, so the audit log has none of it.
        must("channels", Kind::Secret(SETTINGS), "The text of it"),
        may("dry_run", Kind::Flag, "Only say what would be different"),
    ])
    .most(2 * SETTINGS),
    Route::get(
        "/api/v1/channels/status",
        Access::Wide(WITNESSES),
        "How each channel does",
        Gives::Fields(&[
            ("channels", "Each with name, kind, peer, what waits, and since when it fails"),
            ("problem", "Why the channels that were set up are not used; null if they are"),
        ]),
        |server, asked| status(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/channels/{channel}/test",
        Access::Wide(DESK),
        "Send a message that means nothing by a channel, at once",
        Gives::Done,
        |server, asked| test(server, asked).boxed(),
    ),
];

async fn show(server: Arc<Server>, _: Asked) -> Result<Answer, Problem> {
    Ok(Answer::json(&json!({ "channels": server.channels.notifier.settings().shown() })))
}

async fn apply(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (text, dry_run) = (asked.body.secret("channels"), asked.body.flag("dry_run"));
    let own = server.clone();
    let applied =
        tokio::task::spawn_blocking(move || own.channels.apply(text.expose(), dry_run)).await;
    let applied = applied.map_err(Problem::inside)?.map_err(refused)?;
    let Difference { lines, mut warnings, clients } = applied;
    let known = server.clients().await;
    let strangers = strangers(clients.iter().map(String::as_str), known.as_deref());
    warnings.extend(strangers.map(stranger));
    let difference = json!({ "lines": lines, "warnings": warnings }).to_string();
    Ok(Answer::json(&json!({ "difference": difference, "applied": !dry_run })))
}

/// What is wrong stands in the next step, which the audit log does not have: it may quote what
/// somebody typed at the wrong place.
fn refused(refused: Refused) -> Problem {
    let what = "the channels cannot be used";
    match refused {
        Refused::Settings(problems) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Problem::new(Wrong::Invalid, what, lines.join("\n"))
        }
        Refused::SecretFile(path) => {
            let next = format!(
                "{} is not read for them: write the secret in its place, or have it set up on the \
                 box itself",
                path.display()
            );
            Problem::new(Wrong::Forbidden, what, next)
        }
        Refused::Inside(error) => Problem::inside(error),
    }
}

async fn status(server: Arc<Server>, _: Asked) -> Result<Answer, Problem> {
    let problem = server.channels.unused();
    let channels = tokio::task::spawn_blocking(move || server.channels.status()).await;
    let channels = channels.map_err(Problem::inside)??;
    Ok(Answer::json(&json!({ "channels": channels, "problem": problem })))
}

async fn test(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let tested = server.channels.notifier.test(asked.part(0), &server.name).await;
    match tested {
        Ok(()) => Ok(Answer::done()),
        Err(NotifyError::NoChannel { .. }) => Err(Problem::missing("channel")),
        Err(NotifyError::Send(error)) => {
            Err(Problem::new(Wrong::Failed, error.what, error.next_step))
        }
        Err(error) => Err(Problem::inside(error)),
    }
}
