//! A pool opened by the test itself, where the command shows too little or does too much right.

use std::io::Read;
use std::sync::Arc;

use catalog::Catalog;
use disk::{Access, Backend};
use futures_executor::block_on;
use store::{Entropy, OpenOptions, Store};

use super::Pool;

/// The kernel's randomness.
struct Kernel;

impl Entropy for Kernel {
    fn fill(&self, bytes: &mut [u8]) {
        let random = std::fs::File::open("/dev/urandom");
        random.and_then(|mut random| random.read_exact(bytes)).expect("a random source");
    }
}

impl Pool {
    /// The pool's store and catalog.
    pub(crate) fn inside(&self, access: Access) -> (Store, Arc<Catalog>) {
        let catalog = Arc::new(Catalog::default());
        let disks = self.disks.iter().map(|path| disk::open(path, access, Backend::Threads));
        let disks = disks.collect::<Result<Vec<_>, _>>().expect("the pool's disks");
        let options = OpenOptions { read_only: access == Access::ReadOnly, allow_missing: false };
        let opening = Store::open(disks, options, Arc::new(Kernel), catalog.clone());
        (block_on(opening).expect("a sound pool").store, catalog)
    }

    /// The pool's age in seconds, as its disks have it.
    pub(crate) fn known_age(&self) -> u64 {
        self.inside(Access::ReadOnly).1.known_age()
    }
}
