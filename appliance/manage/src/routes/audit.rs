//! The audit log.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream};
use serde_json::json;

use crate::http::Answer;
use crate::problem::Problem;
use crate::role::WITNESSES;
use crate::route::{Access, Asked, Gives, Route};
use crate::server::Server;
use crate::shape::{Field, Kind, may};

/// Most entries of one answer, and what an export reads at a time.
const PAGE: u64 = 1_000;

const AFTER: Field = may("after", Kind::Number(u64::MAX >> 1), "Entries behind this number only");

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/audit",
        Access::Wide(WITNESSES),
        "What was asked for, by whom, and what came of it, the oldest first",
        Gives::Fields(&[
            ("entries", "Each bound to the one before by `before`, its hash"),
            ("newest", "Number of the newest entry of all"),
            ("hash", "The hash of that: whoever keeps it sees later whether anything was changed"),
        ]),
        |server, asked| show(server, asked).boxed(),
    )
    .query(&[AFTER, may("most", Kind::Number(PAGE), "How many at most")]),
    Route::get(
        "/api/v1/audit/export",
        Access::Wide(WITNESSES),
        "The same as it is kept, one entry a line, for `holdfast-manage check-audit`",
        Gives::Other("application/x-ndjson"),
        |server, asked| export(server, asked).boxed(),
    )
    .query(&[AFTER]),
];

async fn show(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let after = asked.query.number("after").unwrap_or(0);
    let most = asked.query.number("most").unwrap_or(PAGE) as usize;
    let page = server.with_state(move |state| state.audited(after, most)).await?;
    Ok(Answer::json(&json!(page)))
}

/// All entries up to the newest, read as they are sent.
async fn export(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let after = asked.query.number("after").unwrap_or(0);
    let newest = server.with_state(|state| state.audited(0, 0)).await?.newest;
    let lines = stream::unfold((server, after), move |(server, after)| async move {
        let most = usize::try_from(newest.saturating_sub(after).min(PAGE)).ok()?;
        let read = server.with_state(move |state| state.audit_lines(after, most)).await;
        let (lines, last) = read.ok()?;
        (last > after).then(|| (lines.into(), (server, last)))
    });
    Ok(Answer::stream("application/x-ndjson", lines.boxed()).named("audit.ndjson"))
}
