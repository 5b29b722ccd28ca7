//! Sources that are none, or stop being one.

use std::fs::File;
use std::path::Path;

use super::Bystander;
use crate::harness::{Loop, MIB, Pool, Random, Work, client, image, run, run_with};

#[test]
fn what_is_no_disk_image_is_no_source() {
    let well = Bystander::new(1);
    let ingest = |source: &str| run(&mut well.pool.ingest(Path::new(source)));
    let fifo = well.pool.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    well.refuses(|| ingest("/nonexistent/image"), "No such file", "check the path");
    for (what, source) in
        [("directory", "/tmp"), ("neither", "/dev/zero"), ("fifo", &fifo.to_string_lossy())]
    {
        well.refuses(|| ingest(source), what, "name an image file, a block device or an NBD");
    }
    let empty = well.pool.image("empty", &[]);
    well.refuses(|| ingest(&empty.to_string_lossy()), "is empty", "copied whole");
    let own = well.pool.disks[0].to_string_lossy();
    well.refuses(|| ingest(&own), "is a disk of this pool", "system to protect");
    well.is_well();
}

#[test]
fn an_nbd_address_that_leads_nowhere_is_no_source() {
    let well = Bystander::new(1);
    let image = well.pool.path("bystander");
    for (source, what, next) in [
        ("nbd://".to_owned(), "is not the address of an NBD export", "name it as nbd://HOST/NAME"),
        ("nbds://localhost/".to_owned(), "NBD over TLS", "name it as"),
        ("nbd+unix:///?socket=/nonexistent".to_owned(), "cannot reach", "start the server"),
        (format!("nbd+unix:///?socket={}", image.display()), "cannot reach", "start the server"),
        ("nbd://nowhere.invalid/disk".to_owned(), "nowhere.invalid", "check its address"),
    ] {
        well.refuses(|| run(&mut well.pool.ingest(Path::new(&source))), what, next);
    }
    well.is_well();
}

#[test]
fn an_image_that_was_not_copied_to_its_end_is_no_source() {
    let well = Bystander::new(1);
    let (raw, cut) = (well.pool.path("bystander"), well.pool.path("cut.qcow2"));
    let convert = ["convert", "-O", "qcow2", &raw.to_string_lossy(), &cut.to_string_lossy()];
    if client("qemu-img", &convert).is_none() {
        return;
    }
    let file = File::options().write(true).open(&cut).expect("the image");
    file.set_len(2 * MIB as u64).expect("a shorter image");
    let ingest = || run(&mut well.pool.ingest(&cut));
    well.refuses(ingest, "cannot be read whole (", "copy it here again");
    well.is_well();
}

#[test]
fn an_image_that_becomes_shorter_while_it_is_read_is_no_recovery_point() {
    for (disks, rest) in [(1, 12 * MIB + 5), (2, 0)] {
        let pool = Pool::new(disks, 256);
        let mut bytes = vec![0; 96 * MIB];
        Random(61).fill(&mut bytes);
        let path = pool.image("image", &bytes);
        let mut work = Work::start(&mut pool.ingest(&path), &pool.disks[0]);
        assert!(work.grown(16 * MIB as u64), "too fast to be cut short");
        let file = File::options().write(true).open(&path).expect("the image");
        work.while_stopped(|| file.set_len(rest as u64).expect("a shorter image"));
        work.wait().refused("became shorter", "check the source");
        assert!(pool.points().is_empty());
        assert!(pool.restore(&pool.take_bytes("whole", &bytes[..MIB])) == bytes[..MIB]);
    }
}

#[test]
fn a_device_that_cannot_be_read_is_no_recovery_point() {
    let well = Bystander::new(1);
    let Some(source) = Loop::new(&well.pool.path("source"), 24 * MIB) else { return };
    std::fs::write(&source.device, image(62, 24 * MIB)).expect("a writable device");
    source.cut(20 * MIB);
    let outcome = run(&mut well.pool.ingest(&source.device));
    outcome.refused("Input/output error", "check the source");
    assert_eq!(well.pool.points(), [well.id.as_str()]);
    well.is_well();
}

#[test]
fn targets_that_are_there_already_or_too_small_are_not_written_to() {
    let well = Bystander::new(1);
    let taken = well.pool.path("taken");
    std::fs::write(&taken, "precious").expect("room for a small file");
    let restore = |to: &Path| run(&mut well.pool.restore_to(&well.id, to));
    well.refuses(|| restore(&taken), "exists already", "new file");
    assert_eq!(std::fs::read(&taken).expect("the file"), b"precious");
    well.refuses(|| restore(Path::new("/nonexistent/to")), "No such file", "check the path");
    let unknown = || run(&mut well.pool.restore_to("beefbeef", &well.pool.path("to")));
    well.refuses(unknown, "no recovery point beefbeef", "holdfast points");
    assert!(!well.pool.path("to").exists());
    if let Some(small) = Loop::new(&well.pool.path("small"), 2 * MIB) {
        let mut restore = well.pool.restore_to(&well.id, &small.device);
        well.refuses(|| run(restore.arg("--yes")), "has 2", "bigger disk");
        let found = std::fs::read(&small.device).expect("a readable device");
        assert!(found.iter().all(|byte| *byte == 0), "it was written to");
    }
    well.is_well();
}

#[test]
fn a_restore_that_fails_leaves_no_part_of_an_image() {
    let well = Bystander::new(1);
    let to = well.pool.path("to");
    let volume = run_with(well.pool.restore_to(&well.id, &to), &["--volume", "3"]);
    volume.refused("no volume 3", "--volume");
    assert!(!to.exists());
    let full = run(&mut well.pool.restore_to(&well.id, Path::new("/dev/full")));
    full.refused("/dev/full", "");
    well.is_well();
}
