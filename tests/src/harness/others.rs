//! Whoever else is on the bus of a box: logind, the service manager, networkd. They take note of
//! what they are asked for, and do nothing.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::runtime::Runtime;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, connection::Builder};

use super::Bus;

/// By then whatever is called has been called.
const PATIENCE: Duration = Duration::from_secs(60);

/// All of them, as one process.
#[derive(Debug)]
pub(crate) struct Others {
    /// Serves them until it is dropped.
    _runtime: Runtime,
    called: Receiver<String>,
}

impl Others {
    /// Begins to answer under these names.
    pub(crate) fn start(bus: &Bus, names: &[&'static str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (to, called) = channel();
        let connection = runtime.block_on(async {
            let connection = Builder::address(bus.address.as_str()).build().await;
            let connection = connection.expect("the bus answers");
            let calls = MessageStream::from(&connection);
            for name in names {
                connection.request_name(*name).await.expect("a name that nobody has");
            }
            (connection, calls)
        });
        let (connection, mut calls) = connection;
        runtime.spawn(async move {
            while let Some(Ok(message)) = calls.next().await {
                if message.message_type() == Type::MethodCall
                    && let Some(call) = answered(&connection, &message).await
                    && to.send(call).is_err()
                {
                    return;
                }
            }
        });
        Self { _runtime: runtime, called }
    }

    /// What was called next, with its arguments.
    pub(crate) fn hear(&self) -> String {
        self.called.recv_timeout(PATIENCE).expect("a call within a minute")
    }

    /// Whether nothing was called since.
    pub(crate) fn heard_nothing(&self) -> bool {
        self.called.try_recv().is_err()
    }
}

/// The call as text, once it is answered.
async fn answered(connection: &Connection, message: &Message) -> Option<String> {
    let header = message.header();
    let member = header.member()?.to_string();
    let interface = header.interface()?.to_string();
    let body = message.body();
    let words = match body.deserialize::<(bool,)>() {
        Ok((flag,)) => flag.to_string(),
        Err(_) => match body.deserialize::<(String, String)>() {
            Ok((first, second)) => format!("{first} {second}"),
            Err(_) => String::new(),
        },
    };
    connection.reply(&header, &()).await.ok()?;
    Some(format!("{interface}.{member}({words})"))
}
