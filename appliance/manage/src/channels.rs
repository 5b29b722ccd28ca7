//! Alerts out: what the engine shows is told by the channels that the MSP has set up.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::AlertView;
use notify::{Channel, ChannelStatus, Event, EventKind, Notifier, NotifyError, Problem, Settings};

use crate::error::{ManageError, Result};
use crate::notices::Planned;
use crate::own_alerts::OwnAlerts;
use crate::requests::Request;
use crate::server::{Server, now};
use crate::state::RecordKind;

/// Longest settings, in bytes.
pub(crate) const SETTINGS: usize = 256 << 10;

/// How often it is looked at what was promised, and what could not be kept is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// The folder within that of the state.
const FOLDER: &str = "notify";

/// The channels, and the file that they are kept in.
#[derive(Debug)]
pub(crate) struct Channels {
    file: PathBuf,
    pub(crate) notifier: Notifier,
    /// Why the file that was there at the start is not used. Whoever changes the channels holds it,
    /// so that what is kept is what is in force.
    unused: Mutex<Option<String>>,
}

/// What other settings would change.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) lines: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// Clients that they name.
    pub(crate) clients: Vec<String>,
}

/// Why settings are not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    Settings(Vec<Problem>),
    /// Who may set channels up must not have the box send what he cannot read.
    SecretFile(PathBuf),
    Inside(ManageError),
}

