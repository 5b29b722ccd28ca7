//! A disk of a machine that runs, pulled by the engine through QEMU while it is written to.
//!
//! The machine is a real QEMU whose processors stand still: what a guest would write, QEMU's own
//! `qemu-io` writes through the same device, so it is known what was written when.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bus::{Fact, JobState, JobView, Place};
use serde_json::{Value, json};

use crate::harness::{Bus, Engine, MIB, Machine, Pool, Random, SmallRoom, image, run, run_tool};

const CLUSTER: u64 = 64 << 10;

fn plan(machine: &Machine) -> String {
    format!(
        "format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\nretry = {{ count = 1, \
         back-off = \"1s\" }}\n[[system]]\nname = \"mail\"\nclient = \"acme\"\nrpo = \"8h\"\n\
         rto = \"1h\"\ninterval = \"4h\"\nretention = {{ daily = 7 }}\n\
         source = {{ kind = \"qmp\", socket = {:?}, disks = [\"vda\"] }}\n",
        machine.socket.display().to_string()
    )
}

/// Wants the system ingested now; the job's number.
pub(crate) fn begin(engine: &Engine, full: bool) -> u64 {
    let system = engine.system();
    let job = engine.wait(async {
        let proxy = bus::SystemProxy::builder(engine.client.connection()).path(system);
        let options = bus::RunOptions { full, ..Default::default() };
        proxy.build().await.unwrap().run_now(&options.arguments()).await.unwrap()
    });
    match Place::parse(job.as_str()) {
        Some(Place::Job(number)) => number,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn pull(engine: &Engine, full: bool) -> JobView {
    let number = begin(engine, full);
    engine.until(number, |job| job.state.is_ended())
}

fn number(job: &JobView, name: &str) -> u64 {
    match job.result.get(name) {
        Some(Fact::Number(number)) => *number,
        other => panic!("{name}: {other:?} in {job:?}"),
    }
}

pub(crate) fn point(job: &JobView) -> String {
    match job.result.get("point") {
        Some(Fact::Text(point)) => point.clone(),
        other => panic!("{other:?} in {job:?}"),
    }
}

/// A machine, and what is on its disk.
struct Written {
    machine: Machine,
    content: Vec<u8>,
    random: Random,
}

impl Written {
    /// Writes to some clusters.
    fn write(&mut self, pattern: u8, clusters: u64) {
        for _ in 0..clusters {
            let all = self.content.len() / CLUSTER as usize;
            let start = self.random.below(all) as u64 * CLUSTER;
            self.machine.write(pattern, start, CLUSTER);
            self.content[start as usize..(start + CLUSTER) as usize].fill(pattern);
        }
    }
}

#[test]
fn a_machine_is_pulled_by_its_bitmap_and_each_point_is_its_disk_at_that_moment() {
    let pool = Pool::new(1, 1024);
    let bus = Bus::start(&pool.path(""));
    let content = image(101, 128 * MIB);
    let machine = Machine::start(&pool, &content);
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&machine));
    let mut written = Written { machine, content, random: Random(102) };
    let (mut points, mut raced) = (Vec::new(), false);
    // Two percent of the disk.
    let clusters = written.content.len() as u64 / CLUSTER / 50;
    for round in 0..4 {
        let number = begin(&engine, false);
        let expected = written.content.clone();
        // Once it is served the moment has passed: what is written now is in the next point.
        let is_over = || engine.until(number, |_| true).state.is_ended();
        while !written.machine.is_pulled() && !is_over() {}
        written.write(round + 1, clusters);
        raced |= written.machine.is_pulled();
        let job = engine.until(number, |job| job.state.is_ended());
        assert_eq!(job.state, JobState::Done, "{job:?}");
        if round > 0 {
            let (read, added) =
                (self::number(&job, "bytes_read"), self::number(&job, "bytes_added"));
            // One leaf of 16 MiB at most is read again to check the bitmap.
            assert!(read <= clusters * CLUSTER + (16 << 20), "{read} bytes were read");
            assert!(added < clusters * CLUSTER, "{added} bytes were added");
        }
        points.push((point(&job), expected));
    }
    assert!(raced, "nothing was written while a disk was pulled");
    assert_eq!(written.machine.bitmaps(), 1);
    assert!(written.machine.content() == written.content);
    engine.stop();
    for (point, bytes) in points {
        assert!(pool.restore(&point) == bytes, "{point}");
    }
}

/// A plan for all disks of a machine but those that are left out.
fn all_disks(machine: &Machine, excluded: &str) -> String {
    let plan = plan(machine).replace(", disks = [\"vda\"]", "");
    format!("{plan}excluded = [{excluded}]\n")
}

