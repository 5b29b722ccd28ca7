//! Recovery points that the engine serves as disks, over its death.

use bus::{ExportView, Object, Place};

use crate::harness::{Bus, Engine, MIB, Pool, QemuIo, Random};

fn random(bytes: usize, seed: u64) -> Vec<u8> {
    let mut image = vec![0; bytes];
    Random(seed).fill(&mut image);
    image
}

#[test]
fn a_machine_on_an_export_does_not_notice_that_the_engine_was_killed() {
    let pool = Pool::new(1, 256);
    let bus = Bus::start(&pool.path(""));
    let image = random(4 * MIB, 3);
    let point = pool.take_bytes("machine.img", &image);
    let engine = Engine::start(&pool, &bus, "");
    let exported = export(&engine, &point);
    let mut machine = QemuIo::on(&exported.socket);
    // Written and flushed in one: what QEMU says then is on the disk.
    machine.does("write -f -P 0xab 1M 64k", "wrote 65536/65536");
    engine.kill();
    let engine = Engine::start(&pool, &bus, "");
    machine.does("read -P 0xab 1M 64k", "read 65536/65536");
    machine.does("write -f -P 0xcd 2M 64k", "wrote 65536/65536");
    machine.does("read -P 0xcd 2M 64k", "read 65536/65536");
    drop(machine);
    engine.stop();
    assert_eq!(pool.restore(&point), image, "what a machine writes is not the point's");
}

#[test]
fn an_export_has_nothing_of_one_that_ended() {
    let pool = Pool::new(1, 256);
    let bus = Bus::start(&pool.path(""));
    let point = pool.take_bytes("machine.img", &vec![7; 4 * MIB]);
    let mut engine = Engine::start(&pool, &bus, "");
    let first = export(&engine, &point);
    let mut machine = QemuIo::on(&first.socket);
    machine.does("write -f -P 0xab 1M 64k", "wrote 65536/65536");
    drop(machine);
    stop(&engine, first.number);
    let second = export(&engine, &point);
    let mut machine = QemuIo::on(&second.socket);
    machine.does("read -P 7 1M 64k", "read 65536/65536");
    drop(machine);
    stop(&engine, second.number);
    engine.stop();
    // Nor does an engine that starts anew count from the beginning.
    engine = Engine::start(&pool, &bus, "");
    let third = export(&engine, &point);
    assert!(third.number > second.number && second.number > first.number);
    engine.stop();
}

/// Serves a point with an overlay.
fn export(engine: &Engine, point: &str) -> ExportView {
    let path = Place::Point(point.parse().unwrap()).path();
    let options = bus::ExportOptions { writable: true, ..Default::default() };
    let exported = engine.wait(async {
        let proxy = bus::PointProxy::builder(engine.client.connection()).path(path);
        proxy.build().await.unwrap().export(&options.arguments()).await.unwrap()
    });
    let place = Place::parse(exported.as_str()).unwrap();
    match engine.wait(engine.client.object(&place)) {
        Ok(Object::Export(export)) => export,
        other => panic!("{other:?}"),
    }
}

/// Ends an export, and leaves its overlay.
fn stop(engine: &Engine, number: u64) {
    let path = Place::Export(number).path();
    engine.wait(async {
        let proxy = bus::ExportProxy::builder(engine.client.connection()).path(path);
        proxy.build().await.unwrap().stop(false).await.unwrap();
    });
}
