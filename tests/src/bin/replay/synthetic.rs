//! Recordings without a guest: what is checked here, checked itself.

use std::path::Path;
use std::sync::{Arc, Mutex};

use catalog::{Catalog, Uptime};
use disk::sim::{SimMachine, SimRng};
use disk::{Buffer, Disk, DiskFuture, SharedBuffer};
use futures_executor::block_on;
use ingest::{Compression, FileSource, Ingest, NewVolume, Options, Parent};
use model::{Consistency, PointId, PoolId, TenantId, WallTime};
use record::{Progress, TenantAccess};
use seal::{Backend, Keyring};
use serde_json::{Value, json};
use store::{Entropy, PoolLayout, Store};

use crate::campaign::Campaign;
use crate::log::tests::{head, request};
use crate::recording::{self, Flushes};

const DISK_BYTES: u64 = 16 << 20;
const LAYOUT: PoolLayout = PoolLayout { segment_bytes: 512 << 10, log_bytes: 64 << 10 };
const POOL: PoolId = PoolId([3; 16]);

/// What a host would have recorded so far.
#[derive(Debug, Default)]
struct Tape {
    trace: String,
    logs: Vec<Vec<u8>>,
}

/// A disk that is logged as QEMU does it.
#[derive(Debug)]
struct Logged {
    disk: Arc<dyn Disk>,
    number: usize,
    tape: Arc<Mutex<Tape>>,
}

impl Logged {
    fn note(&self, entry: Vec<u8>) {
        let mut tape = self.tape.lock().unwrap();
        let (at, bytes) = (tape.logs[self.number].len(), entry.len());
        tape.logs[self.number].extend(entry);
        let file = self.number;
        tape.trace += &format!("bdrv_co_pwritev_part bs {file} offset {at} bytes {bytes}\n");
    }
}

impl Disk for Logged {
    fn name(&self) -> &str {
        self.disk.name()
    }

    fn size(&self) -> u64 {
        self.disk.size()
    }

    fn read(&self, offset: u64, buffer: Buffer) -> DiskFuture<'_, Buffer> {
        self.disk.read(offset, buffer)
    }

    fn write(&self, offset: u64, data: SharedBuffer) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.disk.write(offset, data.clone()).await?;
            self.note(request(offset, 0, &data));
            Ok(())
        })
    }

    fn flush(&self) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.disk.flush().await?;
            self.note(request(0, 1, &[]));
            Ok(())
        })
    }
}

#[derive(Debug)]
struct Random(Mutex<SimRng>);

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        let mut rng = self.0.lock().unwrap();
        bytes.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8);
    }
}

/// Records, in `folder`, a pool on so many disks that takes two images in.
fn record(folder: &Path, disks: usize) {
    let machine = SimMachine::new(&vec![DISK_BYTES; disks]);
    let tape = Arc::new(Mutex::new(Tape::default()));
    for number in 0..disks {
        let mut tape = tape.lock().unwrap();
        tape.logs.push(head());
        let opened = format!("{number} filename \"/d/disk{number}.log\" format_name \"file\"");
        tape.trace += &format!("bdrv_open_common bs {opened}\n");
    }
    let logged =
        |(number, disk)| -> Arc<dyn Disk> { Arc::new(Logged { disk, number, tape: tape.clone() }) };
    let own = machine.disks().into_iter().enumerate().map(logged).collect();
    let random = Arc::new(Random(Mutex::new(SimRng::new(5))));
    let mut fill = |bytes: &mut [u8]| random.fill(bytes);
    let (mut keyring, root) = Keyring::create(POOL, &mut fill);
    let (_, kit) = keyring.add_kit(&root, "kit", WallTime(0), &mut fill).unwrap();
    keyring.add_tenant(&root, TenantId([4; 16]), WallTime(0), &mut fill).unwrap();
    let catalog = Arc::new(Catalog::default());
    let keys = keyring.encode();
    let store = Store::create(own, LAYOUT, &keys, POOL, random.clone(), catalog.clone());
    let store = block_on(store).unwrap();
    let mut lines = Vec::new();
    let mut say = |mut line: Value| {
        line["pool"] = "p".into();
        line["trace"] = tape.lock().unwrap().trace.len().into();
        lines.push(line);
    };
    say(json!({ "event": "end", "what": "create", "kit": kit.text().as_str() }));
    let tenant = keyring.unlock_with_kit(&kit).unwrap().tenants()[0].clone();
    let access = TenantAccess::new(store.clone(), tenant, Backend::default());
    for number in 0..2_u8 {
        let path = folder.join(format!("image{number}"));
        let mut image = vec![0; 300_000];
        random.fill(&mut image[..200_000]);
        std::fs::write(&path, image).unwrap();
        say(json!({ "event": "begin" }));
        let point = PointId([10 + number; 16]);
        take(&access, &catalog, &path, point);
        let point = point.to_string();
        say(json!({ "event": "end", "what": "take", "point": point, "image": number }));
    }
    block_on(store.close()).unwrap();
    let tape = tape.lock().unwrap();
    for (number, log) in tape.logs.iter().enumerate() {
        std::fs::write(folder.join(format!("disk{number}.log")), log).unwrap();
    }
    std::fs::write(folder.join("trace"), &tape.trace).unwrap();
    let disks: Vec<usize> = (0..disks).collect();
    let names: Vec<String> = disks.iter().map(|number| format!("disk{number}")).collect();
    let pool = json!({ "name": "p", "disks": names, "disk_bytes": DISK_BYTES, "ways": [disks] });
    let story = json!({ "images": 2, "pools": [pool], "lines": lines });
    std::fs::write(folder.join("story.json"), story.to_string()).unwrap();
}

