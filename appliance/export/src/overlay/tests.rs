//! What an overlay holds is what was written, also after a restart and after a crash.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::PointId;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::layout::{HEADER_SLOT, place};
use super::map::Held;
use super::{Base, Overlay, OverlayError};
use crate::image::{Content, Image};
use crate::tests::MemoryImage;

/// Of the disk in these tests: no whole number of blocks.
const SIZE: usize = 40 * 4096 + 700;
/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;
const BASE: Base = Base { point: PointId([7; 16]), volume: 3 };

#[derive(Debug, Clone)]
enum Op {
    Write { offset: usize, length: usize, byte: u8 },
    Zero { offset: usize, length: usize },
    Fill { offset: usize, length: usize },
    Discard { offset: usize, length: usize },
    Flush,
    Reopen,
}

fn any_op() -> impl Strategy<Value = Op> {
    let range = (0..SIZE, 1..20_000usize, any::<bool>()).prop_map(|(offset, length, aligned)| {
        let offset = if aligned { offset / 4096 * 4096 } else { offset };
        let length = if aligned { length.next_multiple_of(4096) } else { length };
        (offset, length.min(SIZE - offset))
    });
    prop_oneof![
        6 => (range.clone(), 1..=255u8)
            .prop_map(|((offset, length), byte)| Op::Write { offset, length, byte }),
        2 => range.clone().prop_map(|(offset, length)| Op::Zero { offset, length }),
        1 => range.clone().prop_map(|(offset, length)| Op::Fill { offset, length }),
        2 => range.prop_map(|(offset, length)| Op::Discard { offset, length }),
        2 => Just(Op::Flush),
        1 => Just(Op::Reopen),
    ]
}

/// An overlay in a directory of its own, and what it must read as.
struct Bench {
    runtime: Runtime,
    directory: tempfile::TempDir,
    overlay: Option<Overlay>,
    expected: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let expected = MemoryImage::patterned(SIZE).0;
        let mut bench = Self { runtime, directory, overlay: None, expected };
        bench.overlay = Some(bench.open(&bench.path()).unwrap());
        bench
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("machine.overlay")
    }

    fn open(&self, path: &Path) -> Result<Overlay, OverlayError> {
        let image = Arc::new(MemoryImage::patterned(SIZE));
        self.runtime.block_on(Overlay::open(path, BASE, image))
    }

    fn overlay(&self) -> &Overlay {
        self.overlay.as_ref().unwrap()
    }

    fn apply(&mut self, op: &Op) {
        let overlay = self.overlay.as_ref().unwrap();
        let expected = &mut self.expected;
        self.runtime
            .block_on(async {
                match *op {
                    Op::Write { offset, length, byte } => {
                        expected[offset..offset + length].fill(byte);
                        overlay.write(offset as u64, vec![byte; length]).await
                    }
                    Op::Zero { offset, length } => {
                        expected[offset..offset + length].fill(0);
                        overlay.write_zeroes(offset as u64, length as u64).await
                    }
                    Op::Fill { offset, length } => {
                        expected[offset..offset + length].fill(0);
                        overlay.fill_with_zeroes(offset as u64, length as u64).await
                    }
                    Op::Discard { offset, length } => {
                        let end = offset + length;
                        let last = if end == SIZE { SIZE } else { end / 4096 * 4096 };
                        if let Some(gone) = expected.get_mut(offset.next_multiple_of(4096)..last) {
                            gone.fill(0);
                        }
                        overlay.discard(offset as u64, length as u64).await
                    }
                    Op::Flush => overlay.flush().await,
                    Op::Reopen => overlay.close().await,
                }
            })
            .unwrap();
        if matches!(op, Op::Reopen) {
            self.overlay = None;
            self.overlay = Some(self.open(&self.path()).unwrap());
        }
    }

    fn content(&self, overlay: &Overlay) -> Vec<u8> {
        let mut bytes = vec![0xaa; SIZE];
        self.runtime.block_on(overlay.read(0, &mut bytes)).unwrap();
        bytes
    }
}

/// Everything that extents call a hole must read as zeroes, and extents must cover the disk.
fn check_extents(bench: &Bench) {
    let mut at = 0;
    while at < SIZE {
        let left = (SIZE - at) as u64;
        let extents = bench.runtime.block_on(bench.overlay().extents(at as u64, left)).unwrap();
        assert!(!extents.is_empty());
        for extent in extents {
            let end = at + extent.length as usize;
            let is_zero = bench.expected[at..end].iter().all(|byte| *byte == 0);
            assert!(is_zero || extent.content == Content::Data);
            at = end;
        }
    }
}

