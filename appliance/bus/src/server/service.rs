//! Takes calls off a connection and answers each in a task of its own.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::Semaphore;
use zbus::message::{Flags, Header, Type};
use zbus::names::OwnedUniqueName;
use zbus::{Connection, Message, MessageStream};

use super::Tree;
use super::fault::Fault;
use super::gate::Gate;
use crate::authorize::Authorize;
use crate::command::Commands;
use crate::refusal::{Refusal, RefusalKind};

/// Listings of all objects that are made at the same time: each may take some megabytes until it
/// is sent. More wait.
const LISTINGS_MAX: usize = 2;

/// A tree on a connection, with whom to ask and whom to tell.
pub(super) struct Service {
    pub(super) connection: Connection,
    pub(super) tree: Tree,
    pub(super) commands: Arc<dyn Commands>,
    pub(super) authorize: Arc<dyn Authorize>,
    pub(super) listings: Semaphore,
    gate: Gate,
}

impl Service {
    pub(super) fn new(
        connection: Connection,
        tree: Tree,
        commands: Arc<dyn Commands>,
        authorize: Arc<dyn Authorize>,
    ) -> Self {
        let listings = Semaphore::new(LISTINGS_MAX);
        Self { connection, tree, commands, authorize, listings, gate: Gate::default() }
    }

    async fn answer(&self, message: &Message) {
        let header = message.header();
        // The permit is held until the listing is sent.
        let (outcome, _permit) = self.reply(message, &header).await;
        self.send(&header, outcome).await;
    }

    async fn send(&self, header: &Header<'_>, outcome: Result<Message, Fault>) {
        if header.primary().flags().contains(Flags::NO_REPLY_EXPECTED) {
            return;
        }
        let reply = outcome.or_else(|fault| Message::error(header, fault.name).build(&fault.text));
        let sent = match reply {
            Ok(reply) => self.connection.send(&reply).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            log::info!("a caller gets no reply: {error}");
        }
    }
}

/// Answers calls until the connection ends.
pub(super) async fn run(service: Arc<Service>, mut stream: MessageStream) {
    while let Some(Ok(message)) = stream.next().await {
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let header = message.header();
        let caller = header.sender().map(|name| OwnedUniqueName::from(name.to_owned()));
        let Some(pass) = service.gate.enter(caller) else {
            service.send(&header, Err(too_many().into())).await;
            continue;
        };
        drop(header);
        let service = service.clone();
        tokio::spawn(async move {
            service.answer(&message).await;
            drop(pass);
        });
    }
}

fn too_many() -> Refusal {
    let next_step = "wait for replies before you call again";
    Refusal::new(RefusalKind::Busy, "too many calls run at the same time", next_step)
}
