//! A box that starts while a disk of its mirror is dead or gone.

use std::process::Command;

use bus::{DiskState, DiskView, Object, Place};

use crate::harness::{Asked, Engine, MIB, engine, image, run, text};

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

fn text_of(path: &std::path::Path) -> String {
    path.display().to_string()
}