/// A file as it may be found after a crash: `keeps` decides which of the sectors that were written
/// since the last flush made it, and whether the file's new length did.
fn crashed(durable: &[u8], written: &[u8], mut keeps: impl FnMut() -> bool) -> Vec<u8> {
    let mut found = durable.to_vec();
    found.resize(written.len().max(durable.len()), 0);
    for (old, new) in found.chunks_mut(SECTOR).zip(written.chunks(SECTOR)) {
        if keeps() {
            old[..new.len()].copy_from_slice(new);
        }
    }
    if keeps() {
        found.truncate(durable.len());
    }
    found
}

fn coin(seed: u64) -> impl FnMut() -> bool {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state & 1 == 1
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn an_overlay_reads_as_it_was_written(ops in prop::collection::vec(any_op(), 1..40)) {
        let mut bench = Bench::new();
        for op in &ops {
            bench.apply(op);
        }
        prop_assert!(bench.content(bench.overlay()) == bench.expected);
        check_extents(&bench);
        bench.apply(&Op::Reopen);
        prop_assert!(bench.content(bench.overlay()) == bench.expected);
    }

    /// After a crash every sector is as at the last flush or as written since; with a crash inside
    /// of a flush too.
    #[test]
    fn a_crash_loses_nothing_that_was_flushed(
        before in prop::collection::vec(any_op(), 0..15),
        after in prop::collection::vec(any_op().prop_filter("no flush", |op| {
            !matches!(op, Op::Flush | Op::Reopen)
        }), 0..10),
        in_flush in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut bench = Bench::new();
        for op in before.iter().chain([&Op::Flush]) {
            bench.apply(op);
        }
        let flushed = bench.expected.clone();
        let mut durable = std::fs::read(bench.path()).unwrap();
        for op in &after {
            bench.apply(op);
        }
        if in_flush {
            // The data is durable before the journal is touched.
            let data_end = SIZE.next_multiple_of(4096) + place(0) as usize;
            let written = std::fs::read(bench.path()).unwrap();
            durable[..data_end].copy_from_slice(&written[..data_end]);
            bench.apply(&Op::Flush);
        }
        let written = std::fs::read(bench.path()).unwrap();
        let found = bench.directory.path().join("found.overlay");
        std::fs::write(&found, crashed(&durable, &written, coin(seed))).unwrap();

        let reopened = bench.open(&found).unwrap();
        let content = bench.content(&reopened);
        for (at, sector) in content.chunks(SECTOR).enumerate() {
            let range = at * SECTOR..at * SECTOR + sector.len();
            let is_old = sector == &flushed[range.clone()];
            prop_assert!(is_old || sector == &bench.expected[range], "sector {at}");
        }
        bench.runtime.block_on(reopened.write(0, vec![1; 10])).unwrap();
        bench.runtime.block_on(reopened.close()).unwrap();
        drop(reopened);
        prop_assert_eq!(bench.content(&bench.open(&found).unwrap())[..10].to_vec(), vec![1; 10]);
    }

    /// A flipped bit in the journal is refused, or it lies where a torn record would.
    #[test]
    fn damage_to_the_journal_is_never_believed(
        ops in prop::collection::vec(any_op(), 3..20),
        position in 0.0..1.0f64,
        bit in 0..8u32,
        closed in any::<bool>(),
    ) {
        let mut bench = Bench::new();
        for op in &ops {
            bench.apply(op);
            bench.apply(&Op::Flush);
        }
        let (start, end, last) = {
            let journal = bench.runtime.block_on(bench.overlay().journal.lock());
            (journal.header.journal_start, journal.end, journal.next_sequence - 1)
        };
        if closed {
            bench.apply(&Op::Reopen);
        }
        prop_assume!(end > start);
        let at = start + ((end - start) as f64 * position) as u64;
        bench.overlay = None;
        flip(&bench.path(), at, 1u8 << bit);
        match bench.open(&bench.path()) {
            Err(OverlayError::Corrupt { offset, .. }) => {
                prop_assert!((start..=at).contains(&offset));
            }
            Err(other) => prop_assert!(false, "{other}"),
            Ok(overlay) => {
                let journal = bench.runtime.block_on(overlay.journal.lock());
                prop_assert!(!closed && journal.next_sequence == last, "only the last record");
            }
        }
    }
}

fn flip(path: &Path, at: u64, mask: u8) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ mask], at).unwrap();
}

