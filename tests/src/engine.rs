//! The engine as those see it who talk to it over the bus, and the service manager.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bus::{DiskView, JobState, JobView, Object, Place};

use crate::harness::{Bus, Engine, MIB, Pool, Random, first_seed, run, scaled};

/// A plan that protects images, each as a system of its own.
fn plan(images: &[(&str, &Path)]) -> String {
    let mut text = "format = 1\n[[client]]\nname = \"acme\"\nzone = \"Europe/Berlin\"\n\
        retry = { count = 2, back-off = \"1s\" }\n"
        .to_owned();
    for (name, image) in images {
        text.push_str(&format!(
            "[[system]]\nname = {name:?}\nclient = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\n\
             interval = \"4h\"\nretention = {{ daily = 7 }}\n\
             source = {{ kind = \"image\", path = {:?} }}\n",
            image.display().to_string()
        ));
    }
    text
}

fn random(bytes: usize, seed: u64) -> Vec<u8> {
    let mut image = vec![0; bytes];
    Random(seed).fill(&mut image);
    image
}

fn done(job: &JobView) {
    assert_eq!(job.state, JobState::Done, "{job:?}");
}

#[test]
fn what_the_plan_says_is_done_and_can_be_seen_with_other_peoples_tools() {
    let pool = Pool::new(2, 256);
    let bus = Bus::start(&pool.path(""));
    let image = pool.image("mail.img", &random(4 * MIB, 1));
    let engine = Engine::start(&pool, &bus, "");
    assert!(engine.ready_in < Duration::from_secs(2), "{:?}", engine.ready_in);
    let told = engine.apply(&plan(&[("mail", &image)]));
    assert!(told.contains("mail") && told.contains("acme"), "{told}");
    run_systems(&engine);
    engine.all_over().iter().for_each(done);
    let tree = busctl(&bus, &["tree", "--list", "org.holdfast.Engine1"]);
    for path in ["/appliance", "/pool", "/disks/", "/systems/", "/points/", "/jobs/1"] {
        assert!(tree.contains(&format!("/org/holdfast{path}")), "{path} is not in {tree}");
    }
    let job = ["get-property", "org.holdfast.Engine1", "/org/holdfast/jobs/1"];
    let state = busctl(&bus, &[&job[..], &["org.holdfast.Job1", "State"]].concat());
    assert_eq!(state.trim(), "s \"done\"");
    let seen = run(&mut top(&pool, &bus)).done();
    assert_eq!((&seen["state"], &seen["verdict"]), (&"ready".into(), &"healthy".into()), "{seen}");
    assert_eq!(
        (&seen["jobs"][0]["subject"], &seen["jobs"][0]["state"]),
        (&"mail".into(), &"done".into())
    );
    engine.stop();
    // What is over is seen of the next engine, too.
    let engine = Engine::start(&pool, &bus, "");
    assert_eq!(engine.job_is(1, JobState::Done).subject, "mail");
    engine.stop();
    run(&mut top(&pool, &bus)).refused("no engine runs on this bus", "start holdfast-engine");
    let points = pool.points();
    assert_eq!(points.len(), 1);
    assert_eq!(pool.restore(&points[0]), random(4 * MIB, 1));
}

fn top(pool: &Pool, bus: &Bus) -> Command {
    let mut top = pool.bare(&["top", "--once"]);
    top.env(bus::ADDRESS_VARIABLE, &bus.address);
    top
}

fn busctl(bus: &Bus, words: &[&str]) -> String {
    let output = Command::new("busctl")
        .arg(format!("--address={}", bus.address))
        .args(words)
        .output()
        .expect("busctl can be started: it is in the Debian package systemd");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn signs_of_life_come_while_everything_answers() {
    let pool = Pool::new(1, 64);
    let bus = Bus::start(&pool.path(""));
    let engine = Engine::start(&pool, &bus, "");
    (0..3).for_each(|_| engine.hears("WATCHDOG=1"));
    assert!(engine.resident() < 50 << 20, "{} bytes", engine.resident());
}

#[test]
fn a_job_that_somebody_stops_ends_within_a_second() {
    let pool = Pool::new(1, 512);
    let bus = Bus::start(&pool.path(""));
    let image = pool.image("big.img", &random(96 * MIB, 2));
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&[("big", &image)]));
    run_systems(&engine);
    let job = engine.job_is(1, JobState::Running);
    let began = Instant::now();
    engine.wait(async {
        let path = Place::Job(job.number).path();
        let proxy = bus::JobProxy::builder(engine.client.connection()).path(path);
        proxy.build().await.unwrap().cancel().await.unwrap();
    });
    let ended = &engine.all_over()[0];
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(ended.state, JobState::Cancelled, "{ended:?}");
    engine.stop();
    assert!(pool.points().is_empty());
}

#[test]
fn an_engine_whose_bus_ends_stops_its_jobs_and_is_there_again_on_the_next() {
    let pool = Pool::new(1, 256);
    let path = pool.image("image", &random(48 * MIB, 77));
    let bus = Bus::start(&pool.path(""));
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&[("erp", &path)]));
    let slowed = engine.slowed();
    run_systems(&engine);
    engine.job_is(1, JobState::Running);
    drop(slowed);
    drop(bus);
    engine.fails();
    let bus = Bus::start(&pool.path(""));
    let engine = Engine::start(&pool, &bus, "");
    engine.all_over().iter().for_each(done);
}

