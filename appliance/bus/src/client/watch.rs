//! Watching: everything as it is now, and then whatever changes.
//!
//! A stream of signals that nobody reads stops its whole connection, replies and all. So a task of
//! our own reads it, keeps the newest view of each object, and remembers which the reader has not
//! seen: a slow reader skips views and never sees an old one, and what it misses costs no memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, Stream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use zbus::message::Type;
use zbus::names::InterfaceName;
use zbus::{MatchRule, Message, MessageStream, ObjectPath, OwnedVariant};

use super::{Client, ClientError, view};
use crate::object::Object;
use crate::place::{Place, ROOT, SERVICE};
use crate::signal::Edge;
use crate::view::JobState;

/// Signals that wait between the connection and the task that reads them.
const QUEUE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

/// Signals kept while the first listing is on its way. With more, it is listed again.
const EARLY_MAX: usize = 8192;

/// Edges that wait for the reader. Beyond it the oldest are lost; the views tell the same.
const EDGES_MAX: usize = 1024;

/// What a watcher sees next.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// An object is there, new or changed.
    Shown(Arc<Object>),
    /// An object is gone.
    Gone(Place),
    /// Something happened.
    Edge(Edge),
    /// The engine ended. Its objects are gone; when it is back they are shown again.
    Lost,
}

/// Watches the appliance until it is dropped.
#[derive(Debug)]
pub struct Watch {
    seen: Arc<Shared>,
    reader: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    objects: BTreeMap<Place, Arc<Object>>,
    /// What the reader has not taken yet.
    unread: BTreeSet<Place>,
    edges: VecDeque<Edge>,
    lost: bool,
    /// The connection has ended.
    over: bool,
}

impl Watch {
    pub(super) async fn begin(client: Client) -> Result<Self, ClientError> {
        let seen = Arc::new(Shared::default());
        let signals = signals(&client).await.map_err(ClientError::Call)?;
        let mut reader = Reader { client, signals, shared: seen.clone() };
        match reader.list().await {
            Err(error) if error.is_absence() => seen.change(Seen::lose),
            listed => listed?,
        }
        Ok(Self { seen, reader: tokio::spawn(reader.run()) })
    }

    /// The next update: first every object that is there, then what changes. None when the
    /// connection has ended. May be dropped and called again without missing anything.
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            let news = self.seen.news.notified();
            {
                let mut seen = self.seen.seen();
                if let Some(update) = seen.take() {
                    return Some(update);
                }
                if seen.over {
                    return None;
                }
            }
            news.await;
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Update> + Send {
        stream::unfold(self, |mut watch| async move {
            let update = watch.next().await?;
            Some((update, watch))
        })
    }

    /// How many objects are known now, whether they were read or not.
    pub fn count(&self) -> usize {
        self.seen.seen().objects.len()
    }

    /// What is known now, whether it was read or not.
    pub fn objects(&self) -> Vec<Arc<Object>> {
        self.seen.seen().objects.values().cloned().collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen());
        self.news.notify_one();
    }
}

impl Seen {
    fn take(&mut self) -> Option<Update> {
        if std::mem::take(&mut self.lost) {
            return Some(Update::Lost);
        }
        if let Some(place) = self.unread.pop_first() {
            return Some(match self.objects.get(&place) {
                Some(object) => Update::Shown(object.clone()),
                None => Update::Gone(place),
            });
        }
        self.edges.pop_front().map(Update::Edge)
    }

    /// Takes a whole listing over.
    fn replace(&mut self, listed: Vec<Object>) {
        let old = std::mem::take(&mut self.objects);
        for object in listed {
            if let Some(place) = object.place() {
                self.objects.insert(place, Arc::new(object));
            }
        }
        let gone = old.keys().filter(|place| !self.objects.contains_key(*place));
        self.unread.extend(gone.cloned());
        let changed =
            self.objects.iter().filter(|(place, object)| old.get(*place) != Some(*object));
        self.unread.extend(changed.map(|(place, _)| place.clone()));
    }

    fn lose(&mut self) {
        self.lost = true;
        self.edges.clear();
        self.unread.clear();
        self.objects.clear();
    }

    fn show(&mut self, place: Place, object: Object) {
        self.objects.insert(place.clone(), Arc::new(object));
        self.unread.insert(place);
    }

    fn hide(&mut self, place: Place) {
        if self.objects.remove(&place).is_some() {
            self.unread.insert(place);
        }
    }

    fn change(&mut self, place: Place, values: &HashMap<String, OwnedVariant>) {
        // Known before it was there: the listing to come has it.
        let Some(object) = self.objects.get_mut(&place) else { return };
        let object = Arc::make_mut(object);
        for (name, value) in values {
            if !object.set(name, value) {
                log::warn!("{}: the property {name} is not understood", place.path());
            }
        }
        self.unread.insert(place);
    }

    fn push_edge(&mut self, edge: Edge) {
        if self.edges.len() == EDGES_MAX {
            self.edges.pop_front();
        }
        self.edges.push_back(edge);
    }
}

