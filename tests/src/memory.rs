//! Memory is bounded by what holdfast is, not by how large the volume is.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::harness::{MIB, Pool, Random, number, run, run_with};

/// Most bytes resident besides the index, whatever the size of the volume.
const BOUND: u64 = 160 << 20;

#[test]
fn a_volume_of_5_gib_and_one_of_50_gib_take_no_more_than_the_bound() {
    let pool = Pool::new(1, 512);
    for gib in [5, 50] {
        let path = pool.path(&format!("image{gib}"));
        let file = File::create_new(&path).expect("a new file");
        file.set_len(gib << 30).expect("a sparse file");
        let mut random = Random(gib);
        let mut piece = vec![0; MIB];
        for number in 0..96 {
            random.fill(&mut piece);
            file.write_all_at(&piece, (gib << 30) / 96 * number).expect("room for the file");
        }
        let peak = |done| number(&done, "peak_memory_bytes");
        let ingest = peak(run_with(pool.ingest(&path), &["--workers", "2"]).done());
        let again = peak(run_with(pool.ingest(&path), &["--workers", "2"]).done());
        let to = pool.path(&format!("to{gib}"));
        let restore = peak(run(&mut pool.restore_to("latest", &to)).done());
        let index = number(&run(&mut pool.locked(&["pool", "status"])).done(), "index_bytes");
        println!("{gib} GiB: {ingest} again {again} restore {restore} index {index}");
        assert!(ingest.max(again).max(restore) <= BOUND + index);
        assert_eq!(to.metadata().expect("the restored file").len(), gib << 30);
    }
}
