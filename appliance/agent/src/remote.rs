//! The box as the protocol of AGENT.md has it: what can be asked, and what it answers.

use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::client::Client;
use crate::config::Config;
use crate::error::{AgentError, Result};

/// How often it is asked whether the recovery point is there: at first, and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// What the box says of this agent.
#[derive(Debug, Deserialize)]
pub(crate) struct Greeting {
    pub(crate) protocol: u32,
    pub(crate) system: String,
    pub(crate) volumes: Vec<String>,
    pub(crate) most_bytes: u64,
}

/// An intake that was begun.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Intake {
    #[serde(rename = "intake")]
    pub(crate) number: u64,
    pub(crate) since: u64,
    /// Identity of the recovery point that it lies above; empty when above nothing.
    pub(crate) base: String,
    pub(crate) resumed: bool,
}

/// How far an intake is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub(crate) enum Stage {
    Open,
    Finishing,
    Done { point: String },
    Failed { cause: String, next: String },
}

/// An intake that the box knows by its number.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Found {
    /// Tells it from one that had the same number before.
    pub(crate) since: u64,
    #[serde(flatten)]
    pub(crate) stage: Stage,
}

#[derive(Debug, Deserialize)]
struct InSession {
    session: String,
}

/// How sure it is that the bytes are those of one moment; see AGENT.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consistency {
    Moment,
    Settled,
    Unknown,
    Torn,
}

impl Consistency {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Moment => "moment",
            Self::Settled => "settled",
            Self::Unknown => "unknown",
            Self::Torn => "torn",
        }
    }
}

/// Who had written all that they had at the moment that was read; see AGENT.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prepared {
    Nothing,
    FileSystem,
    Application,
}

impl Prepared {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::FileSystem => "file-system",
            Self::Application => "application",
        }
    }
}

/// A connection to the box.
#[derive(Debug)]
pub(crate) struct Remote {
    client: Client,
}

impl Remote {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        Ok(Self { client: Client::new(config)? })
    }

    /// Asks once who this agent is for the box.
    pub(crate) async fn greet(&mut self) -> Result<Greeting> {
        understood(self.client.once(&Method::GET, "/v1", Bytes::new()).await?)
    }

    pub(crate) async fn begin(&mut self, volume: &str, bytes: u64) -> Result<Intake> {
        let path = format!("/v1/volumes/{volume}");
        understood(self.post(&path, &json!({ "bytes": bytes })).await?)
    }

    /// The intake with this number; `None` when the box knows it no more.
    pub(crate) async fn find(&mut self, intake: u64) -> Result<Option<Found>> {
        let path = format!("/v1/intakes/{intake}");
        match self.client.call(Method::GET, &path, Bytes::new()).await {
            Ok(value) => understood(value).map(Some),
            Err(AgentError::Refused { word, .. }) if word == "unknown" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes; gives the session in which that was done.
    pub(crate) async fn write(&mut self, intake: u64, offset: u64, body: Bytes) -> Result<String> {
        let path = format!("/v1/intakes/{intake}/{offset}");
        session(self.client.call(Method::PUT, &path, body).await?)
    }

    pub(crate) async fn zero(&mut self, intake: u64, offset: u64, bytes: u64) -> Result<String> {
        let range = json!({ "offset": offset, "bytes": bytes });
        session(self.post(&format!("/v1/intakes/{intake}/zero"), &range).await?)
    }

    pub(crate) async fn flush(&mut self, intake: u64) -> Result<String> {
        session(self.post(&format!("/v1/intakes/{intake}/flush"), &json!({})).await?)
    }

    /// Has a recovery point made, and waits until it is there; its identity.
    pub(crate) async fn finish(
        &mut self,
        intake: u64,
        as_is: Consistency,
        prepared: Prepared,
    ) -> Result<String> {
        let body = json!({ "consistency": as_is.word(), "prepared": prepared.word() });
        let value = self.post(&format!("/v1/intakes/{intake}/finish"), &body).await?;
        let mut stage: Stage = understood(value)?;
        let mut pause = LOOK.0;
        loop {
            match stage {
                Stage::Done { point } => return Ok(point),
                Stage::Failed { cause, next } => return Err(AgentError::NoPoint { cause, next }),
                Stage::Open | Stage::Finishing => {}
            }
            sleep(pause).await;
            pause = (pause * 2).min(LOOK.1);
            let gone = || AgentError::NoPoint {
                cause: "the box does not know the intake any more".to_owned(),
                next: "see its journal; the next run begins anew".to_owned(),
            };
            stage = self.find(intake).await?.ok_or_else(gone)?.stage;
        }
    }

    pub(crate) async fn discard(&mut self, intake: u64) -> Result<()> {
        let path = format!("/v1/intakes/{intake}");
        match self.client.call(Method::DELETE, &path, Bytes::new()).await {
            Err(AgentError::Refused { word, .. }) if word == "unknown" => Ok(()),
            other => other.map(drop),
        }
    }

    async fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.client.call(Method::POST, path, Bytes::from(body.to_string())).await
    }
}

fn session(value: Value) -> Result<String> {
    understood(value).map(|InSession { session }| session)
}

fn understood<T: DeserializeOwned>(value: Value) -> Result<T> {
    let read = serde_json::from_value(value);
    read.map_err(|error| AgentError::Protocol { what: error.to_string() })
}
