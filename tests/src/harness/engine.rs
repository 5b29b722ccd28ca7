//! An engine on a private bus, and what is seen of it there.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bus::{Client, JobState, JobView, Object, Place, SystemView, Update};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::runtime::Runtime;
use zbus::connection::Builder;

use super::{Pool, engine};

/// By then everything has happened that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an engine that is slowed runs, and how long it stands still after that.
const SLOWED: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(36));

/// A message bus of the test's own. It ends with the test.
#[derive(Debug)]
pub(crate) struct Bus {
    daemon: Child,
    pub(crate) address: String,
}

impl Bus {
    pub(crate) fn start(folder: &Path) -> Self {
        let config = folder.join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:dir={}</listen>\
             <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
             <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            folder.display()
        );
        std::fs::write(&config, text).expect("room for a small file");
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon can be started: it is in the Debian package dbus-daemon");
        let out = daemon.stdout.take().expect("its output");
        let mut address = String::new();
        BufReader::new(out).read_line(&mut address).expect("its address");
        Self { daemon, address: address.trim().to_owned() }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// An engine that runs, with a client that watches it.
#[derive(Debug)]
pub(crate) struct Engine {
    process: Child,
    runtime: Runtime,
    pub(crate) client: Client,
    /// What it tells the service manager. It is taken at once: who tells waits for that.
    told: Receiver<String>,
    /// From its start until it was ready.
    pub(crate) ready_in: Duration,
}

impl Engine {
    /// Starts an engine on a pool, with more lines in its configuration, and waits until it says
    /// that it is ready.
    pub(crate) fn start(pool: &Pool, bus: &Bus, more: &str) -> Self {
        let config = configure(pool, bus, more);
        let socket = pool.path("notify");
        let _ = std::fs::remove_file(&socket);
        let told = listen(UnixDatagram::bind(&socket).expect("a socket"));
        let began = Instant::now();
        let process = Command::new(engine())
            .arg("--config")
            .arg(config)
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", "600000")
            .spawn()
            .expect("the engine can be started");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        wait_for(&told, "READY=1");
        let ready_in = began.elapsed();
        let connecting = Builder::address(bus.address.as_str()).build();
        let connection = runtime.block_on(connecting).expect("the bus answers");
        Self { process, runtime, client: Client::over(connection), told, ready_in }
    }

