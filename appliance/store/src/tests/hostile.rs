//! Disks whose bytes somebody chose: structures with impossible fields under right checksums. The
//! store may refuse them or find damage; it never panics and never hands out wrong records.

use disk::sim::{SimMachine, SimRng};
use format::geometry::{Geometry, SUPERBLOCK_SLOTS};
use model::BLOCK;

use super::disks::block_on;
use super::fixture::{
    SAMPLES, append, create, event, geometry, keys, machine, open, scaled, writer_keys,
};
use super::flips::scrub;
use crate::{OpenOptions, Store, StoreError};

/// Bytes of a superblock, and of a log record's header, that their checksums cover.
const SUPERBLOCK: usize = 480;
const LOG_HEADER: usize = 144;

/// A pool on one disk with a checkpoint, segments and a log behind it.
async fn image() -> Vec<u8> {
    let machine = machine(1, 14);
    let (store, _) = create(machine.disks(), 1).await.unwrap();
    let mut writer = store.writer(writer_keys(1));
    for number in 0..24 {
        append(&mut writer, number).await.unwrap();
        if number % 6 == 0 {
            store.commit(vec![event(number as u32, 300)]).await.unwrap();
        }
    }
    store.commit(vec![event(100, 300)]).await.unwrap();
    store.settle().await.unwrap();
    machine.images().remove(0)
}

/// Changes some bytes of a range: to a random, an extreme, or a slightly different value.
fn spoil(bytes: &mut [u8], rng: &mut SimRng) {
    for _ in 0..1 + rng.below(3) {
        let width = [1, 2, 4, 8][rng.below(4) as usize];
        let at = rng.below((bytes.len() - width + 1) as u64) as usize / width * width;
        let Some(field) = bytes.get_mut(at..at + width) else { continue };
        match rng.below(4) {
            0 => field.fill(0xff),
            1 => field.fill(0),
            2 => field.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8),
            _ => field[0] = field[0].wrapping_add(1 + rng.below(3) as u8),
        }
    }
}

fn sign_superblock(block: &mut [u8]) {
    let hash = blake3::hash(&block[..SUPERBLOCK]);
    block[SUPERBLOCK..SUPERBLOCK + 32].copy_from_slice(hash.as_bytes());
}

fn spoil_superblocks(image: &mut [u8], geometry: &Geometry, rng: &mut SimRng) {
    let seed = rng.next_u64();
    let all = rng.chance(0.7);
    for slot in 0..if all { SUPERBLOCK_SLOTS } else { 1 } {
        let at = geometry.superblock_offset(slot) as usize;
        // After magic, version and slot: those are refused first.
        spoil(&mut image[at + 11..at + SUPERBLOCK], &mut SimRng::new(seed));
        sign_superblock(&mut image[at..at + BLOCK]);
    }
}

fn spoil_log(image: &mut [u8], geometry: &Geometry, rng: &mut SimRng) {
    let seed = rng.next_u64();
    for copy in 0..2 {
        let start = geometry.log_offset(copy) as usize;
        let mut rng = SimRng::new(seed);
        for block in 0..geometry.log_bytes() as usize / BLOCK {
            let record = &mut image[start + block * BLOCK..start + (block + 1) * BLOCK];
            if !record.starts_with(b"HFLOGREC") || rng.chance(0.6) {
                continue;
            }
            let payload = u32::from_le_bytes(*record[64..].first_chunk().unwrap()) as usize;
            let end = (192 + payload).min(BLOCK);
            if rng.chance(0.3) {
                spoil(&mut record[32..72], &mut rng);
            }
            if end > 200 {
                spoil(&mut record[192..end], &mut rng);
            }
            sign_log(record, end);
        }
    }
}

fn sign_log(record: &mut [u8], end: usize) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&record[..LOG_HEADER]).update(&record[192..end]);
    record[LOG_HEADER..LOG_HEADER + 32].copy_from_slice(hasher.finalize().as_bytes());
    let checksum = blake3::hash(&record[..LOG_HEADER + 32]);
    record[176..192].copy_from_slice(&checksum.as_bytes()[..16]);
}

fn spoil_checkpoints(image: &mut [u8], geometry: &Geometry, rng: &mut SimRng) {
    for slot in 0..SUPERBLOCK_SLOTS {
        let at = geometry.superblock_offset(slot) as usize;
        let field = |at: usize| u32::from_le_bytes(*image[at..].first_chunk().unwrap());
        let superblock = format::superblock::Superblock::decode(&image[at..at + BLOCK], slot);
        let Ok(superblock) = superblock else { continue };
        let start = geometry.slot_offset(superblock.checkpoint_slot) as usize;
        let bytes = superblock.checkpoint_bytes as usize;
        assert_eq!(field(start).to_le_bytes(), *b"HFCH");
        let body = &mut image[start..start + bytes];
        // Now and then in the dense parts: head and segment rows.
        let end = if rng.chance(0.7) { bytes.min(1200) } else { bytes };
        spoil(&mut body[32..end], rng);
        let superblock = format::superblock::Superblock {
            checkpoint_hash: *blake3::hash(body).as_bytes(),
            ..superblock
        };
        image[at..at + BLOCK].copy_from_slice(&superblock.encode(slot));
    }
}

/// Opens, reads, scrubs and writes, as far as that is possible.
async fn use_it(image: Vec<u8>, seed: u64) -> Result<(), StoreError> {
    let machine = SimMachine::from_images(vec![image]);
    let (opened, _) = open(machine.disks(), OpenOptions::default(), seed).await?;
    let store: Store = opened.store;
    for number in 0..24 {
        // Wrong bytes under right checksums are for the seal to find; the store must not stumble.
        let _ =
            store.read(&SAMPLES[number].digest).await.map(|mut record| record.view().ref_list());
    }
    store.status();
    scrub(&store).await?;
    let mut writer = store.writer(writer_keys(1));
    append(&mut writer, 40).await?;
    store.commit(vec![event(200, 100)]).await?;
    store.set_keys(&keys(2)).await?;
    drop(writer);
    store.close().await?;
    open(machine.disks(), OpenOptions::default(), seed + 1).await.map(|_| ())
}

#[test]
fn no_bytes_make_the_store_panic() {
    block_on(async {
        let image = image().await;
        let layout = geometry(&SimMachine::from_images(vec![image.clone()]));
        let mut opened = 0;
        let cases = scaled(3000);
        for seed in 0..cases as u64 {
            let mut rng = SimRng::new(seed);
            let mut spoiled = image.clone();
            match seed % 3 {
                0 => spoil_superblocks(&mut spoiled, &layout, &mut rng),
                1 => spoil_log(&mut spoiled, &layout, &mut rng),
                _ => spoil_checkpoints(&mut spoiled, &layout, &mut rng),
            }
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                block_on(use_it(spoiled, seed))
            }));
            let Ok(outcome) = outcome else { panic!("seed {seed}") };
            opened += usize::from(outcome.is_ok());
        }
        println!("{opened} of {cases} worked to the end");
        assert!(opened > cases / 10);
    });
}
