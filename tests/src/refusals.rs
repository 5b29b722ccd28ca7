//! What cannot be done is refused with one line that says what is wrong and what to do, and leaves
//! everything as it was.

mod disks;
mod secrets;
mod sources;

use crate::harness::{MIB, Outcome, Pool, image, run};

/// A pool with one recovery point, to see whether a refusal damages anything.
struct Bystander {
    pool: Pool,
    id: String,
    bytes: Vec<u8>,
}

impl Bystander {
    fn new(disks: usize) -> Self {
        let pool = Pool::new(disks, 64);
        let bytes = image(51, 3 * MIB + 17);
        let id = pool.take_bytes("bystander", &bytes);
        Self { pool, id, bytes }
    }

    /// Checks that the command is refused and that not a byte of the disks is changed by it.
    fn refuses(&self, refused: impl FnOnce() -> Outcome, what: &str, next: &str) {
        let before = self.pool.fingerprint();
        refused().refused(what, next);
        assert_eq!(self.pool.fingerprint(), before, "the disks were written to");
    }

    /// Checks that the pool opens, gives its point back and takes another.
    fn is_well(&self) {
        assert!(self.pool.restore(&self.id) == self.bytes);
        run(&mut self.pool.ingest(&self.pool.path("bystander"))).done();
        assert!(self.pool.points().contains(&self.id));
    }
}
