//! Follows the engine: what it shows, and whether it still answers.

use std::time::Duration;

use bus::{Client, ClientError, Place, Update};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::state::Input;

/// How often it is asked for a sign of life, and how long it may take for one.
const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(4);

/// How long after a bus was gone it is looked for again.
const AGAIN: Duration = Duration::from_secs(2);

/// The connection to the engine, whenever there is one.
#[derive(Debug, Clone)]
pub(super) struct Engine(watch::Receiver<Option<Client>>);

impl Engine {
    /// Follows it for as long as somebody wants to know.
    pub(super) fn follow(address: Option<String>, to: Sender<Input>) -> Self {
        let (connected, engine) = watch::channel(None);
        tokio::spawn(async move {
            while !to.is_closed() {
                let why = match follow(address.as_deref(), &connected, &to).await {
                    Ok(()) => "the bus is gone".to_owned(),
                    Err(error) => error.to_string(),
                };
                connected.send_replace(None);
                let _ = to.send(Input::Silent(why)).await;
                sleep(AGAIN).await;
            }
        });
        Self(engine)
    }

    pub(super) fn client(&self) -> Option<Client> {
        self.0.borrow().clone()
    }
}

/// Until the bus is gone.
async fn follow(
    address: Option<&str>,
    connected: &watch::Sender<Option<Client>>,
    to: &Sender<Input>,
) -> Result<(), ClientError> {
    let client = match address {
        Some(address) => Client::connect_to(address).await?,
        None => Client::connect().await?,
    };
    connected.send_replace(Some(client.clone()));
    let alive = tokio::spawn(feel_pulse(client.clone(), to.clone()));
    let followed = follow_news(&client, to).await;
    alive.abort();
    followed
}

async fn follow_news(client: &Client, to: &Sender<Input>) -> Result<(), ClientError> {
    let mut watch = client.watch().await?;
    while let Some(update) = watch.next().await {
        if to.send(Input::Bus(update)).await.is_err() {
            break;
        }
    }
    // What is there is of an engine that nobody hears any more.
    let _ = to.send(Input::Bus(Update::Lost)).await;
    Ok(())
}

/// Asks for a sign of life: an engine that hangs tells nothing by itself.
async fn feel_pulse(client: Client, to: Sender<Input>) {
    let mut beats = interval(EVERY);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        let told = match timeout(PATIENCE, client.object(&Place::Appliance)).await {
            Ok(Ok(_)) => Input::Answers,
            Ok(Err(error)) if error.is_absence() => Input::Silent("it is not running".to_owned()),
            Ok(Err(error)) => Input::Silent(error.to_string()),
            Err(_) => Input::Silent("it hangs".to_owned()),
        };
        if to.send(told).await.is_err() {
            return;
        }
    }
}
