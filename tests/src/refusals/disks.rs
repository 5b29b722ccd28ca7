//! Disks that are none, are others, are taken, are full, or come from the future.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use super::Bystander;
use crate::harness::{BLOCK, Export, MIB, Pool, Random, holdfast, number, run, run_with};

#[test]
fn what_is_no_pool_is_not_opened() {
    let pool = Pool::planned(0);
    let noise = pool.path("noise");
    let mut bytes = vec![0; MIB];
    Random(81).fill(&mut bytes);
    fs::write(&noise, &bytes).expect("room for a small file");
    fs::write(pool.path("empty"), "").expect("room for a small file");
    let open = |disk: &Path| run(&mut pool.on(&[disk], &["points"]));
    open(&noise).refused("is not a Holdfast disk", "holdfast pool create");
    open(&pool.path("nothing")).refused("No such file", "holdfast pool create");
    open(&pool.path("empty")).refused("less than one block", "another disk");
    open(Path::new("/dev/null")).refused("neither a block device nor a regular file", "name a");
    open(Path::new("/tmp")).refused("neither a block device nor a regular file", "name a");
    assert!(fs::read(&noise).expect("the file") == bytes);
}

#[test]
fn a_pool_is_not_made_where_something_is_or_does_not_fit() {
    let mut pool = Pool::planned(2);
    fs::write(&pool.disks[1], "precious").expect("room for a small file");
    run_with(pool.create(), &["--size", "64MiB"]).refused("exists already", "new file");
    assert_eq!(fs::read(&pool.disks[1]).expect("the file"), b"precious");
    assert!(!pool.path("kit").exists() && !pool.disks[0].exists(), "something is left behind");

    fs::remove_file(&pool.disks[1]).expect("the file");
    run(&mut pool.create()).refused("has no size", "--size");
    run_with(pool.create(), &["--size", "1MiB"]).refused("too small", "bigger");
    let left = pool.disks.iter().chain([&pool.path("kit")]).filter(|path| path.exists()).count();
    assert_eq!(left, 0, "something is left behind");
    fs::write(pool.path("kit"), "precious").expect("room for a small file");
    run_with(pool.create(), &["--size", "64MiB"]).refused("exists already", "recovery kit");
    assert_eq!(fs::read(pool.path("kit")).expect("the file"), b"precious");

    fs::remove_file(pool.path("kit")).expect("the file");
    pool.disks[1] = pool.disks[0].clone();
    run_with(pool.create(), &["--size", "64MiB"]).refused("named twice", "each once");
    pool.disks = vec!["/nonexistent/disk".into()];
    run_with(pool.create(), &["--size", "64MiB"]).refused("No such file", "check the path");
}

#[test]
fn disks_of_two_pools_do_not_make_one() {
    let well = Bystander::new(2);
    let other = Bystander::new(2);
    let mixed = [&well.pool.disks[0], &other.pool.disks[1]];
    for words in [&["points"][..], &["points", "--degraded"], &["ingest", "--system", "machine"]] {
        let image = (words[0] == "ingest").then(|| well.pool.path("bystander"));
        let before = other.pool.fingerprint();
        let mixed = || run(well.pool.on(&mixed, words).args(image));
        well.refuses(mixed, "belongs to pool", "disks of one pool");
        assert_eq!(other.pool.fingerprint(), before);
    }
    well.is_well();
    other.is_well();
}

#[test]
fn one_disk_twice_is_not_a_mirror() {
    let well = Bystander::new(2);
    let twice = [&well.pool.disks[0], &well.pool.disks[0]];
    for words in [&["points"][..], &["kit", "prove"]] {
        let mut command = well.pool.on(&twice, words);
        well.refuses(|| run(&mut command), "named twice", "each once");
    }
    well.is_well();
}

#[test]
fn disks_in_use_are_left_alone() {
    let well = Bystander::new(1);
    let mut export = well.pool.command(&["export", "--point", "latest"]);
    export.arg("--quiet");
    let export = Export::start(export, well.pool.path("socket"));
    let mut ingest = well.pool.ingest(&well.pool.path("bystander"));
    well.refuses(|| run(&mut ingest), "in use", "end the other process");
    // Readers do not disturb each other.
    assert_eq!(well.pool.points(), [well.id.as_str()]);
    export.stop();
    well.is_well();
}

#[test]
fn a_disk_that_became_shorter_is_named() {
    let well = Bystander::new(1);
    let disk = File::options().write(true).open(&well.pool.disks[0]).expect("the disk");
    let last = fs::read(&well.pool.disks[0]).expect("the disk").split_off(60 * MIB);
    disk.set_len(60 * MIB as u64).expect("a shorter disk");
    well.refuses(
        || run(&mut well.pool.command(&["points"])),
        "it was created with",
        "grow it back",
    );
    disk.write_all_at(&last, 60 * MIB as u64).expect("room for the disk");
    well.is_well();
}

