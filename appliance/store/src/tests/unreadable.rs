//! Disks that do not give what they have: that is no damage.

use disk::sim::{SimFault, SimMachine};

use super::disks::block_on;
use super::fixture::{SAMPLES, append, create, expect_all, machine, open, writer_keys};
use crate::{OpenOptions, Store, StoreError};

/// Every read fails from now on.
const SILENT: SimFault = SimFault::FailRead { nth: 0, lasting: true };

const NUMBER: usize = 3;

/// A pool with one record, whose place has been looked up.
async fn pool(machine: &SimMachine) -> Store {
    let (store, _) = create(machine.disks(), 1).await.unwrap();
    append(&mut store.writer(writer_keys(1)), NUMBER).await.unwrap();
    store.commit(Vec::new()).await.unwrap();
    expect_all(&store, [NUMBER]).await;
    store
}

#[test]
fn a_record_that_no_disk_gives_is_not_called_damaged() {
    for disks in [1, 2] {
        let machine = machine(disks, 20);
        block_on(async {
            let store = pool(&machine).await;
            let digest = SAMPLES[NUMBER].digest;
            (0..disks).for_each(|disk| machine.inject(disk, SILENT));
            let read = store.read(&digest).await;
            assert!(matches!(read, Err(StoreError::Disk(_))), "{read:?}");
            let batch = store.read_batch(&[digest], |_, _| true).await;
            assert!(matches!(batch, Err(StoreError::Disk(_))), "{batch:?}");
            assert!(!store.contains(&digest).await.unwrap(), "what comes again is stored again");
        });
    }
}

#[test]
fn a_record_that_no_disk_gives_for_a_while_is_not_forgotten() {
    let machine = machine(1, 20);
    block_on(async {
        let store = pool(&machine).await;
        machine.inject(0, SimFault::FailRead { nth: 0, lasting: false });
        store.forget(&[SAMPLES[NUMBER].digest]).await.unwrap();
        store.close().await.unwrap();
        let (opened, _) =
            open(machine.restarted().disks(), OpenOptions::default(), 2).await.unwrap();
        expect_all(&opened.store, [NUMBER]).await;
    });
}
