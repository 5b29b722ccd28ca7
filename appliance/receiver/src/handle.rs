//! Does what a request asks for, as far as this agent may.
//!
//! Every intake and volume is looked up as this agent's; what is another's is unknown, with the
//! same answer as what does not exist.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::answer::{Answer, Error, done};
use crate::body::{self, Begin, Finish, Zero};
use crate::intakes::{Body, Fault, Intake, Intakes, Session, Stage};
use crate::peers::Agent;
use crate::request::{Request, fits};

/// Most bodies in memory at a time for all agents: with `MAX_WRITE`, 64 MiB.
const MOST_BODIES: usize = 16;

/// So long a request waits for its turn to send a body.
const TURN: Duration = Duration::from_secs(30);

/// The engine may take so long for one call; a flush waits for disks.
const ENGINE: Duration = Duration::from_secs(120);

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Handler<I> {
    intakes: Arc<I>,
    bodies: Arc<Semaphore>,
}

impl<I: Intakes> Handler<I> {
    pub(crate) fn new(intakes: Arc<I>) -> Self {
        Self { intakes, bodies: Arc::new(Semaphore::new(MOST_BODIES)) }
    }

    /// Answers one request. Errors are answers too.
    pub(crate) async fn handle(
        &self,
        from: (&Agent, u64),
        request: hyper::Request<Incoming>,
    ) -> Answer {
        let (head, body) = request.into_parts();
        let request = Request::parse(&head.method, &head.uri, &head.headers);
        let answer = match request {
            Ok(request) => self.act(from, request, body).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => done(&answer),
            Err(error) => {
                log::debug!("{}: {error}", from.0.system);
                error.answer()
            }
        }
    }

    async fn act(
        &self,
        (agent, connection): (&Agent, u64),
        request: Request,
        body: Incoming,
    ) -> Result<Value, Error> {
        match request {
            Request::Greet => Ok(greeting(agent)),
            Request::Begin { volume } => {
                let volume = own_volume(agent, &volume)?;
                self.begin((agent, connection), volume, body::json(body).await?).await
            }
            Request::Find { intake } => Ok(shown(&self.own(agent, intake).await?)),
            Request::Write { intake, offset, bytes, digest } => {
                let intake = self.open(agent, intake).await?;
                if !fits(offset, bytes, intake.bytes) {
                    return Err(Error::Range);
                }
                let room = self.turn(agent).await?;
                let body = Body::new(body::read(body, bytes).await?, room);
                if blake3::hash(&body) != digest {
                    return Err(Error::Digest);
                }
                in_order(agent, connection)?;
                let session = engine(self.intakes.write(intake.number, offset, body)).await?;
                Ok(in_session(session))
            }
            Request::Zero { intake } => {
                let zero = body::json(body).await?;
                in_order(agent, connection)?;
                self.zero(agent, intake, zero).await
            }
            Request::Flush { intake } => {
                let intake = self.open(agent, intake).await?;
                Ok(in_session(engine(self.intakes.flush(intake.number)).await?))
            }
            Request::Finish { intake } => {
                self.finish((agent, connection), intake, body::json(body).await?).await
            }
            Request::Discard { intake } => self.discard((agent, connection), intake).await,
        }
    }

    async fn begin(
        &self,
        (agent, connection): (&Agent, u64),
        volume: &str,
        begin: Begin,
    ) -> Result<Value, Error> {
        let most = agent.most_bytes.0;
        if begin.bytes == 0 || begin.bytes > most {
            return Err(Error::TooLarge { most });
        }
        let _alone = agent.changing.lock().await;
        in_order(agent, connection)?;
        let pending = engine(self.intakes.pending(&agent.system, volume)).await?;
        match pending {
            Some(intake) if intake.stage == Stage::Open && intake.bytes == begin.bytes => {
                return Ok(begun(&intake, true));
            }
            Some(Intake { stage: Stage::Finishing, .. }) => {
                let what = "the recovery point of the intake before is being made".to_owned();
                return Err(Error::Busy { what });
            }
            Some(intake) => engine(self.intakes.discard(intake.number)).await?,
            None => {}
        }
        let intake = engine(self.intakes.begin(&agent.system, volume, begin.bytes)).await?;
        log::info!("{}: intake {} of volume {volume} begun", agent.system, intake.number);
        Ok(begun(&intake, false))
    }