#[test]
fn a_full_pool_gives_back_what_it_has() {
    let well = Bystander::new(2);
    let mut bytes = vec![0; 80 * MIB];
    Random(82).fill(&mut bytes);
    let path = well.pool.image("large", &bytes);
    run(&mut well.pool.ingest(&path)).refused("full", "bigger pool");
    assert_eq!(well.pool.points(), [well.id.as_str()]);
    assert!(well.pool.restore(&well.id) == well.bytes);
    // What the failed ingest stored stays until it is reclaimed.
    let status = run(&mut well.pool.locked(&["pool", "status"])).done();
    assert!(number(&status, "free_bytes") < 8 * MIB as u64, "{status}");
    well.pool.verify();
    let reclaim = |pool: &Pool| run_with(pool.command(&["reclaim"]), &["--release-after", "0h"]);
    let done = reclaim(&well.pool).done();
    assert!(number(&done, "free_bytes") > 40 * MIB as u64, "{done}");
    let again = well.pool.take_bytes("fits", &bytes[..8 * MIB]);
    assert!(well.pool.restore(&again) == bytes[..8 * MIB]);
    assert!(well.pool.restore(&well.id) == well.bytes);
}

#[test]
fn a_newer_format_is_not_touched() {
    let well = Bystander::new(2);
    let before: Vec<_> =
        well.pool.disks.iter().map(|disk| fs::read(disk).expect("a disk")).collect();
    well.pool.disks.iter().for_each(|disk| change_superblocks(disk, |block| block[8] += 1));
    let ingest = || run(&mut well.pool.ingest(&well.pool.path("bystander")));
    well.refuses(|| run(&mut well.pool.command(&["points"])), "version 2", "newest Holdfast");
    well.refuses(ingest, "version 2", "newest Holdfast");
    well.refuses(
        || run(&mut well.pool.on(&well.pool.disks[..1], &["points", "--degraded"])),
        "version 2",
        "newest Holdfast",
    );
    for (disk, bytes) in well.pool.disks.iter().zip(before) {
        fs::write(disk, bytes).expect("room for the disk");
    }
    well.is_well();
}

#[test]
fn a_pool_with_a_feature_for_writers_is_read_and_not_written() {
    let well = Bystander::new(2);
    // `ro_compat` in FORMAT.md.
    well.pool.disks.iter().for_each(|disk| change_superblocks(disk, |block| block[24] = 4));
    let (features, next) = ("features 0x4", "use the newest Holdfast; points, restore");
    well.refuses(|| run(&mut well.pool.ingest(&well.pool.path("bystander"))), features, next);
    well.refuses(|| run(&mut well.pool.command(&["verify"])), features, next);
    let kit = ["--kit-file".into(), well.pool.path("kit")];
    well.refuses(|| run_with(well.pool.locked(&["kit", "prove"]), &kit), features, next);

    let before = well.pool.fingerprint();
    assert_eq!(well.pool.points(), [well.id.as_str()]);
    assert!(well.pool.restore(&well.id) == well.bytes);
    run(&mut well.pool.locked(&["pool", "status"])).done();
    let verified = run(&mut well.pool.command(&["verify", "--no-heal"])).done();
    assert_eq!((number(&verified, "lost"), number(&verified, "damaged")), (0, 0));
    let export = well.pool.command(&["export", "--point", "latest"]);
    Export::start(export, well.pool.path("socket")).stop();
    assert_eq!(well.pool.fingerprint(), before, "a reader wrote to the disks");
}

/// Changes all superblocks of a disk and makes them right again, as FORMAT.md lays them out: BLAKE3
/// of the first 480 bytes follows those.
fn change_superblocks(disk: &Path, change: impl Fn(&mut [u8])) {
    let inspect = run(Command::new(holdfast()).args(["--json", "inspect"]).arg(disk)).done();
    let file = File::options().read(true).write(true).open(disk).expect("the disk");
    let superblocks = inspect["superblocks"].as_array().expect("a list of superblocks");
    assert_eq!(superblocks.len(), 4);
    for superblock in superblocks {
        let mut block = [0; BLOCK];
        let offset = number(superblock, "offset");
        file.read_exact_at(&mut block, offset).expect("a superblock");
        assert_eq!(&block[..8], b"HOLDFAST");
        change(&mut block);
        let checksum = blake3::hash(&block[..480]);
        block[480..512].copy_from_slice(checksum.as_bytes());
        file.write_all_at(&block, offset).expect("a superblock");
    }
}
