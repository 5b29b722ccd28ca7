//! An engine that is killed in the middle of all kinds of jobs, again and again on one pool: every
//! job goes on or is marked with its cause, every point is what was read, a machine on an export
//! goes on, and what somebody writes to the box is there as far as it was flushed.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use bus::{
    ExportOptions, Fact, JobKind, JobState, JobView, Object, Place, ReceiveOptions, ReclaimOptions,
    RestoreOptions, RunOptions, ScrubOptions, VerifyOptions,
};
use zbus::OwnedObjectPath;

use crate::harness::{Bus, Engine, MIB, Pool, QemuIo, Random, first_seed, run_tool, scaled};

/// Bytes of each image.
const IMAGE: usize = 12 * MIB;

/// What changes of an image at once.
const PIECE: usize = 256 << 10;

const SYSTEMS: [&str; 3] = ["mail", "files", "erp"];

/// Kills of a run of the tests.
const KILLS: usize = 6;

/// Room on each disk for what a kill leaves behind: an opening never writes on in the segments of
/// an earlier one, and all of a round stays.
const MIB_OF_A_KILL: usize = 192;

/// The most that happens on the bus before a kill.
const LATEST: usize = 60;

#[test]
fn an_engine_that_is_killed_amid_its_jobs_loses_nothing() {
    let seed = first_seed();
    let kills = scaled(KILLS);
    let mut scene = Scene::new(seed, kills);
    for round in 0..kills {
        println!("HOLDFAST_SEED={seed}, kill {round}");
        scene.kill_amid_jobs(round);
    }
    let Scene { amid, ready, jobs, .. } = scene;
    scene.end();
    println!(
        "R7: {kills} kills of the engine, {amid} jobs cut of {jobs}, ready within {ready:.1?}"
    );
    assert!(amid >= kills, "most were done before");
}

/// A box, what must be in it, and who uses it.
struct Scene {
    pool: Pool,
    bus: Bus,
    engine: Option<Engine>,
    random: Random,
    images: Vec<Vec<u8>>,
    /// What each recovery point must be.
    points: Vec<(String, Vec<u8>)>,
    /// A machine that runs from the first recovery point.
    machine: QemuIo,
    /// Jobs that have ended already.
    over: HashSet<u64>,
    amid: usize,
    jobs: usize,
    /// Longest time until an engine was ready again.
    ready: Duration,
}

impl Scene {
    fn new(seed: u64, kills: usize) -> Self {
        let pool = Pool::new(2, 512 + kills * MIB_OF_A_KILL);
        let bus = Bus::start(&pool.path(""));
        let mut random = Random(seed);
        let mut image = vec![0; IMAGE];
        random.fill(&mut image);
        let first = pool.take_bytes("first", &image);
        let engine = Engine::start(&pool, &bus, "");
        engine.apply(&plan(&pool));
        let options = ExportOptions { writable: true, ..Default::default() };
        let path = Place::Point(first.parse().unwrap()).path();
        let socket = engine.wait(async {
            let proxy = bus::PointProxy::builder(engine.client.connection()).path(path);
            let export = proxy.build().await.unwrap().export(&options.arguments()).await.unwrap();
            match engine.client.object(&Place::parse(export.as_str()).unwrap()).await {
                Ok(Object::Export(export)) => export.socket,
                other => panic!("{other:?}"),
            }
        });
        Self {
            images: vec![image.clone(); SYSTEMS.len()],
            points: vec![(first, image)],
            machine: QemuIo::on(&socket),
            ready: engine.ready_in,
            engine: Some(engine),
            over: HashSet::new(),
            amid: 0,
            jobs: 0,
            pool,
            bus,
            random,
        }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("it runs")
    }

    fn kill_amid_jobs(&mut self, round: usize) {
        self.change_images();
        let pushed = self.push(round);
        self.machine.does(&format!("write -f -P {} 1M 1M", round % 200 + 1), "wrote");
        self.begin_jobs(round);
        let moment = self.random.below(LATEST);
        self.let_happen(moment);
        self.amid += self.running();
        self.engine.take().expect("it runs").kill();
        let engine = Engine::start(&self.pool, &self.bus, "");
        self.ready = self.ready.max(engine.ready_in);
        self.engine = Some(engine);
        self.machine.does(&format!("read -P {} 1M 1M", round % 200 + 1), "read");
        let job = self.finish(&pushed.0);
        self.judge_jobs();
        let job = self.engine().until(job, |job| job.state.is_ended());
        self.points.push((point(&job), pushed.1));
    }

    /// Changes a part of each image that is taken in.
    fn change_images(&mut self) {
        for (name, image) in SYSTEMS.iter().zip(&mut self.images) {
            let pieces = image.len() / PIECE;
            for _ in 0..pieces / 4 {
                let at = self.random.below(pieces) * PIECE;
                self.random.fill(&mut image[at..at + PIECE]);
            }
            std::fs::write(self.pool.path(name), &*image).expect("room for an image");
        }
    }