#[test]
fn disks_of_one_machine_are_of_one_moment_in_one_point() {
    let pool = Pool::new(1, 1024);
    let bus = Bus::start(&pool.path(""));
    let mut contents = [image(111, 32 * MIB), image(112, 48 * MIB)];
    let names = ["vda", "vdb", "vdc"];
    let paths: Vec<_> = names.iter().map(|name| pool.path(&format!("{name}.qcow2"))).collect();
    let third = vec![7; MIB];
    for (path, content) in paths.iter().zip(contents.iter().chain([&third])) {
        let raw = pool.image(&format!("content-{}", content.len()), content);
        run_tool(Command::new("qemu-img").args(["convert", "-O", "qcow2"]).args([&raw, path]));
    }
    let mut machine = Machine::with(&pool, paths[0].clone(), &[&paths[1], &paths[2]]);
    // The processors run: what they find is no system, but QEMU has to pause them.
    machine.execute("cont", json!({}));
    let mut engine = Engine::start(&pool, &bus, "");
    engine.apply(&all_disks(&machine, "\"vdc\""));
    let mut points = Vec::new();
    for round in 0..4 {
        let number = begin(&engine, false);
        let mut expected = contents.clone();
        let is_over = || engine.until(number, |_| true).state.is_ended();
        while !machine.is_pulled() && !is_over() {}
        for (content, name) in contents.iter_mut().zip(names) {
            let start = (5 + u64::from(round)) * CLUSTER;
            machine.write_to(name, 0xd0 + round, start, CLUSTER);
            content[start as usize..(start + CLUSTER) as usize].fill(0xd0 + round);
        }
        if round == 3 && !is_over() {
            engine.kill();
            // The next one does the job again, at a later moment.
            engine = Engine::start(&pool, &bus, "");
            expected = contents.clone();
        }
        let job = engine.until(number, |job| job.state.is_ended());
        assert_eq!(job.state, JobState::Done, "{job:?}");
        if round > 0 {
            // One cluster of each disk, and at most one leaf of each to check the bitmap.
            assert!(self::number(&job, "bytes_read") <= 2 * (CLUSTER + (16 << 20)), "{job:?}");
        }
        points.push((point(&job), expected));
        assert_eq!(machine.execute("query-status", json!({}))["running"], true);
    }
    drop(machine);
    engine.stop();
    for (point, expected) in points {
        let of_either = ["vda", "1"].map(|volume| pool.restore_volume(&point, volume));
        assert!(of_either == expected, "{point}");
        let whole = run(&mut pool.restore_to(&point, &pool.path("whole")));
        whole.refused("several volumes", "it has vda, vdb");
    }
}

#[test]
fn disks_that_change_places_are_not_taken_for_each_other() {
    let pool = Pool::new(1, 512);
    let bus = Bus::start(&pool.path(""));
    let contents = [image(114, 48 * MIB), image(115, 48 * MIB)];
    let paths = ["one", "other"].map(|name| pool.path(&format!("{name}.qcow2")));
    for (path, content) in paths.iter().zip(&contents) {
        let raw = pool.image(&format!("{}-raw", path.display()), content);
        run_tool(Command::new("qemu-img").args(["convert", "-O", "qcow2"]).args([&raw, path]));
    }
    let [one, other] = &paths;
    let machine = Machine::with(&pool, one.clone(), &[other]);
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&all_disks(&machine, ""));
    assert_eq!(pull(&engine, false).state, JobState::Done);
    drop(machine);
    // Both have a bitmap that says that nothing has changed since, and each the other's name.
    let machine = Machine::with(&pool, other.clone(), &[one]);
    let job = pull(&engine, false);
    drop(machine);
    engine.stop();
    let id = point(&job);
    let swapped = ["vdb", "vda"].map(|volume| pool.restore_volume(&id, volume));
    assert!(swapped == contents, "{job:?}");
}

#[test]
fn a_disk_that_is_new_is_no_sign_of_ransomware() {
    let pool = Pool::new(1, 512);
    let bus = Bus::start(&pool.path(""));
    let mut new = vec![0; 16 * MIB];
    Random(117).fill(&mut new);
    let paths = ["one", "new"].map(|name| pool.path(&format!("{name}.qcow2")));
    for (path, content) in paths.iter().zip([&image(116, 16 * MIB), &new]) {
        let raw = pool.image(&format!("{}-raw", path.display()), content);
        run_tool(Command::new("qemu-img").args(["convert", "-O", "qcow2"]).args([&raw, path]));
    }
    let [one, new] = &paths;
    let mut machine = Machine::on(&pool, one.clone());
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&all_disks(&machine, ""));
    for round in 0..8 {
        machine.write(round, 0, CLUSTER);
        assert_eq!(pull(&engine, false).state, JobState::Done);
    }
    drop(machine);
    let machine = Machine::with(&pool, one.clone(), &[new]);
    let job = pull(&engine, false);
    assert_eq!((job.state, job.cause.as_str()), (JobState::Done, ""), "{job:?}");
    drop(machine);
    engine.stop();
}

