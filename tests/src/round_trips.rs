//! What is taken in comes back byte for byte, and costs no more than what is new in it.

use std::fs;
use std::path::Path;

use crate::harness::{
    BLOCK, Export, Loop, MIB, Pool, Random, changed_blocks, client, image, number, run, run_with,
    scatter, text,
};

/// Bytes of the images: not whole blocks, not whole ranges of the manifest.
const IMAGE: usize = 33 * MIB + 1234;

#[test]
fn images_on_one_disk_with_lz4() {
    first_again_and_changed(1, 1, "lz4");
}

#[test]
fn images_on_two_disks_with_zstd() {
    first_again_and_changed(2, 2, "zstd");
}

#[test]
fn images_on_two_disks_with_auto() {
    first_again_and_changed(3, 2, "auto");
}

fn first_again_and_changed(seed: u64, disks: usize, codec: &str) {
    let pool = Pool::new(disks, 128);
    let first = image(seed, IMAGE);
    let path = pool.image("first", &first);
    let take = |path| run_with(pool.ingest(path), &["--compression", codec]).done();

    let taken = take(&path);
    assert_eq!(number(&taken, "bytes_logical"), IMAGE as u64);
    let blocks = first.chunks(BLOCK).filter(|block| block.iter().any(|byte| *byte != 0));
    assert!(number(&taken, "bytes_read") <= (blocks.count() * BLOCK) as u64);
    assert!(number(&taken, "bytes_added") < number(&taken, "bytes_read"));
    let ids = [text(&taken, "point").to_owned()];

    let again = take(&path);
    assert_eq!(again["parent"], *ids[0]);
    assert_eq!(number(&again, "chunks_new"), 0);
    assert!(number(&again, "bytes_added") < 1024, "{again}");

    let mut changed = first.clone();
    scatter(&mut changed, seed, 20);
    let incremental = take(&pool.image("changed", &changed));
    let new = (changed_blocks(&first, &changed) * BLOCK) as u64;
    // Each leaf of the manifest is touched and written anew: three of some KiB.
    let limit = new + new / 10 + 96 * 1024;
    assert!(number(&incremental, "bytes_added") < limit, "{new} new: {incremental}");

    let same = |id: &str, bytes: &[u8]| assert!(pool.restore(id) == bytes, "{id} differs");
    same(&ids[0], &first);
    same(text(&again, "point"), &first);
    same(text(&incremental, "point"), &changed);
    same("latest", &changed);
    let points = [ids[0].as_str(), text(&again, "point"), text(&incremental, "point")];
    assert_eq!(pool.points(), points);
}

#[test]
fn standard_output_is_the_image_and_nothing_else() {
    let pool = Pool::new(1, 64);
    let bytes = image(4, 5 * MIB + 1);
    let id = pool.take_bytes("image", &bytes);
    let outcome = run(&mut pool.restore_to(&id, Path::new("-")));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout == bytes);
}

#[test]
fn block_devices_are_disks_sources_and_targets() {
    let files = tempfile::tempdir().expect("a folder for the test");
    let device = |name: &str, bytes| Loop::new(&files.path().join(name), bytes);
    let Some(first) = device("first", 64 * MIB) else { return };
    let Some(second) = device("second", 64 * MIB) else { return };
    let Some(source) = device("source", 8 * MIB) else { return };
    // What is larger keeps what lies beyond the volume.
    let Some(target) = device("target", 9 * MIB) else { return };
    let bytes = image(5, 8 * MIB);
    fs::write(&source.device, &bytes).expect("a writable device");
    fs::write(&target.device, vec![0xA5; 9 * MIB]).expect("a writable device");

    let pool = Pool::on_devices(vec![first.device.clone(), second.device.clone()]);
    let id = pool.take(&source.device);
    let mut restore = pool.restore_to(&id, &target.device);
    run(&mut restore).refused("would be lost", "--yes");
    run(restore.arg("--yes")).done();
    let found = fs::read(&target.device).expect("a readable device");
    assert!(found[..8 * MIB] == bytes, "the target holds something else");
    assert!(found[8 * MIB..].iter().all(|byte| *byte == 0xA5), "written beyond the volume");
}

/// An image of whole sectors, not whole blocks, of which the last block is `last`.
fn sectors(size: usize, last: u8) -> Vec<u8> {
    let mut bytes = image(9, size);
    bytes[size - size % BLOCK..].fill(last);
    bytes
}

/// With zeroes and with data at the end; the last one ends just behind a range of the manifest.
const SECTORS: [(usize, u8); 3] =
    [(2 * MIB + 512, 0), (3 * MIB + 1536, 0x5A), (16 * MIB + 3584, 0x5A)];