impl Channels {
    /// Opens what is kept in the folder of the state. Settings that cannot be read are left as they
    /// are and not used: the portal says so, and the box is managed all the same.
    pub(crate) fn open(state: &Path) -> Result<Self> {
        let folder = state.join(FOLDER);
        let failed = |source| ManageError::File { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(failed)?;
        let file = folder.join("channels.toml");
        let (settings, unused) = match read(&file) {
            Ok(settings) => (settings, None),
            Err(error) => {
                log::error!("nobody is told of alerts: {}: {error}", file.display());
                (Settings::default(), Some(error))
            }
        };
        let notifier = Notifier::open(&folder, settings)?;
        if let Some(aside) = notifier.put_aside() {
            log::error!("what waited to be told was damaged and is now {}", aside.display());
        }
        Ok(Self { file, notifier, unused: Mutex::new(unused) })
    }

    /// Forgets channels and what waits for them.
    pub(crate) fn forget(state: &Path) -> Result<()> {
        let path = state.join(FOLDER);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(ManageError::File { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Why settings that are there are not used.
    pub(crate) fn unused(&self) -> Option<String> {
        self.changing().clone()
    }

    pub(crate) fn status(&self) -> Result<Vec<ChannelStatus>> {
        Ok(self.notifier.status()?)
    }

    /// Sends a test to whomever the worst of alerts about the appliance would be told.
    pub(crate) fn tell_test(&self, appliance: &str) -> Result<()> {
        let test = AlertView {
            code: "test".into(),
            severity: 10,
            subject: "test message".into(),
            cause: "Somebody wants to see that alerts arrive.".into(),
            since: now(),
            ..AlertView::default()
        };
        let event = Event { kind: EventKind::Test, ..event(&test, appliance, None) };
        Ok(self.notifier.tell(event)?)
    }

    /// Puts other settings in force, or says what they would change.
    pub(crate) fn apply(
        &self,
        text: &str,
        dry_run: bool,
    ) -> std::result::Result<Difference, Refused> {
        let mut unused = self.changing();
        let former = self.notifier.settings();
        let parsed = Settings::parse(text, Some(&former));
        let Some(settings) = parsed.settings else {
            return Err(Refused::Settings(parsed.problems));
        };
        if let Some(path) = settings.channels.iter().find_map(|one| new_file(&former, one)) {
            return Err(Refused::SecretFile(path.to_owned()));
        }
        let lines = changes(&former, &settings);
        let warnings = parsed.problems.iter().map(Problem::to_string).collect();
        let clients = settings.clients().into_iter().map(str::to_owned).collect();
        if !dry_run {
            keep(&self.file, &settings.to_toml()).map_err(|source| {
                Refused::Inside(ManageError::File { path: self.file.clone(), source })
            })?;
            self.notifier.apply(settings).map_err(|error| Refused::Inside(error.into()))?;
            *unused = None;
        }
        Ok(Difference { lines, warnings, clients })
    }

    fn changing(&self) -> MutexGuard<'_, Option<String>> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the notifier know of all alerts, for as long as there is news of them.
pub(crate) async fn follow(server: Arc<Server>) {
    let (mut alerts, mut own_alerts) = (server.world.alerts(), OwnAlerts::default());
    loop {
        tokio::select! {
            changed = alerts.changed() => if changed.is_err() { return },
            () = server.requested.notified() => {}
            // A promise breaks without a word, and so does an engine.
            () = tokio::time::sleep(AGAIN) => {}
        }
        own_alerts.look(&server).await;
        let also = own_alerts.events(&server.channels.notifier.settings(), &server.name);
        let (own, all) = (server.clone(), alerts.borrow_and_update().clone());
        let told = tokio::task::spawn_blocking(move || own.tell(all.as_deref(), also)).await;
        if let Ok(Err(error)) = told {
            log::error!("what is to be told of alerts is not kept: {error}");
        }
    }
}

impl Server {
    /// Hands over all that there is to tell: alerts, if the engine has shown them since this
    /// service began, what this service sees itself, restores that wait, and changes that are
    /// planned.
    fn tell(&self, alerts: Option<&[AlertView]>, mut events: Vec<Event>) -> Result<()> {
        let portal = self.claim.addresses().first();
        let page = portal.map_or_else(String::new, |address| format!("{address}#/requests"));
        for request in self.state.records::<Request>(RecordKind::Request)? {
            events.extend(request.events(now(), &self.name, &page));
        }
        let page = portal.map_or_else(String::new, |address| format!("{address}#/notices"));
        for change in self.state.records::<Planned>(RecordKind::Notice)? {
            events.extend(change.events(now(), &self.name, &page));
        }
        match alerts {
            Some(alerts) => {
                events.extend(alerts.iter().map(|alert| event(alert, &self.name, portal)));
                self.channels.notifier.shown(events)?;
            }
            // Nobody knows whether what was told before is over.
            None => self.channels.notifier.also(events)?,
        }
        self.keep_receipts()
    }

    /// Notes which clients were told of changes.
    fn keep_receipts(&self) -> Result<()> {
        let receipts = self.channels.notifier.receipts()?;
        for receipt in &receipts {
            let told = |change: &mut Planned| {
                change.told(&receipt.client, u64::try_from(receipt.at).unwrap_or_default());
                Ok::<_, std::convert::Infallible>(())
            };
            let _ = self.state.change_record(RecordKind::Notice, receipt.number, told)?;
        }
        receipts.last().map_or(Ok(()), |last| Ok(self.channels.notifier.forget_receipts(last)?))
    }
}

/// An alert that is there, as the notifier knows it.
fn event(alert: &AlertView, appliance: &str, portal: Option<&String>) -> Event {
    Event {
        kind: EventKind::Raised,
        number: alert.number,
        code: alert.code.clone(),
        severity: u8::try_from(alert.severity.clamp(1, 10)).unwrap_or(10),
        priority: alert.priority.clone(),
        side: alert.side.as_str().to_owned(),
        client: alert.client.clone(),
        subject: alert.subject.clone(),
        cause: alert.cause.clone(),
        next_step: alert.next_step.clone(),
        since: alert.since,
        acknowledged_by: alert.acknowledged_by.clone(),
        appliance: appliance.to_owned(),
        portal: portal.map_or_else(String::new, |address| format!("{address}#/alerts")),
        figures: Vec::new(),
        receipt: false,
    }
}

/// The file that a channel's secret is in, unless the channel had it there before and leads to
/// where it led.
fn new_file<'a>(former: &Settings, channel: &'a Channel) -> Option<&'a Path> {
    let path = channel.kind.secret_file()?;
    let is_as_before = former.channel(&channel.name).is_some_and(|before| {
        before.kind.secret_file() == Some(path) && channel.kind.leads_like(&before.kind)
    });
    (!is_as_before).then_some(path)
}

/// What is there, not there any more and different, by name, with a sign in front.
fn changes(former: &Settings, settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    for channel in &settings.channels {
        let (name, kind) = (&channel.name, channel.kind.as_str());
        match former.channel(name) {
            None => lines.push(format!("+ channel {name}: {kind} to {}", channel.kind.peer())),
            Some(before) if before != channel => {
                lines.push(format!("~ channel {name}: {kind} to {}", channel.kind.peer()));
            }
            Some(_) => {}
        }
    }
    let gone = former.channels.iter().filter(|one| settings.channel(&one.name).is_none());
    lines.extend(gone.map(|one| format!("- channel {}", one.name)));
    let (before, after) = (&former.routes, &settings.routes);
    if before != after {
        lines.push(format!("~ routes: {} where there were {}", after.len(), before.len()));
    }
    for agreement in &settings.agreements {
        if !former.agreements.contains(agreement) {
            lines.push(format!("+ agreement {}: {}", agreement.client, agreement.kind.as_str()));
        }
    }
    let (before, after) = (&former.mailings, &settings.mailings);
    if before != after {
        lines.push(format!("~ reports by mail: {} where there were {}", after.len(), before.len()));
    }
    let gone = former.agreements.iter().filter(|one| !settings.agreements.contains(one));
    lines.extend(gone.map(|one| format!("- agreement {}: {}", one.client, one.kind.as_str())));
    lines
}

/// The settings of a file; those of a box that tells nobody if there is none.
fn read(file: &Path) -> std::result::Result<Settings, String> {
    let mut text = String::new();
    match File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Settings::default());
        }
        opened => opened
            .and_then(|file| file.take(2 * SETTINGS as u64).read_to_string(&mut text))
            .map_err(|error| error.to_string())?,
    };
    Settings::parse(&text, None).into_settings().map_err(|error: NotifyError| error.to_string())
}

