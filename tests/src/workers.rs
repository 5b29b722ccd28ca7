//! Workers that meet the same content at the same time.

use crate::harness::{MIB, Pool, Random, number, run_with, text};

/// Bytes of one range of the manifest: what a worker takes at a time.
const RANGE: usize = 16 * MIB;

#[test]
fn what_several_workers_meet_at_once_is_stored_once() {
    let pool = Pool::new(1, 96);
    let mut range = vec![0; RANGE];
    Random(11).fill(&mut range);
    let bytes = range.repeat(4);
    let path = pool.image("repeated", &bytes);
    let taken = run_with(pool.ingest(&path), &["--workers", "4", "--compression", "lz4"]).done();
    assert_eq!(number(&taken, "bytes_new"), RANGE as u64, "{taken}");
    assert!(pool.restore(text(&taken, "point")) == bytes);
}
