//! A box that starts while a disk of its mirror is dead or gone.

use std::process::Command;
use std::time::{Duration, Instant};

use bus::{DiskState, DiskView, Object, Place};

use crate::harness::{Asked, Engine, MIB, Pool, engine, image, run, text};

/// What is taken in before a disk goes, and after.
const BYTES: usize = 3 * MIB;

fn disks(engine: &Engine) -> Vec<DiskView> {
    let objects = engine.objects().into_iter().filter_map(|object| match object {
        Object::Disk(disk) => Some(disk),
        _ => None,
    });
    objects.collect()
}

fn start(asked: &mut Asked) {
    asked.engine = Some(Engine::start(&asked.pool, &asked.bus, "disk_wait_seconds = 1\n"));
}

#[test]
fn a_box_starts_without_a_disk_that_died_and_takes_it_back() {
    let mut asked = Asked::start(2, 128);
    let (before, after) = (image(821, BYTES), image(822, BYTES));
    asked.take("before.img", &before);
    asked.stop();
    let [kept, gone] = [0, 1].map(|at| asked.pool.disks[at].clone());
    let away = gone.with_extension("away");
    std::fs::rename(&gone, &away).expect("a disk that is pulled");
    start(&mut asked);
    let missing = disks(asked.engine()).into_iter().find(|disk| disk.state == DiskState::Missing);
    let missing = missing.expect("it is shown which");
    let point = asked.take("after.img", &after);
    asked.stop();

    // The one that was pulled holds what was before. Alone it is no pool.
    std::fs::rename(&away, &gone).expect("a disk that is put in");
    let hidden = kept.with_extension("away");
    std::fs::rename(&kept, &hidden).expect("a disk that is pulled");
    let mut refused = Command::new(engine());
    refused.arg("--config").arg(asked.pool.path("engine.toml"));
    let outcome = run(&mut refused);
    assert!(outcome.code != Some(0), "it may not go on from what is old");
    assert!(outcome.stderr.contains(&kept.display().to_string()), "{}", outcome.stderr);

    // With both it goes on from what is new, and the other is taken back when somebody says so.
    std::fs::rename(&hidden, &kept).expect("a disk that is put in");
    start(&mut asked);
    let engine = asked.engine();
    let returned = disks(engine).into_iter().find(|disk| disk.id == missing.id);
    let returned = returned.expect("it is shown");
    assert_eq!((returned.state, returned.name), (DiskState::Stale, text_of(&gone)));
    let place = Place::Disk(missing.id.parse().expect("an id"));
    engine.wait(async { engine.client.begin(&place, "Return", &()).await }).expect("a resync");
    engine.all_over();
    assert!(disks(engine).iter().all(|disk| disk.state == DiskState::Active));
    asked.stop();
    std::fs::remove_file(&kept).expect("a disk that dies");
    start(&mut asked);
    let restored = asked.pool.path("restored");
    let restore = asked.ask(&["restore", "--point", &point, "--to", &text_of(&restored)]);
    assert!(text(&restore.done(), "point") == point);
    assert!(std::fs::read(restored).expect("the file") == after);
}

#[test]
fn a_disk_that_lacks_something_is_filled_without_being_asked() {
    let mut asked = Asked::start(1, 128);
    let bytes = image(823, BYTES);
    let point = asked.take("before.img", &bytes);
    asked.stop();
    let new = asked.pool.path("new");
    let words = ["disk", "add", "--no-resync", "--size", "128MiB", &text_of(&new)];
    run(&mut asked.pool.locked(&words)).done();
    asked.pool.disks.push(new.clone());
    start(&mut asked);
    let engine = asked.engine();
    // Each end of a job is a moment at which the engine looks.
    let began = Instant::now();
    while disks(engine).iter().any(|disk| disk.state != DiskState::Active) {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", disks(engine));
        asked.ask(&["verify"]).done();
    }
    asked.stop();
    asked.pool.disks.remove(0);
    let mut restore =
        asked.pool.command(&["restore", "--degraded", "--point", &point, "--to", "-"]);
    assert!(run(&mut restore).stdout == bytes);
}

#[test]
fn a_disk_of_another_pool_and_one_that_left_do_not_keep_a_box_from_starting() {
    let mut asked = Asked::start(2, 128);
    let bytes = image(824, BYTES);
    let point = asked.take("before.img", &bytes);
    let other = disks(asked.engine()).into_iter().find(|disk| disk.name.ends_with("disk1"));
    let other = other.expect("the second disk").id;
    asked.stop();
    // Somebody takes it out behind the engine's back, as a crash would right after it was told to.
    let path = asked.pool.disks[1].clone();
    run(&mut asked.pool.locked(&["disk", "remove", "--yes", "--member", "1"])).done();
    start(&mut asked);
    assert!(disks(asked.engine()).iter().all(|disk| disk.id != other));
    asked.stop();
    let strange = Pool::new(1, 128);
    std::fs::copy(&strange.disks[0], &path).expect("room for a disk");
    start(&mut asked);
    let restored =
        asked.ask(&["restore", "--point", &point, "--to", &text_of(&asked.pool.path("to"))]);
    restored.done();
    assert!(std::fs::read(asked.pool.path("to")).expect("the file") == bytes);
}

fn text_of(path: &std::path::Path) -> String {
    path.display().to_string()
}
