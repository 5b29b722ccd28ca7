//! A pool of real disks, opened as the command does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::{Catalog, Uptime};
use disk::{Access, Backend, Disk};
use futures_executor::block_on;
use record::TenantAccess;
use seal::{Keyring, KitSecret};
use store::{Entropy, OpenOptions, Store};

/// No time passes while something is measured.
pub(crate) const UPTIME: Uptime = Uptime { boot: [0; 16], seconds: 0, proven: None };

pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) access: Arc<TenantAccess>,
}

struct SystemRandom;

impl Entropy for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

impl Opened {
    pub(crate) fn open(disks: &[PathBuf], kit: &Path) -> Self {
        let open = |path: &PathBuf| disk::open(path, Access::ReadWrite, Backend::Uring).unwrap();
        let disks: Vec<Arc<dyn Disk>> = disks.iter().map(open).collect();
        let catalog = Arc::new(Catalog::default());
        let options = OpenOptions { read_only: false, allow_missing: false };
        let opening = Store::open(disks, options, Arc::new(SystemRandom), catalog.clone());
        let store = block_on(opening).unwrap().store;
        let keyring = Keyring::decode(&block_on(store.keys()).unwrap()).unwrap();
        let unlocked = keyring.unlock_with_kit(&read_kit(kit)).unwrap();
        let tenant = unlocked.tenants().first().unwrap().clone();
        let access = TenantAccess::new(store.clone(), tenant, seal::Backend::default());
        Self { store, catalog, access }
    }

    pub(crate) fn close(self) {
        block_on(self.store.close()).unwrap();
    }
}

fn read_kit(path: &Path) -> KitSecret {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    KitSecret::parse(&lines.collect::<Vec<_>>().join(" ")).unwrap()
}