#[test]
fn an_overlay_of_something_else_is_refused() {
    let mut bench = Bench::new();
    bench.apply(&Op::Reopen);
    bench.overlay = None;
    let image: Arc<dyn Image> = Arc::new(MemoryImage::patterned(SIZE));
    let open = |base, image| bench.runtime.block_on(Overlay::open(&bench.path(), base, image));

    let other = Base { point: PointId([8; 16]), ..BASE };
    assert!(matches!(
        open(other, image.clone()),
        Err(OverlayError::OtherBase { found, expected, .. }) if found == BASE && expected == other
    ));
    let other = Base { volume: 4, ..BASE };
    assert!(matches!(open(other, image), Err(OverlayError::OtherBase { .. })));
    let smaller = Arc::new(MemoryImage::patterned(SIZE - 1));
    assert!(matches!(open(BASE, smaller), Err(OverlayError::OtherSize { .. })));
    assert!(bench.open(&bench.path()).is_ok(), "nothing was changed");
}

#[test]
fn an_overlay_is_opened_once_at_a_time() {
    let bench = Bench::new();
    assert!(matches!(bench.open(&bench.path()), Err(OverlayError::InUse { .. })));
}

#[test]
fn a_foreign_file_is_left_alone() {
    let bench = Bench::new();
    let path = bench.directory.path().join("letter.txt");
    std::fs::write(&path, "dear reader").unwrap();
    assert!(matches!(bench.open(&path), Err(OverlayError::NotAnOverlay { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"dear reader");
}

#[test]
fn one_damaged_header_is_survived_and_two_are_not() {
    let mut bench = Bench::new();
    bench.apply(&Op::Write { offset: 5, length: 5, byte: 5 });
    bench.apply(&Op::Reopen);
    bench.overlay = None;
    flip(&bench.path(), 20, 1);
    assert!(bench.open(&bench.path()).is_ok());
    flip(&bench.path(), HEADER_SLOT + 20, 1);
    assert!(matches!(bench.open(&bench.path()), Err(OverlayError::Corrupt { offset: 0, .. })));
}

#[test]
fn writes_within_one_block_do_not_undo_each_other() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let path = directory.path().join("overlay");
        let image = Arc::new(MemoryImage(vec![9; 64 << 10]));
        let overlay = Arc::new(Overlay::open(&path, BASE, image).await.unwrap());
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..128u64 {
            let overlay = overlay.clone();
            let write = async move { overlay.write(number * 512, [number as u8; 512]).await };
            writers.spawn(write);
        }
        for result in writers.join_all().await {
            result.unwrap();
        }
        let mut bytes = vec![0; 64 << 10];
        overlay.read(0, &mut bytes).await.unwrap();
        for (number, sector) in bytes.chunks(512).enumerate() {
            assert_eq!(sector, [number as u8; 512]);
        }
    });
}

#[test]
fn what_is_zeroed_takes_no_space() {
    use std::os::unix::fs::MetadataExt;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let path = directory.path().join("overlay");
        let image = Arc::new(MemoryImage(vec![9; 8 << 20]));
        let overlay = Overlay::open(&path, BASE, image).await.unwrap();
        let space = || std::fs::metadata(&path).unwrap().blocks() * 512;
        let before = space();
        overlay.write_zeroes(0, 8 << 20).await.unwrap();
        overlay.flush().await.unwrap();
        assert!(space() <= before + (64 << 10), "zeroes alone");
        overlay.write(0, vec![1; 8 << 20]).await.unwrap();
        overlay.flush().await.unwrap();
        assert!(space() >= 8 << 20);
        overlay.discard(0, 8 << 20).await.unwrap();
        overlay.flush().await.unwrap();
        assert!(space() <= before + (64 << 10), "discarded");
    });
}

/// Writing and discarding the same blocks for long must not fill the disk with journal.
#[test]
fn an_overgrown_journal_is_rewritten() {
    const BLOCKS: u64 = 16 << 10;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let path = directory.path().join("overlay");
        let image = Arc::new(MemoryImage(vec![9; (BLOCKS * 4096) as usize]));
        let overlay = Overlay::open(&path, BASE, image.clone()).await.unwrap();
        let start = overlay.journal.lock().await.header.journal_start;
        for round in 0..80 {
            let held = if round % 2 == 0 { Held::Zero } else { Held::Data };
            (0..BLOCKS).step_by(2).for_each(|block| overlay.record(block, block + 1, held));
            overlay.flush().await.unwrap();
        }
        let journal = *overlay.journal.lock().await;
        assert!(journal.header.journal_start > start, "a new journal was started");
        assert!(journal.end - journal.header.journal_start < 5 << 20);
        drop(overlay);
        let overlay = Overlay::open(&path, BASE, image).await.unwrap();
        assert_eq!(overlay.held_at(0, 8192), (Held::Data, 4096));
        assert_eq!(overlay.held_at(4096, 8192), (Held::Below, 4096));
    });
}