#[test]
fn an_engine_that_is_killed_goes_on_with_its_jobs() {
    let seed = first_seed();
    let pool = Pool::new(1, 2048);
    let bus = Bus::start(&pool.path(""));
    let mut random_bytes = Random(seed);
    let images: Vec<Vec<u8>> = (0..3).map(|n| random(12 * MIB, seed + n)).collect();
    let paths: Vec<_> = images
        .iter()
        .enumerate()
        .map(|(n, image)| pool.image(&format!("{n}.img"), image))
        .collect();
    let names = ["a", "b", "c"];
    let systems: Vec<(&str, &Path)> =
        names.iter().zip(&paths).map(|(name, path)| (*name, path.as_path())).collect();
    let mut engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&systems));
    let kills = scaled(8);
    for round in 0..kills {
        println!("HOLDFAST_SEED={seed}, kill {round}");
        run_all(&engine);
        std::thread::park_timeout(Duration::from_millis(random_bytes.below(400) as u64));
        engine.kill();
        engine = Engine::start(&pool, &bus, "");
    }
    for job in engine.all_over() {
        let marked = !job.cause.is_empty() || job.state == JobState::Done;
        assert!(job.state.is_ended() && marked, "{job:?}");
    }
    let shown = engine.objects().iter().filter(|object| matches!(object, Object::Point(_))).count();
    engine.stop();
    let points = pool.points();
    assert_eq!(points.len(), shown);
    assert!(points.len() >= names.len());
    for point in points {
        assert!(images.contains(&pool.restore(&point)), "{point} is none of the images");
    }
    println!("R7: {kills} kills of the engine, {shown} recovery points, all of them right");
}

/// Wants every system ingested, and the pool verified, scrubbed and reclaimed.
fn run_all(engine: &Engine) {
    run_systems(engine);
    engine.wait(async {
        let pool = engine.client.pool().await.unwrap();
        pool.verify(&Default::default()).await.unwrap();
        pool.scrub(&Default::default()).await.unwrap();
        pool.reclaim(&Default::default()).await.unwrap();
    });
}

/// Wants every system of the plan ingested now: by itself each begins at a moment of its own.
fn run_systems(engine: &Engine) {
    let systems = engine.objects().into_iter().filter_map(|object| match object {
        Object::System(system) => Some(Place::System(system.id).path()),
        _ => None,
    });
    let systems: Vec<_> = systems.collect();
    assert!(!systems.is_empty());
    engine.wait(async {
        for path in systems {
            let proxy = bus::SystemProxy::builder(engine.client.connection()).path(path);
            proxy.build().await.unwrap().run_now(&Default::default()).await.unwrap();
        }
    });
}

#[test]
fn a_disk_that_came_over_the_bus_is_one_of_the_pools_at_the_next_start() {
    let pool = Pool::new(1, 256);
    let bus = Bus::start(&pool.path(""));
    let image = random(4 * MIB, 5);
    let point = pool.take_bytes("files.img", &image);
    let (second, third) = (new_disk(&pool, "second"), new_disk(&pool, "third"));
    let mut engine = Engine::start(&pool, &bus, "");
    engine.wait(async {
        let proxy = engine.client.pool().await.unwrap();
        proxy.add_disk(&second).await.unwrap();
    });
    engine.all_over().iter().for_each(done);
    engine.stop();
    engine = Engine::start(&pool, &bus, "");
    let disks = disks(&engine);
    assert_eq!(disks.len(), 2, "{disks:?}");
    // One that works is replaced while it serves, and leaves at the end.
    let old = disks.iter().find(|disk| disk.name == second).unwrap();
    let path = Place::Disk(old.id.parse().unwrap()).path();
    engine.wait(async {
        let proxy = bus::DiskProxy::builder(engine.client.connection()).path(path);
        proxy.build().await.unwrap().replace(&third).await.unwrap();
    });
    engine.all_over().iter().for_each(done);
    engine.stop();
    engine = Engine::start(&pool, &bus, "");
    let names: Vec<String> = self::disks(&engine).into_iter().map(|disk| disk.name).collect();
    assert!(names.len() == 2 && names.contains(&third), "{names:?}");
    engine.stop();
    let outcome = pool.path("out");
    let restore = ["restore", "--point", &point, "--degraded", "--to"];
    let mut alone = pool.on(&[Path::new(&third)], &restore);
    assert!(alone.arg(&outcome).status().expect("holdfast can be started").success());
    assert_eq!(std::fs::read(outcome).unwrap(), image);
}

fn new_disk(pool: &Pool, name: &str) -> String {
    let path = pool.path(name);
    let file = std::fs::File::create(&path).expect("room for a file");
    file.set_len(256 * MIB as u64).expect("a sparse file");
    path.display().to_string()
}

fn disks(engine: &Engine) -> Vec<DiskView> {
    let objects = engine.objects().into_iter().filter_map(|object| match object {
        Object::Disk(disk) => Some(disk),
        _ => None,
    });
    objects.collect()
}
