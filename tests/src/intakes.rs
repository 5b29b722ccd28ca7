//! Disks that others write to the box, with programs that nobody here wrote.

use std::path::Path;
use std::process::{Command, Stdio};

use bus::{Fact, IntakeView, JobState, JobView, Object, Place, Refusal, Update};
use serde_json::json;

use crate::harness::{Bus, Engine, MIB, Machine, Pool, Random, SmallRoom, client, image, run_tool};

const PLAN: &str = "format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\n[[system]]\n\
    name = \"mail\"\nclient = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\ninterval = \"4h\"\n\
    retention = { daily = 7 }\nsource = { kind = \"push\" }\n";

/// A box whose plan has one system that is written to it.
struct Appliance {
    pool: Pool,
    bus: Bus,
    engine: Engine,
}

impl Appliance {
    fn new() -> Self {
        let pool = Pool::new(1, 1024);
        let bus = Bus::start(&pool.path(""));
        let engine = Engine::start(&pool, &bus, "");
        engine.apply(PLAN);
        Self { pool, bus, engine }
    }

    /// Kills the engine and starts another one.
    fn die(mut self) -> Self {
        self.engine.kill();
        self.engine = Engine::start(&self.pool, &self.bus, "");
        self
    }

    fn ask(&self, bytes: usize, options: &bus::ReceiveOptions) -> zbus::Result<IntakeView> {
        let options = bus::ReceiveOptions { bytes: Some(bytes as u64), ..options.clone() };
        let system = self.engine.system();
        let intake = self.engine.wait(async {
            let proxy = bus::SystemProxy::builder(self.engine.client.connection()).path(system);
            proxy.build().await.unwrap().receive(&options.arguments()).await
        })?;
        let place = Place::parse(intake.as_str()).unwrap();
        match self.engine.wait(self.engine.client.object(&place)) {
            Ok(Object::Intake(intake)) => Ok(intake),
            other => panic!("{other:?}"),
        }
    }

    /// A disk that becomes a recovery point when its clients leave.
    fn receive(&self, bytes: usize, incremental: bool) -> IntakeView {
        let options = bus::ReceiveOptions { incremental, ..Default::default() };
        self.ask(bytes, &options).expect("an intake")
    }

    /// Ends an intake for good: the job that takes it in.
    fn finish(&self, intake: &IntakeView) -> zbus::Result<u64> {
        let path = Place::Intake(intake.number).path();
        let job = self.engine.wait(async {
            let proxy = bus::IntakeProxy::builder(self.engine.client.connection()).path(path);
            proxy.build().await.unwrap().finish(&Default::default()).await
        })?;
        match Place::parse(job.as_str()) {
            Some(Place::Job(number)) => Ok(number),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until an intake is gone.
    fn gone(&self, intake: &IntakeView) {
        let place = Place::Intake(intake.number);
        self.engine.wait(async {
            let mut watch = self.engine.client.watch().await.unwrap();
            while self.engine.client.object(&place).await.is_ok() {
                while !matches!(watch.next().await, Some(Update::Gone(_)) | None) {}
            }
        });
    }

    /// The job that comes after so many.
    fn job(&self, number: u64) -> JobView {
        self.engine.until(number, |job| job.state.is_ended())
    }

    fn jobs(&self) -> usize {
        let objects = self.engine.objects();
        objects.iter().filter(|object| matches!(object, Object::Job(_))).count()
    }
}

fn uri(intake: &IntakeView) -> String {
    format!("nbd+unix:///?socket={}", intake.socket)
}

fn convert(image: &Path, intake: &IntakeView) -> Command {
    let mut convert = Command::new("qemu-img");
    convert.args(["convert", "-n", "-f", "raw", "-O", "raw"]).arg(image).arg(uri(intake));
    convert
}

fn fact<'a>(job: &'a JobView, name: &str) -> &'a Fact {
    job.result.get(name).unwrap_or_else(|| panic!("no {name} in {job:?}"))
}

fn bytes(job: &JobView, name: &str) -> u64 {
    match fact(job, name) {
        Fact::Number(number) => *number,
        other => panic!("{other:?}"),
    }
}