/// Writes a file that only this service reads. It is there as a whole, or as it was before.
fn keep(file: &Path, text: &str) -> std::io::Result<()> {
    let part = file.with_extension("toml.part");
    let mut options = File::options();
    let mut open = options.write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    open.write_all(text.as_bytes())?;
    open.sync_all()?;
    fs::rename(&part, file)?;
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "format = 1\n[[channel]]\nname = \"desk\"\nkind = \"webhook\"\n\
        url = \"https://hooks.example/x\"\nsecret = \"canary-0123456789abcdef\"\n\
        [[route]]\nchannels = [\"desk\"]\n";

    #[test]
    fn what_is_applied_is_in_force_also_after_a_restart_and_shows_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let channels = Channels::open(folder.path()).unwrap();
        let would = channels.apply(TEXT, true).unwrap();
        let lines =
            ["+ channel desk: webhook to hooks.example:443", "~ routes: 1 where there were 0"];
        assert_eq!(would.lines, lines);
        assert_eq!(channels.notifier.settings(), Settings::default());
        channels.apply(TEXT, false).unwrap();
        let shown = channels.notifier.settings().shown();
        assert!(shown.contains("desk") && !shown.contains("canary"), "{shown}");
        drop(channels);
        let channels = Channels::open(folder.path()).unwrap();
        assert!(channels.apply(&shown, true).unwrap().lines.is_empty(), "the same");
        let gone = channels.apply("format = 1\n", true).unwrap();
        assert_eq!(gone.lines, ["- channel desk", "~ routes: 0 where there were 1"]);
        let mode = fs::metadata(folder.path().join("notify/channels.toml")).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
    }

    #[test]
    fn nobody_has_the_box_send_a_file_that_he_cannot_read() {
        let folder = tempfile::tempdir().unwrap();
        let channels = Channels::open(folder.path()).unwrap();
        let text =
            TEXT.replace("secret = \"canary-0123456789abcdef\"", "secret_file = \"/key.pem\"");
        let refused = channels.apply(&text, true).unwrap_err();
        assert!(matches!(refused, Refused::SecretFile(path) if path == Path::new("/key.pem")));
        // What was written by root into the file stays as it is.
        fs::write(folder.path().join("notify/channels.toml"), &text).unwrap();
        let channels = Channels::open(folder.path()).unwrap();
        assert!(channels.apply(&text, false).unwrap().lines.is_empty());
        // But it goes to whom root has it sent.
        let elsewhere = text.replace("hooks.example", "evil.example");
        assert!(matches!(channels.apply(&elsewhere, false), Err(Refused::SecretFile(_))));
    }

    #[test]
    fn settings_that_cannot_be_read_stay_and_are_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("notify")).unwrap();
        let file = folder.path().join("notify/channels.toml");
        fs::write(&file, "format = 1\n[[chanel]]\n").unwrap();
        let channels = Channels::open(folder.path()).unwrap();
        assert!(channels.unused().unwrap().contains("chanel"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "format = 1\n[[chanel]]\n");
        channels.apply(TEXT, false).unwrap();
        assert_eq!(channels.unused(), None);
        Channels::forget(folder.path()).unwrap();
        assert!(!file.exists());
    }
}
