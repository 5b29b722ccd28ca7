//! Ten ingests, two restores and a scrub are wanted at once: restores go before ingests, as many
//! ingests run as memory is for, and whoever is told to stop stops.

use std::time::{Duration, Instant};

use bus::{JobView, Object, Place, RestoreOptions, RunOptions, ScrubOptions};

use crate::harness::{Bus, Engine, MIB, Pool, Random, scaled};

/// Ingests at once, each of a system of its own.
const INGESTS: usize = 10;

/// MiB of each image.
const IMAGE_MIB: usize = 48;

/// What the engine may take for jobs, as it counts them: with two processors, six ingests beside
/// what is left to restores and a resync.
const MEMORY_MIB: u64 = 1536;

/// What it really takes with these ingests and all else, in MiB, without the restores. With two
/// processors 390 to 610 were measured, 290 of them counted for two restores.
const OTHERS_MIB: u64 = 480;

/// What the engine may take at most, in MiB: a restore has workers for each processor.
fn most_mib() -> u64 {
    let processors = std::thread::available_parallelism().map_or(2, |count| count.get() as u64);
    OTHERS_MIB + 2 * 24 * (processors + 4)
}

#[test]
fn restores_go_before_ingests_and_memory_has_a_bound() {
    let bench = Bench::new(scaled(IMAGE_MIB));
    let alone = bench.restore_two("alone");
    bench.begin_ingests();
    let pool = bench.engine.wait(bench.engine.client.pool()).unwrap();
    let options = ScrubOptions::default();
    bench.engine.wait(pool.scrub(&options.arguments())).unwrap();
    bench.wait_for_running();
    let beside = bench.restore_two("beside");
    let ingesting = bench.running();
    let cancelled = bench.cancel_all();
    let peak = bench.engine.peak() / MIB as u64;
    println!(
        "shares: two restores at {:.0} MB/s alone and {:.0} MB/s beside {INGESTS} ingests and a \
         scrub ({:.2}); peak {peak} MiB; {} jobs cancelled within {:.2?}",
        alone,
        beside,
        beside / alone,
        cancelled.len(),
        cancelled.iter().max().copied().unwrap_or_default(),
    );
    assert!(ingesting > 0, "the ingests were over before the restores");
    assert!(peak <= most_mib(), "{peak} MiB");
    assert!(cancelled.iter().all(|time| *time < Duration::from_secs(5)), "{cancelled:?}");
}

struct Bench {
    pool: Pool,
    _bus: Bus,
    engine: Engine,
    points: Vec<String>,
    bytes: usize,
}

impl Bench {
    /// A pool with two points of these sizes and ten systems that have none.
    fn new(mib: usize) -> Self {
        let pool = Pool::new(1, 24 * mib + 512);
        let bus = Bus::start(&pool.path(""));
        let mut bytes = vec![0; mib * MIB];
        let mut points = Vec::new();
        for number in 0..INGESTS + 2 {
            half_random(&mut bytes, number as u64);
            let path = pool.path(&format!("image{number}"));
            std::fs::write(&path, &bytes).expect("room for an image");
            if number >= INGESTS {
                points.push(pool.take(&path));
            }
        }
        let limits = format!("[limits]\nmemory_mib = {MEMORY_MIB}\n");
        let engine = Engine::start(&pool, &bus, &limits);
        engine.apply(&plan(&pool));
        Self { pool, _bus: bus, engine, points, bytes: bytes.len() }
    }

    /// Restores two points at once: megabytes a second of both together.
    fn restore_two(&self, name: &str) -> f64 {
        let began = Instant::now();
        let jobs: Vec<u64> = (0..2)
            .map(|number| {
                let to = self.pool.path(&format!("{name}{number}")).display().to_string();
                let options = RestoreOptions { target: Some(to), ..Default::default() };
                let path = Place::Point(self.points[number].parse().unwrap()).path();
                let job = self.engine.wait(async {
                    let proxy =
                        bus::PointProxy::builder(self.engine.client.connection()).path(path);
                    proxy.build().await.unwrap().restore(&options.arguments()).await.unwrap()
                });
                numbered(job.as_str())
            })
            .collect();
        for job in jobs {
            let job = self.engine.until(job, |job| job.state.is_ended());
            assert_eq!(job.cause, "", "{job:?}");
        }
        2.0 * self.bytes as f64 / 1e6 / began.elapsed().as_secs_f64()
    }

    fn begin_ingests(&self) {
        for number in 0..INGESTS {
            let path = self.engine.system_named(&format!("system{number}"));
            self.engine.wait(async {
                let proxy = bus::SystemProxy::builder(self.engine.client.connection()).path(path);
                let options = RunOptions::default();
                proxy.build().await.unwrap().run_now(&options.arguments()).await.unwrap();
            });
        }
    }

    fn jobs(&self) -> Vec<JobView> {
        let objects = self.engine.objects().into_iter();
        let jobs = objects.filter_map(|object| match object {
            Object::Job(job) if !job.state.is_ended() => Some(job),
            _ => None,
        });
        jobs.collect()
    }

    fn running(&self) -> usize {
        self.jobs().iter().filter(|job| job.state == bus::JobState::Running).count()
    }

    /// Waits until something is being taken in.
    fn wait_for_running(&self) {
        self.engine.wait(async {
            let mut watch = self.engine.client.watch().await.unwrap();
            loop {
                let objects = self.engine.client.objects().await.unwrap();
                let is_at_work = |object: &Object| match object {
                    Object::Job(job) => job.kind == bus::JobKind::Ingest && job.bytes_done > 0,
                    _ => false,
                };
                if objects.iter().any(is_at_work) {
                    return;
                }
                let _ = watch.next().await;
            }
        });
    }

    /// Cancels all jobs, one after the other: how long each took to end.
    fn cancel_all(&self) -> Vec<Duration> {
        let cancel = |job: JobView| {
            let began = Instant::now();
            let path = Place::Job(job.number).path();
            // One that has just ended is over as well.
            let _ = self.engine.wait(async {
                let proxy = bus::JobProxy::builder(self.engine.client.connection()).path(path);
                proxy.build().await.unwrap().cancel().await
            });
            self.engine.until(job.number, |job| job.state.is_ended());
            began.elapsed()
        };
        self.jobs().into_iter().map(cancel).collect()
    }
}

/// Blocks that compress and blocks that do not, in turn.
fn half_random(bytes: &mut [u8], seed: u64) {
    let mut random = Random(seed);
    for (number, block) in bytes.chunks_mut(32 << 10).enumerate() {
        match number % 2 {
            0 => random.fill(block),
            _ => block.fill(seed as u8 + 1),
        }
    }
}

fn numbered(path: &str) -> u64 {
    match Place::parse(path) {
        Some(Place::Job(number)) => number,
        other => panic!("{other:?}"),
    }
}

fn plan(pool: &Pool) -> String {
    let system = |number: usize| {
        let path = pool.path(&format!("image{number}")).display().to_string();
        format!(
            "[[system]]\nname = \"system{number}\"\nclient = \"acme\"\nrpo = \"8h\"\n\
             rto = \"1h\"\ninterval = \"4h\"\nretention = {{ everything = true }}\n\
             source = {{ kind = \"image\", path = {path:?} }}\n"
        )
    };
    let systems: String = (0..INGESTS).map(system).collect();
    let limits = format!("[limits]\ningests = {INGESTS}\n");
    format!("format = 1\n{limits}[[client]]\nname = \"acme\"\nzone = \"UTC\"\n{systems}")
}