/// The signals of the engine, and of the bus about who is the engine.
async fn signals(client: &Client) -> zbus::Result<stream::SelectAll<MessageStream>> {
    let connection = client.connection();
    let ours = MatchRule::builder().msg_type(Type::Signal).path_namespace(ROOT);
    if !connection.is_bus() {
        let ours = MessageStream::for_match_rule(ours.build()?, connection, Some(QUEUE)).await?;
        return Ok(stream::select_all([ours]));
    }
    let ours = ours.sender(SERVICE).build()?;
    let owner = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg(0, SERVICE)
        .build()?;
    let ours = MessageStream::for_match_rule(ours, connection, Some(QUEUE)).await?;
    let owner = MessageStream::for_match_rule(owner, connection, Some(QUEUE)).await?;
    Ok(stream::select_all([ours, owner]))
}

struct Reader {
    client: Client,
    signals: stream::SelectAll<MessageStream>,
    shared: Arc<Shared>,
}

impl Reader {
    async fn run(mut self) {
        while let Some(Ok(message)) = self.signals.next().await {
            if self.apply(&message) == Some(News::EngineIsBack)
                && let Err(error) = self.list().await
            {
                log::info!("the engine went away again: {error}");
            }
        }
        self.shared.change(|seen| seen.over = true);
    }

    /// Lists everything. Signals are read all the while, or the reply could never come; they are
    /// applied behind it, since they may be newer.
    async fn list(&mut self) -> Result<(), ClientError> {
        loop {
            let client = self.client.clone();
            let mut listing = Box::pin(async move { client.objects().await }).fuse();
            let mut early = Vec::new();
            let listed = loop {
                tokio::select! {
                    listed = &mut listing => break listed?,
                    Some(message) = self.signals.next() => {
                        if early.len() <= EARLY_MAX {
                            early.push(message);
                        }
                    }
                }
            };
            if early.len() > EARLY_MAX {
                continue;
            }
            self.shared.change(|seen| seen.replace(listed));
            let back = early.iter().flatten().filter_map(|message| self.apply(message));
            if back.last().is_none() {
                return Ok(());
            }
        }
    }

    /// Takes one signal over. What is not understood is left out.
    fn apply(&self, message: &Message) -> Option<News> {
        let header = message.header();
        let member = header.member().map(|name| name.as_str()).unwrap_or_default();
        let path = header.path().map(|path| path.as_str()).unwrap_or_default();
        let body = message.body();
        match member {
            "PropertiesChanged" => {
                let (_, values, _): Changed<'_> = body.deserialize().ok()?;
                let place = Place::parse(path)?;
                self.shared.change(|seen| seen.change(place, &values));
            }
            "InterfacesAdded" => {
                let (path, interfaces): Added<'_> = body.deserialize().ok()?;
                let place = Place::parse(path.as_str())?;
                for (interface, values) in interfaces {
                    if let Some(Ok(object)) = view(interface.as_str(), &values) {
                        self.shared.change(|seen| seen.show(place.clone(), object));
                    }
                }
            }
            "InterfacesRemoved" => {
                let (path, _): (ObjectPath<'_>, Vec<InterfaceName<'_>>) =
                    body.deserialize().ok()?;
                let place = Place::parse(path.as_str())?;
                self.shared.change(|seen| seen.hide(place));
            }
            "NameOwnerChanged" => {
                let (_, _, owner): (&str, &str, &str) = body.deserialize().ok()?;
                if !owner.is_empty() {
                    return Some(News::EngineIsBack);
                }
                self.shared.change(Seen::lose);
            }
            _ => {
                let edge = edge(member, message)?;
                self.shared.change(|seen| seen.push_edge(edge));
            }
        }
        None
    }
}

type Changed<'a> = (&'a str, HashMap<String, OwnedVariant>, Vec<&'a str>);
type Added<'a> = (ObjectPath<'a>, HashMap<InterfaceName<'a>, HashMap<String, OwnedVariant>>);

/// What a signal asks for beyond taking it over.
#[derive(Debug, PartialEq)]
enum News {
    EngineIsBack,
}

fn edge(member: &str, message: &Message) -> Option<Edge> {
    let body = message.body();
    if member == "JobEnded" {
        let (path, state, cause): (ObjectPath<'_>, &str, String) = body.deserialize().ok()?;
        let Some(Place::Job(job)) = Place::parse(path.as_str()) else { return None };
        let state = JobState::ALL.iter().copied().find(|one| one.as_str() == state)?;
        return Some(Edge::JobEnded { job, state, cause });
    }
    let (path, code): (ObjectPath<'_>, String) = body.deserialize().ok()?;
    let Some(Place::Alert(alert)) = Place::parse(path.as_str()) else { return None };
    match member {
        "AlertRaised" => Some(Edge::AlertRaised { alert, code }),
        "AlertCleared" => Some(Edge::AlertCleared { alert, code }),
        _ => None,
    }
}