#[test]
fn a_machine_that_a_pull_has_paused_goes_on_when_the_engine_starts() {
    let pool = Pool::new(1, 256);
    let bus = Bus::start(&pool.path(""));
    let mut machine = Machine::start(&pool, &image(113, 4 * MIB));
    machine.execute("cont", json!({}));
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&machine));
    assert_eq!(pull(&engine, false).state, JobState::Done);
    engine.kill();
    // As a pull of several disks leaves it that ends in the middle.
    let mark = json!({ "driver": "null-co", "node-name": "holdfast-paused" });
    machine.execute("blockdev-add", mark);
    machine.execute("stop", json!({}));
    let engine = Engine::start(&pool, &bus, "");
    machine.until_running();
    // Somebody else's pause is left alone.
    machine.execute("stop", json!({}));
    assert_eq!(pull(&engine, false).state, JobState::Done);
    assert_eq!(machine.execute("query-status", json!({}))["status"], "paused");
    engine.stop();
}

#[test]
fn bitmaps_outlive_the_machine_and_one_that_lies_is_noticed() {
    let pool = Pool::new(1, 1024);
    let bus = Bus::start(&pool.path(""));
    let size = 64 * MIB as u64;
    let mut machine = Machine::start(&pool, &image(103, size as usize));
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&machine));
    assert_eq!(pull(&engine, false).state, JobState::Done);
    machine.write(0xa1, 5 * CLUSTER, CLUSTER);
    // It is switched off and on again.
    let disk = machine.disk.clone();
    machine.content();
    let mut machine = Machine::on(&pool, disk.clone());
    machine.write(0xa2, 9 * CLUSTER, CLUSTER);
    let job = pull(&engine, false);
    assert_eq!(job.state, JobState::Done, "{job:?}");
    assert!(number(&job, "bytes_read") <= (16 << 20) + 2 * CLUSTER, "{job:?}");
    // Somebody writes to the image behind the bitmap.
    let content = machine.content();
    assert!(content[5 * CLUSTER as usize] == 0xa1 && content[9 * CLUSTER as usize] == 0xa2);
    let (guest, file) = allocated(&disk);
    let image = std::fs::File::options().write(true).open(&disk).expect("the image");
    image.write_all_at(&[0xee; 4096], file).expect("the image");
    let machine = Machine::on(&pool, disk);
    let job = pull(&engine, true);
    assert_eq!(job.state, JobState::Warned, "{job:?}");
    assert_eq!(number(&job, "bytes_denied"), 4096, "{job:?}");
    assert!(job.cause.contains("bitmap"), "{job:?}");
    let content = machine.content();
    engine.stop();
    assert_eq!(content[guest as usize], 0xee);
    assert!(pool.restore(&point(&job)) == content);
}

/// A place of the disk with data, far from the beginning: where the guest has it, and the image.
fn allocated(disk: &Path) -> (u64, u64) {
    let output = Command::new("qemu-img")
        .args(["map", "--output=json"])
        .arg(disk)
        .output()
        .expect("it can be started: it is in the package qemu-utils");
    let map: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a list");
    let far = map.iter().filter(|part| part["start"].as_u64() > Some(16 << 20));
    let part = far.clone().find(|part| part["offset"].is_u64()).expect("data");
    (part["start"].as_u64().expect("a number"), part["offset"].as_u64().expect("a number"))
}

#[test]
fn a_machine_that_cannot_be_pulled_says_what_to_do() {
    let pool = Pool::new(1, 256);
    let bus = Bus::start(&pool.path(""));
    let machine = Machine::start(&pool, &image(104, 4 * MIB));
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&machine).replace("\"vda\"", "\"vdb\""));
    let job = pull(&engine, false);
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    assert!(job.cause.contains("vdb") && job.cause.contains("vda"), "{job:?}");
    drop(machine);
    let job = pull(&engine, false);
    assert!(job.next_step.contains("see that the machine runs"), "{job:?}");
    engine.stop();
}