    /// Waits for something to happen on the bus.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, future).await.expect("it happens within a minute")
        })
    }

    /// Waits for what the engine tells the service manager.
    pub(crate) fn hears(&self, words: &str) {
        wait_for(&self.told, words);
    }

    /// Puts a plan in force.
    pub(crate) fn apply(&self, plan: &str) -> String {
        self.wait(async {
            let appliance = self.client.appliance().await.unwrap();
            appliance.apply_plan(plan, false).await.expect("the plan is taken")
        })
    }

    pub(crate) fn objects(&self) -> Vec<Object> {
        self.wait(self.client.objects()).expect("the engine answers")
    }

    /// Waits until all jobs are over, and gives them.
    pub(crate) fn all_over(&self) -> Vec<JobView> {
        self.wait(async {
            let mut watch = self.client.watch().await.expect("the engine answers");
            loop {
                let jobs = self.client.objects().await.expect("the engine answers");
                let jobs: Vec<JobView> = jobs
                    .into_iter()
                    .filter_map(|object| match object {
                        Object::Job(job) => Some(job),
                        _ => None,
                    })
                    .collect();
                if !jobs.is_empty() && jobs.iter().all(|job| job.state.is_ended()) {
                    return jobs;
                }
                while !matches!(watch.next().await, Some(Update::Edge(_)) | None) {}
            }
        })
    }

    /// Waits until a job is in a state.
    pub(crate) fn job_is(&self, number: u64, state: JobState) -> JobView {
        self.wait(async {
            let mut watch = self.client.watch().await.expect("the engine answers");
            loop {
                let place = Place::Job(number);
                if let Ok(Object::Job(job)) = self.client.object(&place).await
                    && job.state == state
                {
                    return job;
                }
                let _ = watch.next().await;
            }
        })
    }

    /// Waits until a job is as is wanted.
    pub(crate) fn until(&self, number: u64, is_it: impl Fn(&JobView) -> bool) -> JobView {
        self.wait(async {
            let mut watch = self.client.watch().await.expect("the engine answers");
            loop {
                let job = self.client.object(&Place::Job(number)).await;
                if let Ok(Object::Job(job)) = job
                    && is_it(&job)
                {
                    return job;
                }
                let _ = watch.next().await;
            }
        })
    }

    /// Waits until something is shown: a point is, a moment after its job.
    pub(crate) fn shows(&self, place: &Place) {
        self.wait(async {
            let mut watch = self.client.watch().await.expect("the engine answers");
            while self.client.object(place).await.is_err() {
                let _ = watch.next().await;
            }
        });
    }

    /// The path of the one protected system there is.
    pub(crate) fn system(&self) -> zbus::OwnedObjectPath {
        self.find_system(|_| true)
    }

    /// The path of a protected system.
    pub(crate) fn system_named(&self, name: &str) -> zbus::OwnedObjectPath {
        self.find_system(|system| system.name == name)
    }

    fn find_system(&self, is_it: impl Fn(&SystemView) -> bool) -> zbus::OwnedObjectPath {
        let system = self.objects().into_iter().find_map(|object| match object {
            Object::System(system) if is_it(&system) => Some(Place::System(system.id).path()),
            _ => None,
        });
        system.expect("the system of the plan")
    }

    /// Bytes of memory that the engine has resident.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most bytes of memory that the engine ever had resident.
    pub(crate) fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).expect("the engine runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a line");
        let kib = line.trim().strip_suffix("kB").expect("its unit").trim().parse::<u64>();
        kib.expect("a number") * 1024
    }

    /// Lets it have a tenth of the time, until what this gives is dropped.
    pub(crate) fn slowed(&self) -> Slowed {
        let engine = Pid::from_raw(self.process.id().cast_signed());
        let (end, ended) = channel();
        let slowing = std::thread::spawn(move || {
            let goes_on = |time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            while goes_on(SLOWED.0) {
                kill(engine, Signal::SIGSTOP).expect("the engine runs");
                let stays = goes_on(SLOWED.1);
                kill(engine, Signal::SIGCONT).expect("the engine runs");
                if !stays {
                    return;
                }
            }
        });
        Slowed { end: Some(end), slowing: Some(slowing) }
    }

    /// Ends it at once, as a power failure would.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("the engine runs");
        self.process.wait().expect("the engine ends");
    }

    /// Waits until it ends by itself, as one does that has failed.
    pub(crate) fn fails(mut self) {
        assert_eq!(self.process.wait().expect("the engine ends").code(), Some(1));
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) {
        let pid = Pid::from_raw(self.process.id().cast_signed());
        kill(pid, Signal::SIGTERM).expect("the engine runs");
        assert!(self.process.wait().expect("the engine ends").success());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An engine is slow for as long as this is there.
#[derive(Debug)]
pub(crate) struct Slowed {
    end: Option<Sender<()>>,
    slowing: Option<JoinHandle<()>>,
}

impl Drop for Slowed {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.slowing.take().map(JoinHandle::join);
    }
}

/// Takes whatever is told, for as long as somebody wants to know.
fn listen(socket: UnixDatagram) -> Receiver<String> {
    let (to, told) = channel();
    std::thread::spawn(move || {
        let mut message = [0; 4096];
        while let Ok(length) = socket.recv(&mut message) {
            if to.send(String::from_utf8_lossy(&message[..length]).into_owned()).is_err() {
                return;
            }
        }
    });
    told
}

fn wait_for(told: &Receiver<String>, words: &str) {
    loop {
        let message = told.recv_timeout(PATIENCE);
        if message.expect("the engine tells something within a minute").contains(words) {
            return;
        }
    }
}

fn configure(pool: &Pool, bus: &Bus, more: &str) -> PathBuf {
    let disks: Vec<String> =
        pool.disks.iter().map(|disk| format!("{:?}", disk.display().to_string())).collect();
    let text = format!(
        "disks = [{}]\npassphrase_file = \"passphrase\"\nstate = \"state\"\nruntime = \"run\"\n\
         bus = {:?}\n{more}",
        disks.join(", "),
        bus.address
    );
    let path = pool.path("engine.toml");
    std::fs::write(&path, text).expect("room for a small file");
    path
}
