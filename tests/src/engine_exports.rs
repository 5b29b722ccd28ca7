//! Recovery points that the engine serves as disks, over its death.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bus::{ExportView, Object, Place};

use crate::harness::{Bus, Engine, MIB, Pool, Random};

/// By then a command of QEMU's has come back, also one that waits for an engine that is away.
const PATIENCE: Duration = Duration::from_secs(60);

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
    let mut machine = Machine::on(&exported.socket);
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
    let mut machine = Machine::on(&first.socket);
    machine.does("write -f -P 0xab 1M 64k", "wrote 65536/65536");
    drop(machine);
    stop(&engine, first.number);
    let second = export(&engine, &point);
    let mut machine = Machine::on(&second.socket);
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

/// QEMU's disk layer on an export, which waits for a server that is away.
struct Machine {
    qemu: Child,
    commands: ChildStdin,
    says: Receiver<String>,
}

impl Machine {
    fn on(socket: &str) -> Self {
        let mut qemu = Command::new("qemu-io")
            .arg("--image-opts")
            .arg(format!("driver=nbd,server.type=unix,server.path={socket},reconnect-delay=60"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("qemu-io can be started: it is in the Debian package qemu-utils");
        let commands = qemu.stdin.take().expect("its input");
        let out = BufReader::new(qemu.stdout.take().expect("its output"));
        let (to, says) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if to.send(line).is_err() {
                    return;
                }
            }
        });
        Self { qemu, commands, says }
    }

    /// Has it do one thing, and waits until it says so: a second line that it reads together with
    /// the first would stay in its buffer.
    fn does(&mut self, command: &str, done: &str) {
        writeln!(self.commands, "{command}").expect("it runs");
        loop {
            let line = self.says.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("{command}: it says nothing more"));
            assert!(!line.contains("rror") && !line.contains("ailed"), "{command}: {line}");
            if line.contains(done) {
                return;
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
