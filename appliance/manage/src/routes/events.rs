//! Events: whatever changes, as it happens, as server-sent events.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bus::Edge;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::http::{Answer, Bytes};
use crate::identity::{Identity, Means};
use crate::problem::{Kind, Problem};
use crate::render::tagged;
use crate::role::{DESK, Role};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::{STREAMS, Server, now};
use crate::world::News;

/// Without news a sign of life is sent so often: what stands between keeps the connection, and who
/// is not let in any more is noticed.
const PULSE: Duration = Duration::from_secs(15);

pub(crate) const ROUTES: &[Route] = &[Route::get(
    "/api/v1/events",
    Access::Roles(Role::ALL),
    "Whatever changes, as it happens: `shown` and `gone` with an object, `edge`, `lost` when the \
     engine ends, `reload` when something was missed",
    Gives::Other("text/event-stream"),
    |server, asked| events(server, asked).boxed(),
)];

async fn events(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let Ok(place) = server.streams.clone().try_acquire_owned() else {
        let what = format!("there are {STREAMS} streams of events already");
        return Err(Problem::new(Kind::TooOften, what, "end one, or ask now and then instead"));
    };
    let who = asked.who()?.clone();
    let Some(own) = Own::take(&server, &who) else {
        let what = format!("the account has {OWN} streams of events already");
        return Err(Problem::new(Kind::TooOften, what, "end one, or ask now and then instead"));
    };
    let news = server.world.listen();
    let listener = Listener { server, who, news, _place: place, _own: own };
    let first = stream::iter([event("ready", &json!({ "now": now() }))]);
    let stream = stream::unfold(listener, |mut listener| async move {
        let bytes = listener.next().await?;
        Some((bytes, listener))
    });
    Ok(Answer::stream("text/event-stream", first.chain(stream).boxed()))
}

struct Listener {
    server: Arc<Server>,
    who: Identity,
    news: Receiver<News>,
    _place: OwnedSemaphorePermit,
    _own: Own,
}

/// Most streams of an account that is not of the MSP's desk: one client's must not be everybody's.
const OWN: usize = 16;

/// A stream among those of its account.
struct Own {
    server: Arc<Server>,
    account: String,
}

impl Own {
    fn take(server: &Arc<Server>, who: &Identity) -> Option<Self> {
        let mut listening = server.listening.lock().unwrap_or_else(PoisonError::into_inner);
        let count = listening.entry(who.account.clone()).or_default();
        if *count >= OWN && !(DESK.contains(&who.role) && who.is_wide()) {
            return None;
        }
        *count += 1;
        Some(Self { server: server.clone(), account: who.account.clone() })
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut listening = self.server.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = listening.get_mut(&self.account) {
            *count = count.saturating_sub(1);
        }
        listening.retain(|_, count| *count > 0);
    }
}

impl Listener {
    /// The next thing to be sent; none when the account is not let in any more.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match tokio::time::timeout(PULSE, self.news.recv()).await {
                Err(_) => return self.is_let_in().then(|| Bytes::from_static(b": still here\n\n")),
                Ok(Err(RecvError::Lagged(_))) => return Some(event("reload", &json!({}))),
                Ok(Err(RecvError::Closed)) => return None,
                Ok(Ok(news)) => {
                    let told = self.told(&news);
                    if let Some(told) = told {
                        return self.is_let_in().then_some(told);
                    }
                }
            }
        }
    }

    /// Whether the account is there as it was. To listen is no use of a session: who has gone home
    /// is signed out.
    fn is_let_in(&self) -> bool {
        let account = self.server.state.account(&self.who.account).ok().flatten();
        let same = account.is_some_and(|account| {
            account.is_good(now())
                && account.role == self.who.role
                && account.clients == self.who.clients
        });
        let session = || {
            let sessions = self.server.state.sessions(&self.who.account).unwrap_or_default();
            let mut own = sessions.iter().filter(|session| session.id == self.who.session);
            own.any(|session| now() < session.expires && !self.is_idle(&session.id))
        };
        same && (self.who.means == Means::Certificate || session())
    }

    fn is_idle(&self, session: &str) -> bool {
        self.server.used.is_idle(session, Instant::now())
    }

    /// What the account is told of it, if anything.
    fn told(&self, news: &News) -> Option<Bytes> {
        let objects = self.server.world.objects();
        match news {
            News::Shown(object) if self.who.sees(&objects, object) => {
                Some(event("shown", &with_tag(object)))
            }
            News::Gone(object) if self.who.sees(&objects, object) => {
                Some(event("gone", &with_tag(object)))
            }
            News::Shown(_) | News::Gone(_) => None,
            News::Lost => Some(event("lost", &json!({}))),
            // Edges name objects by number alone; who is bound sees the objects themselves change.
            News::Edge(edge) => self.who.is_wide().then(|| event("edge", &edge_json(edge))),
        }
    }
}

fn with_tag(object: &bus::Object) -> Value {
    let (tag, view) = tagged(object);
    json!({ "kind": tag, "object": view })
}

fn edge_json(edge: &Edge) -> Value {
    match edge {
        Edge::JobEnded { job, state, cause } => {
            json!({ "edge": "job-ended", "job": job, "state": state.as_str(), "cause": cause })
        }
        Edge::AlertRaised { alert, code } => {
            json!({ "edge": "alert-raised", "alert": alert, "code": code })
        }
        Edge::AlertCleared { alert, code } => {
            json!({ "edge": "alert-cleared", "alert": alert, "code": code })
        }
    }
}

/// JSON has no line breaks, so it is one line of data.
fn event(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}
