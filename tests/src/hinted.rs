//! Ingests that are told what has changed: they read that and no more, and what they are told is
//! checked.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use catalog::{Catalog, Uptime};
use disk::Access;
use futures_executor::block_on;
use ingest::{
    Compression, Dirty, FileSource, Hint, Ingest, NewVolume, Options, Parent, Recheck, Report,
    Source,
};
use model::{Consistency, PointId, WallTime};
use record::{Progress, TenantAccess};

use crate::harness::{MIB, Pool, Random, image};

/// Bytes that a bitmap of QEMU's stands for with one bit, unless it is told otherwise.
const CLUSTER: u64 = 64 << 10;

/// A source that counts what is read from it.
#[derive(Debug)]
struct Counted {
    source: FileSource,
    read: AtomicU64,
}

impl Counted {
    fn open(path: &Path) -> Self {
        Self { source: FileSource::open(path).expect("an image"), read: AtomicU64::new(0) }
    }
}

impl Source for Counted {
    fn name(&self) -> String {
        self.source.name()
    }

    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.source.read(offset, buffer)
    }

    fn data(&self, range: Range<u64>) -> io::Result<Option<Range<u64>>> {
        self.source.data(range)
    }
}

fn take_in(
    access: &Arc<TenantAccess>,
    catalog: &Catalog,
    source: &Counted,
    point: u8,
    hint: Option<Hint>,
) -> Report {
    let options = Options {
        system: "machine".to_owned(),
        compression: Compression::default(),
        workers: 2,
        parent: Parent::Newest,
        point: PointId([point; 16]),
        consistency: Consistency::default(),
        now: WallTime(point.into()),
        uptime: Uptime { boot: [1; 16], seconds: point.into(), proven: None },
    };
    let progress = Progress::default();
    let volumes = vec![NewVolume { name: "disk".to_owned(), source, hint }];
    let ingest = Ingest { access, catalog, volumes, options, progress: &progress };
    ingest.run().expect("room for the image")
}

/// Writes to clusters here and there, some of them with zeroes, and gives all of them.
fn write_some(path: &Path, clusters: u64, seed: u64) -> Vec<Range<u64>> {
    let file = File::options().write(true).open(path).expect("an image");
    let all = file.metadata().expect("an image").len() / CLUSTER;
    let mut random = Random(seed);
    let mut written = Vec::new();
    for number in 0..clusters {
        let start = random.below(all as usize) as u64 * CLUSTER;
        let mut bytes = vec![0; CLUSTER as usize];
        if number % 5 != 0 {
            // A write need not fill its cluster.
            random.fill(&mut bytes[..CLUSTER as usize / 2]);
        }
        file.write_all_at(&bytes, start).expect("an image");
        written.push(start..start + CLUSTER);
    }
    written
}

/// A turn in which no leaf of a small image is read again.
const SPARED: Recheck = Recheck::OneIn { leaves: 64, turn: 63 };

#[test]
fn only_what_is_said_to_have_changed_is_read_and_the_point_is_right() {
    let pool = Pool::new(1, 1024);
    let path = pool.image("disk", &image(91, 200 * MIB + 12_345));
    let (store, catalog) = pool.inside(Access::ReadWrite);
    let access = pool.unlock(&store);
    let first = take_in(&access, &catalog, &Counted::open(&path), 1, None);
    assert_eq!(first.read_bytes, first.data_bytes);
    let mut expected = Vec::new();
    for round in 2..6 {
        let dirty = Dirty::new(write_some(&path, 64, round.into()));
        let source = Counted::open(&path);
        let hint = Hint { dirty: dirty.clone(), recheck: SPARED };
        let report = take_in(&access, &catalog, &source, round, Some(hint));
        assert_eq!(source.read.into_inner(), dirty.bytes());
        assert_eq!((report.read_bytes, report.denied_bytes), (dirty.bytes(), 0));
        assert!(report.new_bytes <= 2 * dirty.bytes(), "{report:?}");
        expected.push((report.point.id, std::fs::read(&path).expect("an image")));
    }
    drop(access);
    block_on(store.close()).expect("a sound pool");
    for (point, bytes) in expected {
        assert!(pool.restore(&point.to_string()) == bytes, "{point}");
    }
    assert_eq!(pool.verify(), 0);
}

#[test]
fn what_is_said_wrongly_is_noticed_in_its_turn_and_all_is_read_then() {
    let pool = Pool::new(1, 1024);
    let path = pool.image("disk", &image(92, 128 * MIB));
    let (store, catalog) = pool.inside(Access::ReadWrite);
    let access = pool.unlock(&store);
    take_in(&access, &catalog, &Counted::open(&path), 1, None);
    let dirty = Dirty::new(write_some(&path, 20, 7));
    // Behind the bitmap, in the sixth leaf.
    let file = File::options().write(true).open(&path).expect("an image");
    let behind = (80 * MIB as u64..96 * MIB as u64).step_by(4096);
    let mut clean = behind.filter(|at| dirty.within(*at..at + 4096).next().is_none());
    file.write_all_at(&[0xee; 4096], clean.next().expect("a clean block")).expect("an image");
    let source = Counted::open(&path);
    let hint = Hint { dirty, recheck: Recheck::OneIn { leaves: 64, turn: 5 } };
    let report = take_in(&access, &catalog, &source, 2, Some(hint));
    assert_eq!(report.denied_bytes, 4096);
    assert_eq!(report.read_bytes, report.data_bytes);
    drop(access);
    block_on(store.close()).expect("a sound pool");
    assert!(pool.restore(&report.point.id.to_string()) == std::fs::read(&path).expect("an image"));
}

#[test]
fn a_hint_about_another_size_is_no_hint() {
    let pool = Pool::new(1, 512);
    let path = pool.image("disk", &image(93, 40 * MIB));
    let (store, catalog) = pool.inside(Access::ReadWrite);
    let access = pool.unlock(&store);
    take_in(&access, &catalog, &Counted::open(&path), 1, None);
    let file = File::options().write(true).open(&path).expect("an image");
    file.set_len(56 * MIB as u64).expect("a longer image");
    let hint = Hint { dirty: Dirty::default(), recheck: SPARED };
    let report = take_in(&access, &catalog, &Counted::open(&path), 2, Some(hint));
    assert_eq!(report.read_bytes, report.data_bytes);
    drop(access);
    block_on(store.close()).expect("a sound pool");
    assert!(pool.restore(&report.point.id.to_string()) == std::fs::read(&path).expect("an image"));
}