fn take(access: &Arc<TenantAccess>, catalog: &Catalog, image: &Path, point: PointId) {
    let options = Options {
        system: "machine".into(),
        compression: Compression::Lz4,
        workers: 2,
        parent: Parent::Newest,
        point,
        consistency: Consistency::default(),
        now: WallTime(0),
        uptime: Uptime { boot: [1; 16], seconds: 1, proven: None },
    };
    let (source, progress) = (FileSource::open(image).unwrap(), Progress::default());
    let volumes = vec![NewVolume { name: "disk".into(), source: &source, hint: None }];
    Ingest { access, catalog, volumes, options, progress: &progress }.run().unwrap();
}

fn outcome(disks: usize, flushes: Flushes, damage: impl Fn(&Path)) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), disks);
    damage(folder.path());
    let recordings = recording::load(folder.path(), flushes).map_err(|error| error.to_string())?;
    let states = 2 * recordings[0].moments();
    let recording = &recordings[0];
    Campaign { recording, seed: 1, states, of_all: states, numbers: 0..states }.run()
}

#[test]
fn no_state_of_a_recording_loses_anything() {
    for disks in [1, 2] {
        let line = outcome(disks, Flushes::Kept, |_| {}).unwrap();
        assert!(line.contains("nothing lost"), "{line}");
    }
}

#[test]
fn flushes_that_the_disks_ignored_are_found_out() {
    for disks in [1, 2] {
        let finding = outcome(disks, Flushes::Lost, |_| {}).unwrap_err();
        assert!(finding.contains("--only "), "how to see it again: {finding}");
    }
}

#[test]
fn an_acknowledgement_that_came_too_early_is_found_out() {
    // As if the guest had been told of its second point at the moment when its ingest began.
    let too_early = |folder: &Path| {
        let path = folder.join("story.json");
        let mut story: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let begin = story["lines"][3]["trace"].clone();
        story["lines"][4]["trace"] = begin;
        std::fs::write(&path, story.to_string()).unwrap();
    };
    let finding = outcome(1, Flushes::Kept, too_early).unwrap_err();
    assert!(finding.contains("was acknowledged and is lost"), "{finding}");
}

#[test]
fn another_image_than_the_acknowledged_one_is_found_out() {
    let other_image = |folder: &Path| {
        let path = folder.join("image1");
        let mut image = std::fs::read(&path).unwrap();
        image[150_000] ^= 1;
        std::fs::write(&path, image).unwrap();
    };
    let finding = outcome(2, Flushes::Kept, other_image).unwrap_err();
    assert!(finding.contains("differs from its image"), "{finding}");
}
