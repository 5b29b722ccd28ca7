//! A pool opened by the test itself, where the command shows too little or does too much right.

use std::io::Read;
use std::sync::Arc;

use catalog::Catalog;
use disk::{Access, Backend};
use futures_executor::block_on;
use record::TenantAccess;
use seal::{Keyring, KitSecret};
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

    /// What its tenant's keys open, by the pool's kit.
    pub(crate) fn unlock(&self, store: &Store) -> Arc<TenantAccess> {
        let keyring = Keyring::decode(&block_on(store.keys()).expect("keys")).expect("a keyring");
        let kit = std::fs::read_to_string(self.path("kit")).expect("the kit");
        let kit = kit.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let kit = KitSecret::parse(&kit.collect::<Vec<_>>().join(" ")).expect("a kit");
        let unlocked = keyring.unlock_with_kit(&kit).expect("the pool's kit");
        let keys = unlocked.tenants().first().expect("a tenant").clone();
        TenantAccess::new(store.clone(), keys, seal::Backend::default())
    }

    /// The pool's age in seconds, as its disks have it.
    pub(crate) fn known_age(&self) -> u64 {
        self.inside(Access::ReadOnly).1.known_age()
    }
}