#[test]
fn a_pull_that_is_cut_off_leaves_nothing_that_matters() {
    let pool = Pool::new(1, 1024);
    let bus = Bus::start(&pool.path(""));
    let content = image(105, 128 * MIB);
    let machine = Machine::start(&pool, &content);
    let mut engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&machine));
    let mut written = Written { machine, content, random: Random(106) };
    for round in 1..4 {
        let number = begin(&engine, true);
        engine.until(number, |job| job.state != JobState::Queued);
        std::thread::park_timeout(Duration::from_millis(60 * u64::from(round)));
        engine.kill();
        written.write(round, 20);
        // The next engine does the job again.
        engine = Engine::start(&pool, &bus, "");
        let job = engine.until(number, |job| job.state.is_ended());
        assert_eq!(job.state, JobState::Done, "{job:?}");
        written.write(round + 10, 20);
        let expected = written.content.clone();
        let job = pull(&engine, false);
        assert_eq!(job.state, JobState::Done, "{job:?}");
        assert!(pool_point(&engine, &pool, &job) == expected, "{job:?}");
        assert_eq!(written.machine.bitmaps(), 1);
    }
    engine.stop();
}

/// What a job made, restored by the engine.
fn pool_point(engine: &Engine, pool: &Pool, job: &JobView) -> Vec<u8> {
    let to = pool.path("restored");
    let place = Place::Point(point(job).parse().unwrap());
    let path = place.path();
    // A point is shown a moment after its job.
    engine.wait(async {
        let mut watch = engine.client.watch().await.expect("the engine answers");
        while engine.client.object(&place).await.is_err() {
            let _ = watch.next().await;
        }
    });
    let target = Some(to.display().to_string());
    let options = bus::RestoreOptions { target, ..Default::default() };
    let restore = engine.wait(async {
        let proxy = bus::PointProxy::builder(engine.client.connection()).path(path);
        proxy.build().await.unwrap().restore(&options.arguments()).await.unwrap()
    });
    let Some(Place::Job(number)) = Place::parse(restore.as_str()) else { panic!("{restore}") };
    let job = engine.until(number, |job| job.state.is_ended());
    assert_eq!(job.state, JobState::Done, "{job:?}");
    let bytes = std::fs::read(&to).expect("the restored image");
    std::fs::remove_file(&to).expect("the restored image");
    bytes
}

#[test]
fn somebody_elses_nbd_server_is_left_alone() {
    let pool = Pool::new(1, 256);
    let bus = Bus::start(&pool.path(""));
    let mut machine = Machine::start(&pool, &image(107, 4 * MIB));
    let at = pool.path("foreign").display().to_string();
    let at = json!({ "type": "unix", "data": { "path": at } });
    machine.execute("nbd-server-start", json!({ "addr": at }));
    let export = json!({ "type": "nbd", "id": "foreign", "node-name": "system", "name": "x" });
    machine.execute("block-export-add", export);
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&machine));
    let job = pull(&engine, false);
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    assert!(job.next_step.contains("NBD server"), "{job:?}");
    let exports = machine.execute("query-block-exports", json!({}));
    assert_eq!(exports[0]["id"], "foreign", "{exports}");
    engine.stop();
}

#[test]
fn a_guest_writes_on_when_there_is_no_room_for_what_it_overwrites() {
    let pool = Pool::new(1, 512);
    let bus = Bus::start(&pool.path(""));
    let Some(room) = SmallRoom::new(&pool.path("room"), 160 * MIB) else { return };
    let mut content = vec![0; 96 * MIB];
    Random(108).fill(&mut content);
    let (raw, disk) = (pool.image("content", &content), room.path("machine.qcow2"));
    run_tool(Command::new("qemu-img").args(["convert", "-O", "qcow2"]).args([&raw, &disk]));
    let machine = Machine::on(&pool, disk);
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&machine));
    let mut written = Written { machine, content, random: Random(109) };
    let number = begin(&engine, false);
    let is_over = || engine.until(number, |_| true).state.is_ended();
    while !written.machine.is_pulled() && !is_over() {}
    let mut filler = std::fs::File::create(room.path("filler")).expect("a new file");
    while filler.write_all(&[1; 4096]).is_ok() {}
    written.write(9, 100);
    let job = engine.until(number, |job| job.state.is_ended());
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    assert!(job.cause.contains("free"), "the second attempt has no room: {job:?}");
    assert_eq!(written.machine.execute("query-status", json!({}))["status"], "prelaunch");
    assert_eq!(written.machine.bitmaps(), 1);
    assert!(written.machine.content() == written.content, "a write of the guest's was lost");
    engine.stop();
}