fn point(job: &JobView) -> String {
    match fact(job, "point") {
        Fact::Text(point) => point.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_somebody_writes_is_a_recovery_point_once_he_has_left() {
    let bench = Appliance::new();
    let mut content = image(201, 64 * MIB + 4096);
    let source = bench.pool.image("source", &content);
    let first = bench.receive(content.len(), true);
    assert_eq!(first.base.as_str(), "/", "there is nothing to lie above");
    run_tool(&mut convert(&source, &first));
    bench.gone(&first);
    let full = bench.job(1);
    assert_eq!(full.state, JobState::Done, "{full:?}");
    // Only what changed is written, and nothing can be read.
    let second = bench.receive(content.len(), true);
    assert_eq!(second.base, Place::Point(point(&full).parse().unwrap()).path());
    let mut thief = Command::new("qemu-img");
    thief.args(["convert", "-f", "raw", &uri(&second)]).arg(bench.pool.path("stolen"));
    let refused = refused_by(&mut thief);
    assert!(refused.contains("not permitted"), "{refused}");
    content[5 * MIB..5 * MIB + 65536].fill(0xa7);
    content[40 * MIB..41 * MIB].fill(0);
    let writes = ["write -P 0xa7 5M 64k", "write -z 40M 1M", "flush"];
    let mut writer = Command::new("qemu-io");
    writer.args(["-f", "raw"]).args(writes.iter().flat_map(|write| ["-c", write]));
    run_tool(writer.arg(uri(&second)));
    bench.gone(&second);
    let incremental = bench.job(2);
    assert_eq!(incremental.state, JobState::Done, "{incremental:?}");
    assert_eq!(bytes(&incremental, "bytes_read"), 65536 + MIB as u64);
    bench.engine.stop();
    assert!(bench.pool.restore(&point(&incremental)) == content);
}

fn refused_by(command: &mut Command) -> String {
    let output = command.output().expect("it can be started: it is in the package qemu-utils");
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).to_lowercase()
}

#[test]
fn several_connections_are_one_disk() {
    let bench = Appliance::new();
    let content = image(202, 96 * MIB);
    let source = bench.pool.image("source", &content);
    let intake = bench.receive(content.len(), false);
    if client("nbdcopy", &["--connections=4", &source.display().to_string(), &uri(&intake)])
        .is_none()
    {
        return;
    }
    bench.gone(&intake);
    let job = bench.job(1);
    assert_eq!(job.state, JobState::Done, "{job:?}");
    bench.engine.stop();
    assert!(bench.pool.restore(&point(&job)) == content);
}

#[test]
fn a_hypervisor_pushes_what_its_bitmap_says() {
    let bench = Appliance::new();
    let mut content = image(203, 64 * MIB);
    let mut machine = Machine::start(&bench.pool, &content);
    for round in 0..3 {
        let intake = bench.receive(content.len(), true);
        assert_eq!(intake.base.as_str() == "/", round == 0);
        push(&mut machine, &intake, round == 0);
        bench.gone(&intake);
        let job = bench.job(round + 1);
        assert_eq!(job.state, JobState::Done, "{job:?}");
        if round > 0 {
            assert_eq!(bytes(&job, "bytes_read"), 3 * 65536, "{job:?}");
        }
        let before = content.clone();
        for cluster in 0..3 {
            let at = (17 * cluster + 100 * round) as usize * 65536;
            machine.write(round as u8 + 1, at as u64, 65536);
            content[at..at + 65536].fill(round as u8 + 1);
        }
        if round == 2 {
            bench.engine.stop();
            assert!(bench.pool.restore(&point(&job)) == before);
            return;
        }
    }
}

/// Has QEMU write its disk, or what changed since it did that last, to an intake.
fn push(machine: &mut Machine, intake: &IntakeView, full: bool) {
    let server = json!({ "type": "unix", "path": intake.socket });
    machine
        .execute("blockdev-add", json!({ "driver": "nbd", "node-name": "box", "server": server }));
    let bitmap = json!({ "node": "system", "name": "pushed" });
    let job = json!({ "job-id": "push", "device": "system", "target": "box" });
    let with = |more: serde_json::Value| {
        let mut job = job.clone();
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "type": "blockdev-backup", "data": job })
    };
    let actions = match full {
        true => vec![
            json!({ "type": "block-dirty-bitmap-add", "data": bitmap }),
            with(json!({ "sync": "full" })),
        ],
        false => vec![with(json!({ "sync": "incremental", "bitmap": "pushed" }))],
    };
    machine.execute("transaction", json!({ "actions": actions }));
    while machine.execute("query-jobs", json!({})).as_array().is_some_and(|jobs| !jobs.is_empty()) {
    }
    machine.execute("blockdev-del", json!({ "node-name": "box" }));
}