#[test]
fn volumes_of_whole_sectors_keep_their_size() {
    let pool = Pool::new(1, 64);
    for (size, last) in SECTORS {
        let bytes = sectors(size, last);
        let id = pool.take_bytes(&size.to_string(), &bytes);
        assert!(pool.restore(&id) == bytes, "{size} bytes to a file");
        let stream = run(&mut pool.restore_to(&id, Path::new("-")));
        assert!(stream.stdout == bytes, "{size} bytes to standard output");
        let export = pool.command(&["export", "--point", &id]);
        let export = Export::start(export, pool.path("socket"));
        if let Some(seen) = client("nbdinfo", &["--size", &export.uri()]) {
            assert_eq!(seen.trim(), size.to_string());
        }
        export.stop();
    }
}

#[test]
fn volumes_of_whole_sectors_fit_on_the_device_they_came_from() {
    let files = tempfile::tempdir().expect("a folder for the test");
    let pool = Pool::new(1, 64);
    for (size, last) in SECTORS {
        let bytes = sectors(size, last);
        let device = |name: &str, bytes: &[u8]| {
            let device = Loop::new(&files.path().join(format!("{size}-{name}")), bytes.len())?;
            fs::write(&device.device, bytes).expect("a writable device");
            Some(device)
        };
        let Some(source) = device("source", &bytes) else { return };
        let taken = run(&mut pool.ingest(&source.device)).done();
        assert_eq!(number(&taken, "bytes_logical"), size as u64);
        for more in [0, 512, BLOCK] {
            let Some(target) = device(&more.to_string(), &vec![0xA5; size + more]) else { return };
            run(pool.restore_to("latest", &target.device).arg("--yes")).done();
            let found = fs::read(&target.device).expect("a readable device");
            assert!(found[..size] == bytes, "{size} bytes where {more} more fit");
            assert!(found[size..] == vec![0xA5; more], "written beyond the volume");
        }
        let Some(short) = device("short", &vec![0xA5; size - 512]) else { return };
        run(pool.restore_to("latest", &short.device).arg("--yes")).refused("has", "bigger disk");
    }
}

#[test]
fn volumes_grow_and_shrink_between_recovery_points() {
    let pool = Pool::new(1, 128);
    let large = image(6, 20 * MIB + 4096);
    let sizes = [17 * MIB, 20 * MIB + 4096, 3 * MIB + 7, 16 * MIB, 1, 4095];
    let take = |size: &usize| pool.take_bytes(&size.to_string(), &large[..*size]);
    let ids: Vec<String> = sizes.iter().map(take).collect();
    for (id, size) in ids.iter().zip(sizes) {
        assert!(pool.restore(id) == large[..size], "of {size} bytes");
    }
}

#[test]
fn systems_share_what_they_have_in_common() {
    let pool = Pool::new(1, 64);
    let bytes = image(7, 6 * MIB);
    let path = pool.image("image", &bytes);
    pool.take(&path);
    let other = run_with(pool.command(&["ingest", "--system", "other"]), &[&path]).done();
    assert_eq!(other["parent"], serde_json::Value::Null);
    assert_eq!(number(&other, "bytes_new"), 0);
    assert!(number(&other, "bytes_added") < 64 * 1024, "{other}");
    let list = run(&mut pool.command(&["points", "--system", "other"])).done();
    assert_eq!(list["points"].as_array().map(Vec::len), Some(1));
    assert!(pool.restore(text(&other, "point")) == bytes);
}

#[test]
fn every_way_to_the_kernel_and_every_cipher_library_reads_what_the_others_wrote() {
    let pool = Pool::new(2, 128);
    let mut random = Random(8);
    let ways = [["threads", "aes-gcm"], ["uring", "aws-lc"]];
    let mut taken = Vec::new();
    for [io, cipher] in ways {
        let bytes = image(random.next(), 4 * MIB + 99);
        let path = pool.image(io, &bytes);
        let done = run_with(pool.ingest(&path), &["--io", io, "--cipher", cipher]);
        if io == "uring" && done.code != Some(0) {
            done.refused("no io_uring", "--io threads");
            continue;
        }
        taken.push((text(&done.done(), "point").to_owned(), bytes, io));
    }
    for (id, bytes, by) in taken {
        for cipher in ["aes-gcm", "aws-lc"] {
            let to = pool.path("to");
            run_with(pool.restore_to(&id, &to), &["--cipher", cipher, "--io", "threads"]).done();
            assert!(fs::read(&to).expect("the restored file") == bytes, "written by {by}");
            fs::remove_file(&to).expect("the restored file");
        }
    }
}
