//! The engine as intakes see it: calls on the bus, and bytes through the socket of each intake.
//!
//! Which job makes a recovery point of which intake is remembered in a file, since the intake goes
//! when the point is there, and its agent may ask later. Without the file that agent sends all
//! blocks again at its next run, and nothing is wrong.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bus::{
    Client, ClientError, Fact, FinishOptions, IntakeProxy, IntakeView, JobState, JobView, Object,
    Place, ReceiveOptions, Refusal, RefusalKind, SystemProxy,
};
use model::Consistency;
use serde::{Deserialize, Serialize};
use zbus::connection;
use zbus::fdo::DBusProxy;

use crate::config::Config;
use crate::error::{ReceiverError, Result};
use crate::intakes::{Body, Fault, Intake, Intakes, Session, Stage};
use crate::nbd::Writer;

/// Finished intakes that are remembered. Agents ask within seconds, or at their next run.
const MOST_FINISHED: usize = 1024;

/// Connections to intakes that are kept: more than a box has intakes. One that goes too early is
/// made again, in another session.
const MOST_WRITERS: usize = 64;

/// The engine of this box.
#[derive(Debug)]
pub struct Engine {
    client: Client,
    path: PathBuf,
    book: Mutex<Book>,
}

/// What the engine does not tell of an intake.
#[derive(Debug, Default)]
struct Book {
    /// The connections to intakes that are being written.
    writers: BTreeMap<u64, Writer>,
    /// Oldest first.
    finished: VecDeque<Finished>,
    /// Names of protected systems by their ids on the bus. An id is made of the name, so it never
    /// comes to mean another.
    systems: BTreeMap<String, String>,
}

/// An intake and the job that makes a recovery point of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Finished {
    number: u64,
    system: String,
    volume: String,
    bytes: u64,
    since: u64,
    job: u64,
}

impl Engine {
    /// Connects to the bus; the engine itself may come later.
    pub async fn connect(config: &Config) -> Result<Self> {
        let client = match &config.bus {
            None => Client::connect().await?,
            Some(address) => {
                let built = connection::Builder::address(address.as_str()).build().await;
                Client::over(built.map_err(ClientError::Unreachable)?)
            }
        };
        let path = config.state.join("finished.json");
        let failed = |source| ReceiverError::File { path: config.state.clone(), source };
        std::fs::create_dir_all(&config.state).map_err(failed)?;
        // What cannot be read is as good as lost, and can be.
        let bytes = std::fs::read(&path).unwrap_or_default();
        let finished = serde_json::from_slice(&bytes).unwrap_or_default();
        let book = Mutex::new(Book { finished, ..Book::default() });
        Ok(Self { client, path, book })
    }