    /// Writes and flushes a disk that nobody has finished yet.
    fn push(&mut self, round: usize) -> (OwnedObjectPath, Vec<u8>) {
        let mut content = vec![0; 4 * MIB];
        self.random.fill(&mut content[MIB..3 * MIB]);
        let part = self.pool.image(&format!("part{round}"), &content[MIB..3 * MIB]);
        let options =
            ReceiveOptions { bytes: Some(4 * MIB as u64), explicit: true, ..Default::default() };
        let engine = self.engine();
        let system = engine.system_named("pushed");
        let (path, socket) = engine.wait(async {
            let proxy = bus::SystemProxy::builder(engine.client.connection()).path(system);
            let path = proxy.build().await.unwrap().receive(&options.arguments()).await.unwrap();
            match engine.client.object(&Place::parse(path.as_str()).unwrap()).await {
                Ok(Object::Intake(intake)) => (path, intake.socket),
                other => panic!("{other:?}"),
            }
        });
        let write = format!("write -s {} 1M 2M", part.display());
        let mut writer = std::process::Command::new("qemu-io");
        writer.args(["-f", "raw", "-c", &write, "-c", "flush"]);
        run_tool(writer.arg(format!("nbd+unix:///?socket={socket}")));
        (path, content)
    }

    fn begin_jobs(&mut self, round: usize) {
        let oldest = self.points[self.random.below(self.points.len())].0.clone();
        let to = self.pool.path(&format!("restored{round}"));
        let engine = self.engine();
        let point = Place::Point(oldest.parse().unwrap()).path();
        let restore = RestoreOptions { target: Some(text(&to)), ..Default::default() };
        let systems = SYSTEMS.map(|name| engine.system_named(name));
        engine.wait(async {
            for path in systems {
                let proxy = bus::SystemProxy::builder(engine.client.connection()).path(path);
                let options = RunOptions::default();
                proxy.build().await.unwrap().run_now(&options.arguments()).await.unwrap();
            }
            let proxy = bus::PointProxy::builder(engine.client.connection()).path(point);
            proxy.build().await.unwrap().restore(&restore.arguments()).await.unwrap();
            let pool = engine.client.pool().await.unwrap();
            pool.scrub(&ScrubOptions::default().arguments()).await.unwrap();
            pool.verify(&VerifyOptions::default().arguments()).await.unwrap();
            pool.reclaim(&ReclaimOptions::default().arguments()).await.unwrap();
        });
    }

    /// Waits until so much has happened, or nothing happens any more.
    fn let_happen(&self, moment: usize) {
        let engine = self.engine();
        engine.wait(async {
            let mut watch = engine.client.watch().await.unwrap();
            for _ in 0..moment {
                let next = tokio::time::timeout(Duration::from_millis(300), watch.next());
                if next.await.is_err() {
                    break;
                }
            }
        });
    }

    fn jobs(&self) -> Vec<JobView> {
        let objects = self.engine().objects().into_iter();
        let jobs = objects.filter_map(|object| match object {
            Object::Job(job) => Some(job),
            _ => None,
        });
        jobs.collect()
    }

    fn running(&self) -> usize {
        self.jobs().iter().filter(|job| job.state == JobState::Running).count()
    }

    fn finish(&self, intake: &OwnedObjectPath) -> u64 {
        let engine = self.engine();
        let job = engine.wait(async {
            let proxy = bus::IntakeProxy::builder(engine.client.connection()).path(intake);
            proxy
                .build()
                .await
                .unwrap()
                .finish(&Default::default())
                .await
                .expect("it is there still")
        });
        match Place::parse(job.as_str()) {
            Some(Place::Job(number)) => number,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the end of all jobs. Each is done, or says why it is not.
    fn judge_jobs(&mut self) {
        let jobs = self.engine().all_over();
        let fresh: Vec<_> = jobs.into_iter().filter(|job| self.over.insert(job.number)).collect();
        self.jobs += fresh.len();
        for job in fresh {
            match (job.kind, job.state) {
                (JobKind::Ingest, JobState::Done) => {
                    if let Some(at) = SYSTEMS.iter().position(|name| *name == job.subject) {
                        self.points.push((point(&job), self.images[at].clone()));
                    }
                }
                // What it wrote to may be in use by now: somebody has to look.
                (JobKind::Restore, JobState::Interrupted) => {
                    assert!(!job.cause.is_empty(), "{job:?}")
                }
                (_, JobState::Done) => {}
                _ => panic!("{job:?}"),
            }
        }
    }

    /// Everything that was ever told to be there is, byte for byte.
    fn end(mut self) {
        drop(self.machine);
        self.engine.take().expect("it runs").stop();
        let there = self.pool.points();
        for (point, content) in &self.points {
            assert!(there.contains(point), "{point} is lost");
            assert!(self.pool.restore(point) == *content, "{point} is not what was read");
        }
    }
}

fn plan(pool: &Pool) -> String {
    let system = |name: &str, source: String| {
        format!(
            "[[system]]\nname = \"{name}\"\nclient = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\n\
             interval = \"4h\"\nretention = {{ everything = true }}\nsource = {source}\n"
        )
    };
    let image = |name: &&str| {
        let path = text(&pool.path(name));
        system(name, format!("{{ kind = \"image\", path = {path:?} }}"))
    };
    let systems: String = SYSTEMS.iter().map(image).collect();
    let pushed = system("pushed", "{ kind = \"push\" }".to_owned());
    format!("format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\n{systems}{pushed}")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn point(job: &JobView) -> String {
    match job.result.get("point") {
        Some(Fact::Text(point)) => point.clone(),
        other => panic!("{other:?} in {job:?}"),
    }
}
