//! Tells what changed: a task for each connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use zbus::{Connection, Message, ObjectPath, Variant};

use super::Tree;
use super::standard::{OBJECT_MANAGER, PROPERTIES, properties_of};
use super::state::interface_name;
use crate::object::{Object, interface_at};
use crate::place::{Place, ROOT};
use crate::signal::{Edge, SIGNALS_AT};

/// One thing to tell.
#[derive(Debug, PartialEq)]
pub(crate) enum Note {
    Added {
        place: Place,
        object: Arc<Object>,
    },
    /// `properties` by their place in the order; never none.
    Changed {
        place: Place,
        object: Arc<Object>,
        properties: Vec<usize>,
    },
    Removed {
        place: Place,
    },
    Edge(Edge),
}

impl Note {
    /// What is to be told to one who knows `before`. None if that is still so.
    pub(super) fn of(
        place: &Place,
        before: Option<Arc<Object>>,
        now: Option<Arc<Object>>,
    ) -> Option<Self> {
        let place = place.clone();
        match (before, now) {
            (None, None) => None,
            (None, Some(object)) => Some(Self::Added { place, object }),
            (Some(_), None) => Some(Self::Removed { place }),
            (Some(before), Some(object)) => {
                let properties = object.differing(&before);
                let changed = !properties.is_empty();
                changed.then_some(Self::Changed { place, object, properties })
            }
        }
    }

    fn message(&self) -> zbus::Result<Message> {
        match self {
            Self::Added { place, object } => {
                let path = place.path();
                let interfaces = BTreeMap::from([(object.interface().name, properties_of(object))]);
                Message::signal(ROOT, OBJECT_MANAGER, "InterfacesAdded")
                    .build(&(ObjectPath::from(&path), interfaces))
            }
            Self::Removed { place } => {
                let path = place.path();
                Message::signal(ROOT, OBJECT_MANAGER, "InterfacesRemoved")
                    .build(&(ObjectPath::from(&path), vec![interface_name(place)]))
            }
            Self::Changed { place, object, properties } => {
                let names = object.interface().properties.iter().map(|property| property.name);
                let all: Vec<(&str, Variant<'_>)> = names.zip(object.values()).collect();
                let changed = (0..).zip(all).filter(|(at, _)| properties.contains(at));
                let changed: BTreeMap<_, _> = changed.map(|(_, pair)| pair).collect();
                Message::signal(place.path(), PROPERTIES, "PropertiesChanged").build(&(
                    object.interface().name,
                    changed,
                    Vec::<&str>::new(),
                ))
            }
            Self::Edge(edge) => edge_message(edge),
        }
    }
}

fn edge_message(edge: &Edge) -> zbus::Result<Message> {
    let signal = |name| Message::signal(SIGNALS_AT.path(), interface_at(&SIGNALS_AT).name, name);
    match edge {
        Edge::JobEnded { job, state, cause } => {
            signal("JobEnded").build(&(Place::Job(*job).path(), state.as_str(), cause))
        }
        Edge::AlertRaised { alert, code } => {
            signal("AlertRaised").build(&(Place::Alert(*alert).path(), code))
        }
        Edge::AlertCleared { alert, code } => {
            signal("AlertCleared").build(&(Place::Alert(*alert).path(), code))
        }
    }
}

/// Tells what gathers in an outbox, until the connection ends or it is stopped and all is told.
pub(super) async fn run(
    connection: Connection,
    tree: Tree,
    outbox: u64,
    wake: Arc<Notify>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let stop = *stopping.borrow_and_update();
        let due = tree.state().take_due(outbox, Instant::now(), stop);
        if !due.notes.is_empty() {
            if let Err(error) = connection.send_all(&messages(&due.notes)).await {
                log::info!("the bus is gone: {error}");
                return;
            }
            continue;
        }
        if stop {
            return;
        }
        let later = async {
            match due.next {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wake.notified() => {}
            () = later => {}
            _ = stopping.changed() => {}
        }
    }
}

fn messages(notes: &[Note]) -> Vec<Message> {
    let mut messages = Vec::with_capacity(notes.len());
    for note in notes {
        match note.message() {
            Ok(message) => messages.push(message),
            Err(error) => log::error!("a change cannot be told: {error}"),
        }
    }
    messages
}
