//! Does what the console asks for, and says how it went.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::time::Duration;

use bus::{Client, ClientError, ExportOptions, Object, Place, Refusal, RestoreOptions};
use model::PointId;
use nix::fcntl::OFlag;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;
use zbus::Fd;

use super::engine::Engine;
use super::system::System;
use crate::config::Config;
use crate::network::{self, Setting};
use crate::state::{Effect, Input, Secret};

/// Most that is under way at the same time. Nobody types faster than that is done.
const AT_ONCE: usize = 8;

/// How long one may take. What takes longer is a job of the engine, which goes on by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// How something went, for people.
type Told = Result<String, String>;

/// Does one thing after the other was begun, without waiting for any.
pub(super) struct Performer {
    world: Arc<World>,
    to: Sender<Input>,
    room: Arc<Semaphore>,
}

struct World {
    config: Config,
    engine: Engine,
}

impl Performer {
    pub(super) fn new(config: Config, engine: Engine, to: Sender<Input>) -> Self {
        let world = Arc::new(World { config, engine });
        Self { world, to, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    pub(super) fn begin(&self, effect: Effect) {
        let (world, to) = (self.world.clone(), self.to.clone());
        let room = self.room.clone().try_acquire_owned();
        tokio::spawn(async move {
            let Ok(_held) = room else {
                let text = "What was asked for before is not done yet; try again then.";
                let _ = to.send(Input::Told(text.to_owned())).await;
                return;
            };
            let told = match timeout(PATIENCE, world.perform(effect)).await {
                Ok(Ok(text)) => text,
                Ok(Err(text)) => format!("Not done: {text}"),
                Err(_) => "There was no answer within a minute; it may still be done.".to_owned(),
            };
            let _ = to.send(Input::Told(told)).await;
        });
    }
}

impl World {
    async fn perform(&self, effect: Effect) -> Told {
        match effect {
            Effect::Unlock(secret) => self.unlock(&secret).await,
            Effect::Cancel(job) => {
                self.call(&Place::Job(job), "Cancel", &()).await?;
                Ok(format!("Job {job} is asked to end."))
            }
            Effect::Acknowledge { alert, by } => {
                self.call(&Place::Alert(alert), "Acknowledge", &by).await?;
                Ok(format!("Alert {alert} is taken on by {by}."))
            }
            Effect::Restore { point, volume, target, overwrite } => {
                self.restore(point, volume, target, overwrite).await
            }
            Effect::Export { point, volume } => self.export(point, volume).await,
            Effect::StopExport(export) => {
                self.call(&Place::Export(export), "Stop", &false).await?;
                Ok(format!("Export {export} has ended."))
            }
            Effect::Network { interface, setting } => self.network(interface, setting).await,
            Effect::NewCode => {
                self.system().await?.restart_manage().await.map_err(other)?;
                Ok("The management daemon starts anew and makes a new code.".to_owned())
            }
            Effect::Restart => {
                self.system().await?.reboot().await.map_err(other)?;
                Ok("The box restarts.".to_owned())
            }
            Effect::PowerOff => {
                self.system().await?.power_off().await.map_err(other)?;
                Ok("The box shuts down.".to_owned())
            }
            Effect::FactoryReset => self.factory_reset().await,
            // Those are the terminal's.
            Effect::Redraw | Effect::Quit => Ok(String::new()),
        }
    }

    fn client(&self) -> Result<Client, String> {
        self.engine.client().ok_or_else(|| "the bus cannot be reached; see whether it runs".into())
    }

    async fn call<B>(&self, place: &Place, method: &str, body: &B) -> Result<(), String>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        self.client()?.call::<_, ()>(place, method, body).await.map_err(refused)
    }

    /// The secret goes through a pipe, which has room for all of it: no message holds it.
    async fn unlock(&self, secret: &Secret) -> Told {
        let failed = |error: std::io::Error| format!("{error}; try again");
        let (reader, mut writer) = std::io::pipe().map_err(failed)?;
        writer.write_all(secret.bytes()).map_err(failed)?;
        drop(writer);
        let passphrase = Fd::from(OwnedFd::from(reader));
        self.call(&Place::Appliance, "Unlock", &passphrase).await?;
        Ok("The engine has its keys.".to_owned())
    }

    async fn restore(
        &self,
        point: PointId,
        volume: Option<String>,
        target: String,
        overwrite: bool,
    ) -> Told {
        let options = RestoreOptions { volume, target: Some(target), overwrite };
        let body = (options.arguments(),);
        let begun = self.client()?.begin(&Place::Point(point), "Restore", &body).await;
        match begun.map_err(refused)? {
            Place::Job(job) => Ok(format!("The restore is job {job}: see Jobs.")),
            _ => Ok("The restore has begun: see Jobs.".to_owned()),
        }
    }

    async fn export(&self, point: PointId, volume: Option<String>) -> Told {
        let options = ExportOptions { volume, writable: false, listen: None };
        let body = (options.arguments(),);
        let client = self.client()?;
        let begun = client.begin(&Place::Point(point), "Export", &body).await.map_err(refused)?;
        match client.object(&begun).await {
            Ok(Object::Export(export)) => {
                Ok(format!("Export {} is at {}", export.number, export.socket))
            }
            _ => Ok("It is exported: see the list of Recovery.".to_owned()),
        }
    }

    async fn network(&self, interface: String, setting: Setting) -> Told {
        let (folder, text) = (self.config.network.clone(), setting.file(&interface));
        let shown = folder.display().to_string();
        let saved = on_thread(move || network::save(&folder, &interface, &text)).await;
        let path =
            saved.map_err(|error| format!("{shown}: {error}; see whether it is writable"))?;
        let path = path.display();
        let reloaded = match self.system().await {
            Ok(system) => system.reload_network().await,
            Err(_) => Ok(false),
        };
        match reloaded {
            Ok(true) => Ok(format!("{path} is written and in force.")),
            Ok(false) => {
                Ok(format!("{path} is written. It takes effect after a restart: no networkd."))
            }
            Err(error) => Err(format!("{path} is written, but networkd says: {}", other(error))),
        }
    }

    async fn factory_reset(&self) -> Told {
        let (reset, folder) = (self.config.reset.clone(), self.config.network.clone());
        let shown = reset.display().to_string();
        let done = on_thread(move || {
            // The folder is another's, who must not lead this one elsewhere by a link or a pipe.
            let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
            let mut options = std::fs::File::options();
            options.write(true).create(true).custom_flags(flags).open(&reset)?.sync_all()?;
            network::forget(&folder)
        });
        let removed = done.await.map_err(|error| format!("{shown}: {error}; try again"))?;
        let system = self.system().await?;
        system.restart_manage().await.map_err(other)?;
        let when = match system.reload_network().await {
            Ok(true) => "",
            _ => ", which takes effect after a restart",
        };
        Ok(format!("The box forgets its owner. {removed} network files are removed{when}."))
    }

    async fn system(&self) -> Result<System, String> {
        let address = self.config.system_bus.as_deref();
        System::connect(address).await.map_err(other)
    }
}

/// Files may take their time.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// Why the engine did not do it.
fn refused(error: ClientError) -> String {
    if error.is_absence() {
        return "the engine is not running; see: systemctl status holdfast-engine".into();
    }
    let ClientError::Call(call) = &error else { return error.to_string() };
    Refusal::of(call).map_or_else(|| format!("{error}: {call}"), |refusal| refusal.to_string())
}

/// Why somebody else did not do it.
fn other(error: zbus::Error) -> String {
    format!("{error}; see the journal of the box")
}
