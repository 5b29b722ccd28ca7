//! From a request to its answer: which route, who asks, may he, what is asked for; then the work,
//! with the audit log around whatever changes something.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName};
use model::Fingerprint;
use tokio::sync::Notify;

use super::answer::Answer;
use super::body;
use crate::identity::{Identity, Means};
use crate::problem::{Kind, Problem};
use crate::route::{Access, Asked, Route, find};
use crate::routes;
use crate::server::{COOKIE, Server, now};
use crate::shape::Given;
use crate::state::Audited;

/// Most bytes of an address.
const ADDRESS: usize = 4 << 10;

/// What a page of ours sends along with whatever changes something, and a page of somebody else's
/// cannot: a browser asks first whether it may send it, and is not told so.
const OWN_PAGE: HeaderName = HeaderName::from_static("holdfast-request");

/// At whose end a request came from.
#[derive(Debug)]
pub(crate) struct From {
    pub(crate) address: IpAddr,
    /// Of the certificate that the peer has the key of.
    pub(crate) certificate: Option<Fingerprint>,
    /// Told when it is known for the first time who it is.
    pub(crate) known: Notify,
}

/// Answers one request.
pub(crate) async fn dispatch(
    server: &Arc<Server>,
    from: &From,
    request: Request<Incoming>,
) -> Answer {
    match answered(server, from, request).await {
        Ok(answer) => answer,
        Err(problem) => Answer::problem(&problem),
    }
}

async fn answered(
    server: &Arc<Server>,
    from: &From,
    request: Request<Incoming>,
) -> Result<Answer, Problem> {
    let (head, incoming) = request.into_parts();
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    if path.len() + query.len() > ADDRESS {
        return Err(Problem::new(Kind::TooLarge, "the address is too long", "send less"));
    }
    let (route, parts) = find(routes::all(), head.method.as_str(), path)?;
    let mut who = identify(server, from, route, &head.headers).await?;
    route.admits(who.as_ref())?;
    own_page(route, who.as_ref(), &head.headers)?;
    let query = Given::of_query(query, route.query)?;
    let bytes = body::read(incoming, route.most).await?;
    is_json(&bytes, &head.headers)?;
    let body = Given::of_body(&bytes, route.body)?;
    if route.most > 0 {
        // The body may have taken its time, and the account be another's, or gone.
        who = identify(server, from, route, &head.headers).await?;
        route.admits(who.as_ref())?;
    }
    let asked = Asked { who, from: from.address, parts, query, body };
    match (route.changes(), asked.who.is_some()) {
        (true, true) => audited(server, route, path, asked).await,
        (true, false) => to_its_end((route.run)(server.clone(), asked)).await,
        (false, _) => (route.run)(server.clone(), asked).await,
    }
}

/// Who goes away amid does not take what he asked for with him, nor its entry in the log.
async fn to_its_end(
    work: impl Future<Output = Result<Answer, Problem>> + Send + 'static,
) -> Result<Answer, Problem> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|_| Err(Problem::inside("a request ended by a fault")))
}

/// Who asks, on routes that want to know.
async fn identify(
    server: &Arc<Server>,
    from: &From,
    route: &Route,
    headers: &HeaderMap,
) -> Result<Option<Identity>, Problem> {
    if matches!(route.access, Access::Open) {
        return Ok(None);
    }
    if !server.claim.is_claimed() {
        let next = "claim it with the code that its console shows: POST /api/v1/claim";
        return Err(Problem::new(Kind::Unclaimed, "nobody has claimed this box", next));
    }
    let who = match (bearer(headers), cookie(headers), &from.certificate) {
        (Some(token), ..) => server.identity_of(token, Means::Token),
        (None, Some(token), _) => server.identity_of(token, Means::Cookie),
        (None, None, Some(fingerprint)) => server.identity_of_certificate(fingerprint),
        (None, None, None) => Ok(None),
    }?;
    if who.is_some() {
        from.known.notify_one();
    }
    Ok(who)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == COOKIE).map(|(_, value)| value.trim())
}

/// Refuses what another page has a browser send.
fn own_page(route: &Route, who: Option<&Identity>, headers: &HeaderMap) -> Result<(), Problem> {
    let by_browser = who.is_some_and(|who| match who.means {
        Means::Cookie => true,
        // A browser that has one shows it for whatever page, and says for which.
        Means::Certificate => headers.contains_key(header::ORIGIN),
        Means::Token => false,
    });
    let given = headers.get(OWN_PAGE);
    if given.is_some_and(|value| value.as_bytes() != b"1") {
        return Err(Problem::invalid("the header Holdfast-Request has another value than 1"));
    }
    if by_browser && route.changes() && given.is_none() {
        let what = "a request of a browser needs the header Holdfast-Request";
        return Err(Problem::new(
            Kind::Forbidden,
            what,
            "send it with the value 1, or use a token",
        ));
    }
    Ok(())
}

fn is_json(bytes: &[u8], headers: &HeaderMap) -> Result<(), Problem> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = media.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match bytes.is_empty() || media.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Problem::invalid("the body is to be of the type application/json")),
    }
}

/// Does what changes something: it is written down before it is done, and what came of it after.
async fn audited(
    server: &Arc<Server>,
    route: &'static Route,
    path: &str,
    asked: Asked,
) -> Result<Answer, Problem> {
    let who = asked.who()?;
    server.changes.enter(who, now()).map_err(|most| {
        let next = format!("wait until the next {} begins, in UTC", most.span);
        Problem::new(Kind::TooOften, most.to_string(), next)
    })?;
    let entry = Audited {
        account: who.account.clone(),
        role: who.role.to_string(),
        from: asked.from.to_string(),
        outcome: "asked".to_owned(),
        what: format!("{} {}", route.verb.as_str(), shortened(path)),
        facts: asked.body.shown(route.body),
        client: who.clients.join(", "),
    };
    server.audit(entry.clone()).await?;
    let own = server.clone();
    to_its_end(async move {
        let answered = (route.run)(own.clone(), asked).await;
        let (outcome, facts) = match &answered {
            Ok(_) => ("done", String::new()),
            Err(problem) => (problem.kind.word(), problem.what.clone()),
        };
        let noted = own.audit(Audited { outcome: outcome.to_owned(), facts, ..entry }).await;
        noted.and(answered)
    })
    .await
}

/// Longest path in the audit log, in characters: more than any of those that lead somewhere.
const PATH: usize = 200;

fn shortened(path: &str) -> String {
    path.chars().take(PATH).collect()
}