#[test]
fn whoever_vanishes_leaves_nothing() {
    let bench = Appliance::new();
    let intake = bench.receive(8 * MIB, false);
    let mut writer = Command::new("qemu-io")
        .args(["-f", "raw", "-c", "write -P 7 0 1M", "-c", "flush", "-c", "sleep 60000"])
        .arg(uri(&intake))
        .stdout(Stdio::null())
        .spawn()
        .expect("it can be started: it is in the package qemu-utils");
    bench.engine.wait(async {
        let place = Place::Intake(intake.number);
        let mut watch = bench.engine.client.watch().await.unwrap();
        loop {
            match bench.engine.client.object(&place).await {
                Ok(Object::Intake(intake)) if intake.bytes_written > 0 => break,
                _ => drop(watch.next().await),
            }
        }
    });
    writer.kill().expect("it runs");
    writer.wait().expect("it ends");
    bench.gone(&intake);
    assert_eq!(bench.jobs(), 0);
    // Nor does an engine that goes on have anything of what nobody finished.
    let again = bench.receive(8 * MIB, false);
    let bench = bench.die();
    bench.gone(&again);
    assert!(bench.ask(8 * MIB, &bus::ReceiveOptions::default()).is_ok());
    bench.engine.stop();
    assert_eq!(bench.pool.points(), [""; 0]);
}

#[test]
fn an_explicit_intake_outlives_its_clients_and_the_engine() {
    let bench = Appliance::new();
    let mut content = vec![0; 32 * MIB];
    let explicit = bus::ReceiveOptions { explicit: true, ..Default::default() };
    let intake = bench.ask(content.len(), &explicit).expect("an intake");
    let busy = bench.ask(content.len(), &explicit).unwrap_err();
    assert!(Refusal::of(&busy).unwrap().to_string().contains("there already"), "{busy}");
    for round in 0..3_u8 {
        let at = usize::from(round) * 9 * MIB;
        Random(u64::from(round)).fill(&mut content[at..at + MIB]);
        let part = bench.pool.image(&format!("part{round}"), &content[at..at + MIB]);
        let write = format!("write -s {} {at} 1M", part.display());
        let mut writer = Command::new("qemu-io");
        writer.args(["-f", "raw", "-c", &write, "-c", "flush"]).arg(uri(&intake));
        run_tool(&mut writer);
        assert_eq!(bench.jobs(), 0, "nobody has finished it");
    }
    let bench = bench.die();
    let job = bench.finish(&intake).expect("it is there");
    assert_eq!(bench.finish(&intake).unwrap_or(job), job, "twice is once");
    // What was finished is taken in, whatever happens.
    let bench = bench.die();
    let job = bench.job(job);
    assert_eq!(job.state, JobState::Done, "{job:?}");
    bench.gone(&intake);
    assert!(bench.finish(&intake).is_err());
    bench.engine.stop();
    assert_eq!(bench.pool.points().len(), 1);
    assert!(bench.pool.restore(&point(&job)) == content);
}

#[test]
fn a_box_without_room_tells_who_writes_and_makes_no_point_of_it() {
    let pool = Pool::new(1, 256);
    let bus = Bus::start(&pool.path(""));
    let Some(_room) = SmallRoom::new(&pool.path("state"), 48 * MIB) else { return };
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(PLAN);
    let bench = Appliance { pool, bus, engine };
    let mut content = vec![0; 64 * MIB];
    Random(204).fill(&mut content);
    let source = bench.pool.image("source", &content);
    let intake = bench.receive(content.len(), false);
    let said = refused_by(&mut convert(&source, &intake));
    assert!(said.contains("no space"), "{said}");
    bench.gone(&intake);
    assert_eq!(bench.jobs(), 0);
    // One that stays as full as it may leaves the engine room to keep what it has to.
    let explicit = bus::ReceiveOptions { explicit: true, ..Default::default() };
    let intake = bench.ask(content.len(), &explicit).expect("an intake");
    let said = refused_by(&mut convert(&source, &intake));
    assert!(said.contains("no space"), "{said}");
    let free =
        client("df", &["--output=avail", "-B1", &bench.pool.path("state").to_string_lossy()]);
    let free: usize = free.expect("df").lines().last().expect("bytes").trim().parse().unwrap();
    // A sixteenth stays; what did not fit was a request of some MiB.
    assert!((3 * MIB..8 * MIB).contains(&free), "{free} bytes are left of 48 MiB");
    bench.engine.apply(&PLAN.replace("8h", "9h"));
    bench.engine.stop();
    assert_eq!(bench.pool.points(), [""; 0]);
}