    /// Whether the bus answers. The engine itself may be away for a while.
    pub async fn is_reachable(&self) -> bool {
        match DBusProxy::new(self.client.connection()).await {
            Ok(bus) => bus.get_id().await.is_ok(),
            Err(_) => false,
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn object(&self, place: Place) -> std::result::Result<Option<Object>, Fault> {
        match self.client.object(&place).await {
            Ok(object) => Ok(Some(object)),
            Err(ClientError::Missing(_)) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn view(&self, number: u64) -> std::result::Result<Option<IntakeView>, Fault> {
        Ok(match self.object(Place::Intake(number)).await? {
            Some(Object::Intake(view)) => Some(view),
            _ => None,
        })
    }

    /// Everything on the bus; names of systems are noted.
    async fn objects(&self) -> std::result::Result<Vec<Object>, Fault> {
        let objects = self.client.objects().await.map_err(|error| failed(&error))?;
        let mut book = self.book();
        for object in &objects {
            if let Object::System(system) = object {
                book.systems.insert(system.id.clone(), system.name.clone());
            }
        }
        drop(book);
        Ok(objects)
    }

    fn noted_name(&self, view: &IntakeView) -> Option<String> {
        let Place::System(id) = Place::parse(view.system.as_str())? else { return None };
        self.book().systems.get(&id).cloned()
    }

    /// The name of the system that an intake is of.
    async fn name_of(&self, view: &IntakeView) -> std::result::Result<String, Fault> {
        if let Some(name) = self.noted_name(view) {
            return Ok(name);
        }
        self.objects().await?;
        self.noted_name(view).ok_or(Fault::Gone)
    }

    fn noted_id(&self, name: &str) -> Option<String> {
        let book = self.book();
        let mut noted = book.systems.iter();
        noted.find(|(_, noted)| *noted == name).map(|(id, _)| id.clone())
    }

    /// The id on the bus of the system with this name.
    async fn id_of(&self, name: &str) -> std::result::Result<String, Fault> {
        if let Some(id) = self.noted_id(name) {
            return Ok(id);
        }
        self.objects().await?;
        self.noted_id(name).ok_or_else(|| no_system(name))
    }

    async fn proxy(&self, number: u64) -> std::result::Result<IntakeProxy<'static>, Fault> {
        let place = Place::Intake(number).path();
        let proxy = IntakeProxy::builder(self.client.connection()).path(place).build().await;
        proxy.map_err(|error| refused(&error))
    }

    /// The connection to an intake that can be written.
    async fn writer(&self, number: u64) -> std::result::Result<Writer, Fault> {
        if let Some(writer) = self.book().writers.get(&number) {
            return Ok(writer.clone());
        }
        let view = self.view(number).await?.ok_or(Fault::Gone)?;
        let mut book = self.book();
        // One that somebody else ended was not told of: the oldest is of such a one.
        if book.writers.len() >= MOST_WRITERS && !book.writers.contains_key(&number) {
            book.writers.pop_first();
        }
        let writer = || Writer::new(PathBuf::from(&view.socket));
        Ok(book.writers.entry(number).or_insert_with(writer).clone())
    }

    /// What is remembered of an intake that was finished, and how far its job is.
    async fn remembered(&self, number: u64) -> std::result::Result<Option<Intake>, Fault> {
        let found = self.book().finished.iter().rev().find(|one| one.number == number).cloned();
        let Some(finished) = found else { return Ok(None) };
        let Some(Object::Job(job)) = self.object(Place::Job(finished.job)).await? else {
            return Ok(None);
        };
        Ok(Some(Intake {
            number,
            system: finished.system,
            volume: finished.volume,
            bytes: finished.bytes,
            base: String::new(),
            since: finished.since,
            stage: stage(&job),
        }))
    }

    fn remember(&self, finished: Finished) {
        let mut book = self.book();
        book.writers.remove(&finished.number);
        book.finished.retain(|one| one.number != finished.number);
        book.finished.push_back(finished);
        if book.finished.len() > MOST_FINISHED {
            book.finished.pop_front();
        }
        let new = self.path.with_extension("new");
        let written = serde_json::to_vec(&book.finished)
            .map_err(Into::into)
            .and_then(|bytes| std::fs::write(&new, bytes))
            .and_then(|()| std::fs::rename(&new, &self.path));
        if let Err(error) = written {
            log::warn!("{}: {error}; agents may send more than they need", self.path.display());
        }
    }
}

impl Intakes for Engine {
    async fn pending(
        &self,
        system: &str,
        volume: &str,
    ) -> std::result::Result<Option<Intake>, Fault> {
        let mut newest = None;
        for object in self.objects().await? {
            if let Object::Intake(view) = object
                && view.explicit
                && view.volume == volume
                && self.noted_name(&view).as_deref() == Some(system)
            {
                newest = Some(view.number);
            }
        }
        match newest {
            Some(number) => self.find(number).await.map(Some),
            None => Ok(None),
        }
    }

    async fn begin(
        &self,
        system: &str,
        volume: &str,
        bytes: u64,
    ) -> std::result::Result<Intake, Fault> {
        let place = Place::System(self.id_of(system).await?).path();
        let proxy = SystemProxy::builder(self.client.connection()).path(place).build().await;
        let options = ReceiveOptions {
            volume: Some(volume.to_owned()),
            bytes: Some(bytes),
            incremental: true,
            explicit: true,
        };
        let proxy = proxy.map_err(|error| refused(&error))?;
        let path = match proxy.receive(&options.arguments()).await.map_err(|error| refused(&error))
        {
            Err(Fault::Gone) => return Err(no_system(system)),
            other => other?,
        };
        let Some(Place::Intake(number)) = Place::parse(path.as_str()) else {
            return Err(unavailable("the engine names no intake"));
        };
        self.find(number).await
    }

    async fn find(&self, number: u64) -> std::result::Result<Intake, Fault> {
        let view = self.view(number).await?;
        // What the engine has now goes before what is remembered: after its state was lost numbers
        // begin anew.
        if view.as_ref().is_none_or(|view| view.finished)
            && let Some(intake) = self.remembered(number).await?
            && view.as_ref().is_none_or(|view| view.since == intake.since)
        {
            return Ok(intake);
        }
        let view = view.ok_or(Fault::Gone)?;
        let system = self.name_of(&view).await?;
        let base = match Place::parse(view.base.as_str()) {
            Some(Place::Point(id)) => id.to_string(),
            _ => String::new(),
        };
        // One that was finished when nobody remembered it: finishing it says which job it is.
        let cause = "it was finished, and not by this receiver".to_owned();
        let next = "finish it again".to_owned();
        let stage = if view.finished { Stage::Failed { cause, next } } else { Stage::Open };
        Ok(Intake {
            number,
            system,
            volume: view.volume,
            bytes: view.bytes,
            base,
            since: view.since,
            stage,
        })
    }

    async fn write(
        &self,
        number: u64,
        offset: u64,
        body: Body,
    ) -> std::result::Result<Session, Fault> {
        self.writer(number).await?.write(offset, body).await
    }

    async fn zero(
        &self,
        number: u64,
        offset: u64,
        bytes: u64,
    ) -> std::result::Result<Session, Fault> {
        self.writer(number).await?.zero(offset, bytes).await
    }

    async fn flush(&self, number: u64) -> std::result::Result<Session, Fault> {
        self.writer(number).await?.flush().await
    }

    async fn finish(
        &self,
        number: u64,
        consistency: Consistency,
    ) -> std::result::Result<(), Fault> {
        let intake = self.find(number).await?;
        // Its connection ends before the intake does.
        self.book().writers.remove(&number);
        let options = FinishOptions { consistency: Some(consistency.as_str().to_owned()) };
        let finished = self.proxy(number).await?.finish(&options.arguments()).await;
        let path = finished.map_err(|error| refused(&error))?;
        let Some(Place::Job(job)) = Place::parse(path.as_str()) else {
            return Err(unavailable("the engine names no job"));
        };
        let Intake { system, volume, bytes, since, .. } = intake;
        self.remember(Finished { number, system, volume, bytes, since, job });
        Ok(())
    }

    async fn discard(&self, number: u64) -> std::result::Result<(), Fault> {
        self.book().writers.remove(&number);
        self.proxy(number).await?.discard().await.map_err(|error| refused(&error))
    }
}

/// How far an intake is whose job this is.
fn stage(job: &JobView) -> Stage {
    match job.state {
        JobState::Queued | JobState::Running | JobState::Waiting => Stage::Finishing,
        JobState::Done | JobState::Warned => match job.result.get("point") {
            Some(Fact::Text(point)) => Stage::Done { point: point.clone() },
            _ => Stage::Failed {
                cause: format!("job {} is done and names no recovery point", job.number),
                next: "look at the job on the box".to_owned(),
            },
        },
        JobState::Failed | JobState::Cancelled | JobState::Interrupted => {
            Stage::Failed { cause: job.cause.clone(), next: job.next_step.clone() }
        }
    }
}

fn unavailable(what: &str) -> Fault {
    Fault::Unavailable { what: what.to_owned() }
}

fn no_system(system: &str) -> Fault {
    Fault::Refused {
        what: format!("the plan of the box has no system {system}"),
        next: "apply a plan that has it".to_owned(),
    }
}

/// What an error of a view means.
fn failed(error: &ClientError) -> Fault {
    log::warn!("{error}");
    unavailable("the engine does not answer")
}

/// What an error of a call means.
fn refused(error: &zbus::Error) -> Fault {
    let Some(Refusal { kind, problem, next_step }) = Refusal::of(error) else {
        log::warn!("{error}");
        return unavailable("the engine does not answer");
    };
    match kind {
        RefusalKind::NotFound => Fault::Gone,
        RefusalKind::Busy | RefusalKind::Locked => Fault::Unavailable { what: problem },
        _ => Fault::Refused { what: problem, next: next_step },
    }
}
