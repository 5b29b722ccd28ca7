//! Holes stay holes, on the way in and on the way out.

use crate::harness::{BLOCK, MIB, Pool, Random, allocated, number, run, write_sparse};

/// Blocks with content, each alone between holes, and two runs.
fn islands() -> Vec<u8> {
    let mut bytes = vec![0; 96 * MIB + 5];
    let mut random = Random(11);
    for at in (0..96 * MIB).step_by(3 * MIB + 5 * BLOCK) {
        random.fill(&mut bytes[at..at + BLOCK]);
    }
    random.fill(&mut bytes[40 * MIB + 100..42 * MIB + 100]);
    let end = bytes.len();
    random.fill(&mut bytes[end - 3..]);
    bytes
}

#[test]
fn holes_are_neither_read_nor_written() {
    let pool = Pool::new(2, 64);
    let bytes = islands();
    let source = pool.image("source", &bytes);
    let taken = run(&mut pool.ingest(&source)).done();
    assert_eq!(number(&taken, "bytes_logical"), bytes.len() as u64);
    assert!(number(&taken, "bytes_read") <= allocated(&source), "{taken}");

    let to = pool.path("to");
    let restored = run(&mut pool.restore_to("latest", &to)).done();
    assert!(number(&restored, "bytes_written") <= allocated(&source), "{restored}");
    assert!(std::fs::read(&to).expect("the restored file") == bytes);
    // File systems allocate maps of extents besides.
    let slack = 64 * 1024;
    assert!(allocated(&to) <= allocated(&source) + slack, "{} bytes", allocated(&to));
}

#[test]
fn zeroes_that_are_written_out_become_holes() {
    let pool = Pool::new(1, 64);
    let bytes = islands();
    let source = pool.path("source");
    std::fs::write(&source, &bytes).expect("room for the image");
    let sparse = pool.path("sparse");
    write_sparse(&sparse, &bytes);
    assert!(allocated(&source) > 10 * allocated(&sparse));

    run(&mut pool.ingest(&source)).done();
    let again = run(&mut pool.ingest(&sparse)).done();
    assert_eq!(number(&again, "bytes_new"), 0, "holes and written zeroes are not the same");
    let to = pool.path("to");
    run(&mut pool.restore_to("latest", &to)).done();
    assert!(std::fs::read(&to).expect("the restored file") == bytes);
    assert!(allocated(&to) <= allocated(&sparse) + 64 * 1024, "{} bytes", allocated(&to));
}

#[test]
fn an_image_of_nothing_but_zeroes() {
    let pool = Pool::new(1, 64);
    let id = pool.take_bytes("zeroes", &vec![0; 40 * MIB]);
    let to = pool.path("to");
    run(&mut pool.restore_to(&id, &to)).done();
    assert_eq!(to.metadata().expect("the restored file").len(), 40 * MIB as u64);
    assert!(allocated(&to) <= 64 * 1024);
    assert!(pool.restore(&id).iter().all(|byte| *byte == 0));
}