    async fn zero(&self, agent: &Agent, intake: u64, zero: Zero) -> Result<Value, Error> {
        let intake = self.open(agent, intake).await?;
        if !fits(zero.offset, zero.bytes, intake.bytes) {
            return Err(Error::Range);
        }
        let zeroed = self.intakes.zero(intake.number, zero.offset, zero.bytes);
        Ok(in_session(engine(zeroed).await?))
    }

    /// Finishing twice is finishing once: who did not hear the answer asks again. What failed is
    /// tried again.
    async fn finish(
        &self,
        (agent, connection): (&Agent, u64),
        intake: u64,
        finish: Finish,
    ) -> Result<Value, Error> {
        let _alone = agent.changing.lock().await;
        in_order(agent, connection)?;
        let intake = self.own(agent, intake).await?;
        if matches!(intake.stage, Stage::Open | Stage::Failed { .. }) {
            let consistency = finish.consistency();
            engine(self.intakes.finish(intake.number, consistency)).await?;
            let (system, number) = (&agent.system, intake.number);
            log::info!("{system}: intake {number} finished, {consistency}");
        }
        Ok(shown(&self.own(agent, intake.number).await?))
    }

    async fn discard(
        &self,
        (agent, connection): (&Agent, u64),
        intake: u64,
    ) -> Result<Value, Error> {
        let _alone = agent.changing.lock().await;
        in_order(agent, connection)?;
        let intake = self.own(agent, intake).await?;
        match intake.stage {
            Stage::Open | Stage::Failed { .. } => {
                engine(self.intakes.discard(intake.number)).await?;
                log::info!("{}: intake {} discarded", agent.system, intake.number);
                Ok(json!({}))
            }
            Stage::Finishing | Stage::Done { .. } => Err(Error::Finished),
        }
    }

    /// An intake of this agent.
    async fn own(&self, agent: &Agent, number: u64) -> Result<Intake, Error> {
        let intake = engine(self.intakes.find(number)).await?;
        let is_own = intake.system == agent.system && agent.volumes.contains(&intake.volume);
        if is_own { Ok(intake) } else { Err(Error::Unknown) }
    }

    /// An intake of this agent that can be written.
    async fn open(&self, agent: &Agent, number: u64) -> Result<Intake, Error> {
        let intake = self.own(agent, number).await?;
        if intake.stage == Stage::Open { Ok(intake) } else { Err(Error::Finished) }
    }

    /// Waits for room for a body: first among this agent's, then among all.
    async fn turn(&self, agent: &Agent) -> Result<[OwnedSemaphorePermit; 2], Error> {
        let both = async {
            let own = agent.bodies.clone().acquire_owned().await.ok()?;
            Some([own, self.bodies.clone().acquire_owned().await.ok()?])
        };
        let what = "too many others send at this moment".to_owned();
        timeout(TURN, both).await.ok().flatten().ok_or(Error::Busy { what })
    }
}

fn own_volume<'a>(agent: &'a Agent, volume: &str) -> Result<&'a str, Error> {
    let own = agent.volumes.iter().find(|own| *own == volume);
    own.map(String::as_str).ok_or(Error::Unknown)
}

/// What the engine gives, if it does so in time.
async fn engine<T>(call: impl Future<Output = Result<T, Fault>>) -> Result<T, Error> {
    match timeout(ENGINE, call).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Error::Busy { what: "the engine does not answer".to_owned() }),
    }
}

fn greeting(agent: &Agent) -> Value {
    json!({
        "protocol": 1,
        "system": agent.system,
        "volumes": agent.volumes,
        "most_bytes": agent.most_bytes.0,
    })
}

fn begun(intake: &Intake, resumed: bool) -> Value {
    json!({
        "intake": intake.number,
        "since": intake.since,
        "base": intake.base,
        "resumed": resumed,
    })
}

fn in_session(session: Session) -> Value {
    json!({ "session": format!("{:016x}", session.0) })
}

fn shown(intake: &Intake) -> Value {
    let since = intake.since;
    match &intake.stage {
        Stage::Open => json!({ "state": "open", "since": since }),
        Stage::Finishing => json!({ "state": "finishing", "since": since }),
        Stage::Done { point } => json!({ "state": "done", "since": since, "point": point }),
        Stage::Failed { cause, next } => {
            json!({ "state": "failed", "since": since, "cause": cause, "next": next })
        }
    }
}

/// Refuses what comes by a connection that a younger one has taken the place of.
fn in_order(agent: &Agent, connection: u64) -> Result<(), Error> {
    let what = || "a younger connection of this agent has taken its place".to_owned();
    agent.may_change(connection).then_some(()).ok_or_else(|| Error::Busy { what: what() })
}
